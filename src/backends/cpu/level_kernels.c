/* The kernels' text as C, each with a loop around it that runs a range of its work-items. Compiled
   once per level, so that the loops become that level's vector code. */
#include "backends/cpu/level.h"

#include "kernels/attention.cl"
#include "kernels/conv.cl"
#include "kernels/elementwise.cl"
#include "kernels/embedding.cl"
#include "kernels/loss.cl"
#include "kernels/matmul.cl"
#include "kernels/move.cl"
#include "kernels/norm.cl"
#include "kernels/optimizer.cl"
#include "kernels/pool.cl"
#include "kernels/random.cl"
#include "kernels/reduce.cl"
#include "kernels/rope.cl"

/* Arguments are copied first: what a kernel stores could otherwise be an argument, as far as the
   compiler knows, and no loop would be vectorised. */
#define P(i)   local[i].p
#define U64(i) local[i].u64
#define U32(i) local[i].u32
#define F32(i) local[i].f32

#define GM_KERNEL_ROW(name, ...)                                                                   \
    static void run_##name(const union gm_cpu_arg *args, const struct gm_cpu_range *range)         \
    {                                                                                              \
        union gm_cpu_arg local[GM_LAUNCH_ARGS_MAX];                                                \
        for (int i = 0; i < GM_LAUNCH_ARGS_MAX; i++)                                               \
            local[i] = args[i];                                                                    \
        const gm_u64 first = range->first;                                                         \
        const gm_u64 last = range->last;                                                           \
        for (gm_u64 row = range->row_first; row < range->row_last; row++) {                        \
            GM_INDEPENDENT                                                                         \
            for (gm_u64 item = first; item < last; item++) {                                       \
                const gm_u64 id[3] = {item, row, 0};                                               \
                gm_k_##name(last, __VA_ARGS__, id);                                                \
            }                                                                                      \
        }                                                                                          \
    }
#include "kernels/kernels.def"
#undef GM_KERNEL_ROW

gm_cpu_kernel *const GM_LEVEL(gm_cpu_kernels)[GM_KERNEL_COUNT] = {
#define GM_KERNEL_ROW(name, ...) [GM_KERNEL_##name] = run_##name,
#include "kernels/kernels.def"
#undef GM_KERNEL_ROW
};
