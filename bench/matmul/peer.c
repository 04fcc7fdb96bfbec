#include "peer.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"

typedef int onednn_sgemm(char transa, char transb, ptrdiff_t m, ptrdiff_t n, ptrdiff_t k,
                         float alpha, const float *a, ptrdiff_t lda, const float *b, ptrdiff_t ldb,
                         float beta, float *c, ptrdiff_t ldc);
typedef void cblas_sgemm(int order, int transa, int transb, int m, int n, int k, float alpha,
                         const float *a, int lda, const float *b, int ldb, float beta, float *c,
                         int ldc);

enum { CBLAS_ROW_MAJOR = 101, CBLAS_PLAIN = 111, CBLAS_TRANSPOSED = 112 };

static size_t a_stride(const struct product *p)
{
    return p->a_transposed ? p->m : p->k;
}

static size_t b_stride(const struct product *p)
{
    return p->b_transposed ? p->k : p->n;
}

static void run_onednn(const struct peer *peer, const struct product *p)
{
    onednn_sgemm *sgemm = (onednn_sgemm *)peer->function;
    sgemm(p->a_transposed ? 'T' : 'N', p->b_transposed ? 'T' : 'N', (ptrdiff_t)p->m,
          (ptrdiff_t)p->n, (ptrdiff_t)p->k, 1, p->a, (ptrdiff_t)a_stride(p), p->b,
          (ptrdiff_t)b_stride(p), 0, p->c, (ptrdiff_t)p->n);
}

static void run_openblas(const struct peer *peer, const struct product *p)
{
    cblas_sgemm *sgemm = (cblas_sgemm *)peer->function;
    sgemm(CBLAS_ROW_MAJOR, p->a_transposed ? CBLAS_TRANSPOSED : CBLAS_PLAIN,
          p->b_transposed ? CBLAS_TRANSPOSED : CBLAS_PLAIN, (int)p->m, (int)p->n, (int)p->k, 1,
          p->a, (int)a_stride(p), p->b, (int)b_stride(p), 0, p->c, (int)p->n);
}

static bool open_one(struct peer *peer, const char *library, const char *function)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return false;
    void *symbol = dlsym(handle, function);
    if (symbol == NULL)
        return false;
    /* ISO C has no cast from an object pointer to a function pointer. */
    memcpy(&peer->function, &symbol, sizeof symbol);
    peer->library = library;
    return true;
}

static void open_first(struct peer *peer, const char *const *libraries, const char *function)
{
    for (size_t i = 0; libraries[i] != NULL; i++)
        if (open_one(peer, libraries[i], function))
            return;
    fprintf(stderr, "%s: not found, left out\n", peer->name);
}

/* OpenBLAS takes slow kernels on processors whose model it does not know; naming the kernels that
   the processor's features allow is what a careful user would do. */
static void choose_openblas_kernels(void)
{
    if (gm_cpu_level_available(GM_CPU_AVX512))
        setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 1);
    else if (gm_cpu_level_available(GM_CPU_AVX2))
        setenv("OPENBLAS_CORETYPE", "HASWELL", 1);
}

void peers_open(struct peer peers[PEER_COUNT], unsigned thread_count)
{
    static const char *const onednn[] = {"libdnnl.so.3", "libdnnl.so.2", NULL};
    static const char *const openblas[] = {"libopenblas.so.0", NULL};
    char count[16];
    snprintf(count, sizeof count, "%u", thread_count);
    setenv("OMP_NUM_THREADS", count, 1);
    setenv("OPENBLAS_NUM_THREADS", count, 1);
    unsetenv("OPENBLAS_L2_SIZE"); /* set for another program; the library measures it itself */
    choose_openblas_kernels();
    peers[0] = (struct peer){.name = "oneDNN", .run = run_onednn};
    peers[1] = (struct peer){.name = "OpenBLAS", .run = run_openblas};
    open_first(&peers[0], onednn, "dnnl_sgemm");
    open_first(&peers[1], openblas, "cblas_sgemm");
}
