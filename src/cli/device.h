/* The device options that several verbs share, and the device they ask for. */
#ifndef GM_CLI_DEVICE_H
#define GM_CLI_DEVICE_H

#include "backend/registry.h"
#include "cli/args.h"

/* clang-format off */
#define GM_DEVICE_OPTIONS                                                                          \
    {"--backend", "NAME", "the backend to compute on: cpu", "cpu"},                                \
    {"--threads", "N", "threads, within the affinity mask and the cgroup's limits;\n"              \
                       "0: all that these allow", "0"},                                            \
    {"--level", "NAME", "instruction level: scalar, neon, avx2, avx512, or best", "best"},         \
    {"--memory", "SIZE", "the most memory for tensors, as 512MiB or 8GiB; 0: no limit", "0"}
/* clang-format on */

enum gm_status gm_device_from_args(const struct gm_args *args, struct gm_device **out,
                                   struct gm_error *err) GM_MUST_USE;

#endif
