/* The kernels by name. Knows nothing of operations, so that files which hold kernel text can
   include it. */
#ifndef GM_BACKEND_KERNEL_H
#define GM_BACKEND_KERNEL_H

/* Every kernel of kernels/kernels.def. */
enum gm_kernel {
#define GM_KERNEL_ROW(name, ...) GM_KERNEL_##name,
#include "kernels/kernels.def"
#undef GM_KERNEL_ROW
    GM_KERNEL_COUNT
};

enum { GM_LAUNCH_ARGS_MAX = 20 };

/* "gm_k_add": the name of the entry point. */
const char *gm_kernel_name(enum gm_kernel kernel);

#endif
