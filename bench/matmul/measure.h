/* Interleaved rounds: in each, every contestant computes the same product for a slice of time, so
   that whatever else the machine does meets all of them. Ratios are formed within a round. */
#ifndef GM_BENCH_MATMUL_MEASURE_H
#define GM_BENCH_MATMUL_MEASURE_H

#include "backends/cpu/gemm.h"
#include "peer.h"

enum { ROUNDS_MAX = 99 };

struct contest {
    const struct gm_gemm_level *level;
    struct gm_pool *pool;
    void *workspace;
    const struct peer *peers;
    unsigned rounds; /* 1 .. ROUNDS_MAX, odd for a true median */
    double slice_s;  /* each contestant's time per round, at least one product */
    bool cpu_time;   /* count the processor's time, for one thread on a machine that is shared */
    double pause_s;  /* before each: lets the other's waiting threads fall asleep */
};

struct outcome {
    double ours_gflops, peer_gflops[PEER_COUNT]; /* medians; 0: the peer is not here */
    size_t best_peer;
    double ratio, ratio_low, ratio_high; /* ours over the better peer: median, quartiles */
    double difference_max;               /* largest |ours - peer| / k over the result */
};

struct outcome contest_run(const struct contest *contest, const struct product *product,
                           float *peer_c);

#endif
