/* Windows that slide over images: the one size rule of convolution and pooling. */
#ifndef GM_CORE_OPS_WINDOW_H
#define GM_CORE_OPS_WINDOW_H

#include "core/ops/rules.h"

/* Bounds of attributes; far above real use, and small enough that sums and products of two fit. */
enum { GM_WINDOW_STRIDE_MAX = 1 << 16, GM_WINDOW_SIDE_MAX = 1 << 24 };

/* Positions of a window along one side: floor((size + 2 pad - kernel) / stride) + 1, and 0 where it
   does not fit or the stride is 0. */
static inline uint64_t gm_window_count(uint64_t size, uint64_t kernel, uint64_t stride,
                                       uint64_t pad)
{
    uint64_t padded = size + 2 * pad;
    return stride == 0 || kernel == 0 || padded < kernel ? 0 : (padded - kernel) / stride + 1;
}

#endif
