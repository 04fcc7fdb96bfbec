#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static double now_s(const struct contest *contest)
{
    struct timespec t;
    clock_gettime(contest->cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void pause_for(double s)
{
    struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - floor(s)) * 1e9)};
    nanosleep(&t, NULL);
}

static void run_ours(const struct contest *contest, const struct product *p)
{
    struct gm_gemm gemm = {.m = p->m, .n = p->n, .k = p->k, .c = p->c, .c_row_stride = p->n};
    gemm.a.data = p->a;
    gemm.a.row_stride = p->a_transposed ? 1 : p->k;
    gemm.a.col_stride = p->a_transposed ? p->m : 1;
    gemm.b.data = p->b;
    gemm.b.row_stride = p->b_transposed ? 1 : p->n;
    gemm.b.col_stride = p->b_transposed ? p->k : 1;
    gm_gemm_run(contest->level, contest->pool, contest->workspace, &gemm);
}

/* Contestant 0 is ours, the others are the peers. */
static void run_one(const struct contest *contest, const struct product *p, size_t who)
{
    if (who == 0)
        run_ours(contest, p);
    else
        contest->peers[who - 1].run(&contest->peers[who - 1], p);
}

/* Seconds per product over one slice, after one that wakes threads and fills caches. */
static double time_slice(const struct contest *contest, const struct product *p, size_t who)
{
    pause_for(contest->pause_s);
    run_one(contest, p, who);
    double start = now_s(contest);
    double end = start;
    unsigned count = 0;
    do {
        run_one(contest, p, who);
        count++;
        end = now_s(contest);
    } while (end - start < contest->slice_s);
    return (end - start) / count;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value below which `part` of the values lie; sorts them. */
static double quantile(double *values, unsigned count, double part)
{
    qsort(values, count, sizeof *values, compare);
    double at = part * (count - 1);
    unsigned below = (unsigned)at;
    unsigned above = below + 1 < count ? below + 1 : below;
    return values[below] + (at - below) * (values[above] - values[below]);
}

static double difference_max(const struct product *p, const float *other)
{
    double most = 0;
    for (size_t i = 0; i < p->m * p->n; i++)
        most = fmax(most, fabs((double)p->c[i] - (double)other[i]));
    return most / (double)p->k;
}

struct outcome contest_run(const struct contest *contest, const struct product *product,
                           float *peer_c)
{
    static const struct outcome none;
    struct outcome out = none;
    double seconds[1 + PEER_COUNT][ROUNDS_MAX];
    double sorted[ROUNDS_MAX];
    struct product for_peer = *product;
    for_peer.c = peer_c;
    for (unsigned round = 0; round < contest->rounds; round++) {
        for (size_t i = 0; i <= PEER_COUNT; i++) {
            size_t who = (i + round) % (PEER_COUNT + 1); /* everyone comes first now and then */
            if (who == 0 || contest->peers[who - 1].library != NULL)
                seconds[who][round] = time_slice(contest, who == 0 ? product : &for_peer, who);
        }
    }
    double giga = 2e-9 * (double)product->m * (double)product->n * (double)product->k;
    for (size_t who = 0; who <= PEER_COUNT; who++) {
        if (who > 0 && contest->peers[who - 1].library == NULL)
            continue;
        for (unsigned round = 0; round < contest->rounds; round++)
            sorted[round] = seconds[who][round];
        double gflops = giga / quantile(sorted, contest->rounds, 0.5);
        if (who == 0)
            out.ours_gflops = gflops;
        else
            out.peer_gflops[who - 1] = gflops;
        if (who > 0 && gflops > out.peer_gflops[out.best_peer])
            out.best_peer = who - 1;
    }
    if (out.peer_gflops[out.best_peer] == 0)
        return out;
    for (unsigned round = 0; round < contest->rounds; round++)
        sorted[round] = seconds[1 + out.best_peer][round] / seconds[0][round];
    out.ratio = quantile(sorted, contest->rounds, 0.5);
    out.ratio_low = quantile(sorted, contest->rounds, 0.25);
    out.ratio_high = quantile(sorted, contest->rounds, 0.75);
    out.difference_max = difference_max(product, peer_c);
    return out;
}
