/* A processor with one core: for programs that are built for another machine, where hwloc is not at
   hand. */
#include <string.h>

#include "backends/cpu/topology.h"

enum gm_status gm_cpu_topology_init(struct gm_cpu_topology *topology, struct gm_error *err)
{
    (void)err;
    memset(topology, 0, sizeof *topology);
    topology->core_count = 1;
    return GM_OK;
}

void gm_cpu_topology_fini(struct gm_cpu_topology *topology)
{
    (void)topology;
}

size_t gm_cpu_topology_thread_count(const struct gm_cpu_topology *topology)
{
    return topology->core_count;
}
