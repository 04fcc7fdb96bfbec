/* Our matrix multiplication against oneDNN and OpenBLAS, over the shapes that training has.

     bench_matmul [--threads N] [--quick] [--level NAME] [--rounds N] [--only TEXT] [--cpu-time]

   prints a table: GFLOP/s of each, and the median ratio to the better peer with its quartiles.
   --cpu-time counts the processor's time instead of the wall's: for one thread where other programs
   want the same processors. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "measure.h"

struct options {
    uint64_t threads;
    uint64_t rounds;
    bool quick;
    bool cpu_time;
    enum gm_cpu_level level;
    const char *only; /* NULL: all */
};

static const struct product shapes[] = {
#define SHAPE(name, a_transposed, b_transposed, m, n, k)                                           \
    {name, a_transposed, b_transposed, m, n, k, NULL, NULL, NULL},
#include "shapes.def"
#undef SHAPE
};
enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes };

/* Products above this take seconds each: left out of a quick look. */
static const double QUICK_WORK_MAX = 2e10;

static bool is_wanted(const struct options *options, const struct product *shape)
{
    double work = (double)shape->m * (double)shape->n * (double)shape->k;
    if (options->only != NULL)
        return strstr(shape->name, options->only) != NULL;
    return !options->quick || work <= QUICK_WORK_MAX;
}

static bool find_level(const char *name, enum gm_cpu_level *out)
{
    for (int level = 0; level < GM_CPU_LEVEL_COUNT; level++) {
        *out = (enum gm_cpu_level)level;
        if (strcmp(gm_cpu_level_name(*out), name) == 0 && gm_cpu_level_available(*out))
            return true;
    }
    fprintf(stderr, "--level %s: not a level of this processor\n", name);
    return false;
}

static bool read_options(int argc, char **argv, struct options *out)
{
    struct gm_error err = {0};
    *out = (struct options){.threads = 1, .rounds = 15, .level = gm_cpu_level_best()};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--quick") == 0) {
            out->quick = true;
            continue;
        }
        if (strcmp(argv[i], "--cpu-time") == 0) {
            out->cpu_time = true;
            continue;
        }
        bool good = false;
        if (strcmp(argv[i], "--threads") == 0)
            good =
                gm_text_u64(argv[i], value, 1, GM_POOL_THREADS_MAX, &out->threads, &err) == GM_OK;
        else if (strcmp(argv[i], "--rounds") == 0)
            good = gm_text_u64(argv[i], value, 1, ROUNDS_MAX, &out->rounds, &err) == GM_OK;
        else if (strcmp(argv[i], "--level") == 0)
            good = find_level(value, &out->level);
        else if (strcmp(argv[i], "--only") == 0)
            good = (out->only = value) != NULL;
        if (!good) {
            fprintf(stderr, "%s %s: not understood. %s\n", argv[i], value, err.text);
            return false;
        }
        i++;
    }
    return true;
}

struct buffers {
    float *a, *b, *c, *peer_c;
    void *workspace;
};

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Uniform in [-1, 1), the same at every run. */
static void fill(float *data, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (float)(seed >> 8) * 0x1p-23f - 1;
    }
}

static bool buffers_init(struct buffers *out, const struct options *options,
                         const struct gm_gemm_level *level)
{
    size_t a = 1, b = 1, c = 1, workspace_bytes = 1;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        const struct product *s = &shapes[i];
        if (!is_wanted(options, s))
            continue;
        a = max_size(a, s->m * s->k);
        b = max_size(b, s->k * s->n);
        c = max_size(c, s->m * s->n);
        workspace_bytes = max_size(
            workspace_bytes, gm_gemm_workspace_bytes(level, options->threads, s->m, s->n, s->k));
    }
    out->a = gm_mem_new_aligned(4096, a * sizeof(float));
    out->b = gm_mem_new_aligned(4096, b * sizeof(float));
    out->c = gm_mem_new_aligned(4096, c * sizeof(float));
    out->peer_c = gm_mem_new_aligned(4096, c * sizeof(float));
    out->workspace = gm_mem_new_aligned(4096, workspace_bytes);
    if (out->a == NULL || out->b == NULL || out->c == NULL || out->peer_c == NULL ||
        out->workspace == NULL) {
        fprintf(stderr, "not enough memory\n");
        return false;
    }
    fill(out->a, a, 1);
    fill(out->b, b, 2);
    return true;
}

static void print_head(const struct options *options, const struct peer *peers)
{
    printf("level %s, %u threads, %u rounds, interleaved, %s time; GFLOP/s are medians\n",
           gm_cpu_level_name(options->level), (unsigned)options->threads, (unsigned)options->rounds,
           options->cpu_time ? "processor" : "wall");
    for (size_t i = 0; i < PEER_COUNT; i++)
        printf("peer %s: %s\n", peers[i].name,
               peers[i].library != NULL ? peers[i].library : "not here");
    const char *coretype = getenv("OPENBLAS_CORETYPE");
    printf("OPENBLAS_CORETYPE=%s\n\n", coretype != NULL ? coretype : "");
    printf("%-13s %-2s %19s %8s %8s %8s   %s\n", "shape", "op", "m x n x k", "ours", peers[0].name,
           peers[1].name, "ratio to the better (quartiles)");
}

static void print_row(const struct product *p, const struct outcome *o)
{
    char size[32];
    snprintf(size, sizeof size, "%zux%zux%zu", p->m, p->n, p->k);
    printf("%-13s %c%c %19s %8.1f %8.1f %8.1f   %.3f (%.3f to %.3f)%s\n", p->name,
           p->a_transposed ? 'T' : 'N', p->b_transposed ? 'T' : 'N', size, o->ours_gflops,
           o->peer_gflops[0], o->peer_gflops[1], o->ratio, o->ratio_low, o->ratio_high,
           o->difference_max < 1e-6 ? "" : "  RESULTS DIFFER");
    fflush(stdout);
}

static void print_table(const struct options *options, const struct contest *contest,
                        const struct buffers *buffers)
{
    double log_sum = 0;
    double least = INFINITY;
    unsigned count = 0;
    for (size_t i = 0; i < SHAPE_COUNT; i++) {
        if (!is_wanted(options, &shapes[i]))
            continue;
        struct product product = shapes[i];
        product.a = buffers->a;
        product.b = buffers->b;
        product.c = buffers->c;
        struct outcome outcome = contest_run(contest, &product, buffers->peer_c);
        print_row(&product, &outcome);
        log_sum += log(outcome.ratio);
        least = fmin(least, outcome.ratio);
        count++;
    }
    printf("\ngeometric mean of the ratios %.3f, least %.3f, over %u shapes\n",
           exp(log_sum / count), least, count);
}

/* Libraries start their threads at the first call, with the mask of the thread that calls. */
static void wake_peers(const struct peer *peers, const struct buffers *buffers)
{
    struct product product = {.m = 64, .n = 64, .k = 64, .a = buffers->a, .b = buffers->b};
    product.c = buffers->peer_c;
    for (size_t i = 0; i < PEER_COUNT; i++)
        if (peers[i].library != NULL)
            peers[i].run(&peers[i], &product);
}

int main(int argc, char **argv)
{
    struct options options;
    struct buffers buffers;
    struct peer peers[PEER_COUNT];
    struct gm_error err = {0};
    if (!read_options(argc, argv, &options))
        return 2;
    const struct gm_gemm_level *level = gm_gemm_level_get(options.level);
    if (!buffers_init(&buffers, &options, level))
        return 1;
    peers_open(peers, (unsigned)options.threads);
    wake_peers(peers, &buffers);
    struct contest contest = {.level = level,
                              .workspace = buffers.workspace,
                              .peers = peers,
                              .rounds = (unsigned)options.rounds,
                              .cpu_time = options.cpu_time,
                              .slice_s = options.quick ? 0.01 : 0.04,
                              .pause_s = options.threads > 1 ? 0.03 : 0};
    if (gm_pool_new(options.threads, true, &contest.pool, &err) != GM_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    print_head(&options, peers);
    print_table(&options, &contest, &buffers);
    gm_pool_free(contest.pool);
    gm_mem_free(buffers.a);
    gm_mem_free(buffers.b);
    gm_mem_free(buffers.c);
    gm_mem_free(buffers.peer_c);
    gm_mem_free(buffers.workspace);
    return 0;
}
