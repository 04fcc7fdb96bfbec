#include "cli/device.h"

#include <string.h>

enum { THREADS_MAX = 4096 };

enum gm_status gm_device_from_args(const struct gm_args *args, struct gm_device **out,
                                   struct gm_error *err)
{
    struct gm_device_options options = {0};
    uint64_t threads;
    const char *level = gm_args_value(args, "--level");
    GM_TRY(gm_args_u64(args, "--threads", 0, THREADS_MAX, &threads, err));
    GM_TRY(gm_args_size(args, "--memory", &options.memory_bytes_max, err));
    options.thread_count = (uint32_t)threads;
    options.level = strcmp(level, "best") == 0 ? NULL : level;
    return gm_device_open(gm_args_value(args, "--backend"), &options, out, err);
}
