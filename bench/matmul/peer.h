/* The libraries we measure ourselves against, opened at run time. */
#ifndef GM_BENCH_MATMUL_PEER_H
#define GM_BENCH_MATMUL_PEER_H

#include <stdbool.h>
#include <stddef.h>

/* c = a b, all row-major; a is (m, k), or (k, m) when transposed; b is (k, n), or (n, k). */
struct product {
    const char *name;
    bool a_transposed, b_transposed;
    size_t m, n, k;
    const float *a, *b;
    float *c;
};

enum { PEER_COUNT = 2 };

struct peer {
    const char *name;
    const char *library; /* the file that was opened; NULL: not on this machine */
    void (*function)(void);
    void (*run)(const struct peer *peer, const struct product *product);
};

/* Sets the environment that the libraries read when they are loaded, then loads them. */
void peers_open(struct peer peers[PEER_COUNT], unsigned thread_count);

#endif
