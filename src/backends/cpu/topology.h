/* Which processors this process may use: the affinity mask it was started with, and the share of
   time its control group grants. A guest takes no more than it was given. */
#ifndef GM_CPU_TOPOLOGY_H
#define GM_CPU_TOPOLOGY_H

#include <hwloc.h>
#include <stddef.h>

#include "base/status.h"

struct gm_cpu_topology {
    hwloc_topology_t hwloc;
    hwloc_cpuset_t allowed; /* the processing units of the affinity mask */
    size_t core_count;      /* distinct cores with at least one unit in `allowed`, at least 1 */
    size_t quota_count;     /* whole cores' worth of the group's quota, rounded up; 0: no quota */
};

/* Reads the machine. Call gm_cpu_topology_fini when it succeeded. Takes some milliseconds and
   about 1 MB until then. */
enum gm_status gm_cpu_topology_init(struct gm_cpu_topology *topology,
                                    struct gm_error *err) GM_MUST_USE;
void gm_cpu_topology_fini(struct gm_cpu_topology *topology);

/* How many threads to use when nobody says: cores in the mask, limited by the quota; at least 1. */
size_t gm_cpu_topology_thread_count(const struct gm_cpu_topology *topology);

/* The units of core `index` (modulo core_count) that are in the mask, as a new set of the
   caller's (hwloc_bitmap_free); NULL without memory. */
hwloc_cpuset_t gm_cpu_topology_core(const struct gm_cpu_topology *topology, size_t index);

/* The quota of the calling process's control group and all groups above it, the tightest of them,
   in whole cores rounded up; 0 when there is none. Understands version 2 (cpu.max) and version 1
   (cpu.cfs_quota_us). `proc_cgroup` is the text of /proc/self/cgroup; `root` is where the groups
   are mounted, "/sys/fs/cgroup". Unreadable files count as no quota. */
size_t gm_cpu_quota(const char *proc_cgroup, const char *root);

#endif
