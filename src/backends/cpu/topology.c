#include "backends/cpu/topology.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096, LINE_SIZE = 128 };

/* Cores with at least one unit in the mask: a mask may hold one unit of two. */
static size_t count_cores(hwloc_topology_t hwloc, hwloc_const_cpuset_t allowed)
{
    size_t count = 0;
    hwloc_obj_t core = NULL;
    while ((core = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_CORE, core)) != NULL)
        count += (size_t)hwloc_bitmap_intersects(core->cpuset, allowed);
    if (count == 0 && hwloc_bitmap_weight(allowed) > 0) /* a machine that reports no cores */
        count = (size_t)hwloc_bitmap_weight(allowed);
    return count > 0 ? count : 1;
}

static size_t read_text(const char *path, char *text, size_t size)
{
    text[0] = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    text[length] = 0;
    return length;
}

enum gm_status gm_cpu_topology_init(struct gm_cpu_topology *topology, struct gm_error *err)
{
    memset(topology, 0, sizeof *topology);
    if (hwloc_topology_init(&topology->hwloc) != 0)
        return gm_error_set(err, GM_NO_MEMORY, "no memory for the processor topology");
    topology->allowed = hwloc_bitmap_alloc();
    if (topology->allowed == NULL || hwloc_topology_load(topology->hwloc) != 0) {
        gm_cpu_topology_fini(topology);
        return gm_error_set(err, GM_UNAVAILABLE, "hwloc cannot read the processor topology");
    }
    /* The mask of the process, not of this thread: another pool may have bound this thread. */
    if (hwloc_get_cpubind(topology->hwloc, topology->allowed, HWLOC_CPUBIND_PROCESS) != 0)
        hwloc_bitmap_copy(topology->allowed, hwloc_topology_get_allowed_cpuset(topology->hwloc));
    topology->core_count = count_cores(topology->hwloc, topology->allowed);
    char groups[PATH_SIZE];
    read_text("/proc/self/cgroup", groups, sizeof groups);
    topology->quota_count = gm_cpu_quota(groups, "/sys/fs/cgroup");
    return GM_OK;
}

void gm_cpu_topology_fini(struct gm_cpu_topology *topology)
{
    hwloc_bitmap_free(topology->allowed);
    if (topology->hwloc != NULL)
        hwloc_topology_destroy(topology->hwloc);
    memset(topology, 0, sizeof *topology);
}

size_t gm_cpu_topology_thread_count(const struct gm_cpu_topology *topology)
{
    size_t count = topology->core_count;
    if (topology->quota_count != 0 && topology->quota_count < count)
        count = topology->quota_count;
    return count;
}

hwloc_cpuset_t gm_cpu_topology_core(const struct gm_cpu_topology *topology, size_t index)
{
    hwloc_cpuset_t set = hwloc_bitmap_alloc();
    if (set == NULL)
        return NULL;
    size_t wanted = index % topology->core_count;
    hwloc_obj_t core = NULL;
    while ((core = hwloc_get_next_obj_by_type(topology->hwloc, HWLOC_OBJ_CORE, core)) != NULL) {
        if (!hwloc_bitmap_intersects(core->cpuset, topology->allowed))
            continue;
        if (wanted-- == 0) {
            hwloc_bitmap_and(set, core->cpuset, topology->allowed);
            return set;
        }
    }
    hwloc_bitmap_copy(set, topology->allowed);
    return set;
}

static size_t cores_of(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    return (size_t)((quota + period - 1) / period);
}

static size_t quota_v2(const char *folder)
{
    char path[PATH_SIZE + LINE_SIZE];
    char text[LINE_SIZE];
    long long quota = 0;
    long long period = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (read_text(path, text, sizeof text) == 0)
        return 0;
    /* "max 100000" means no limit, and does not scan as two numbers. */
    return sscanf(text, "%lld %lld", &quota, &period) == 2 ? cores_of(quota, period) : 0;
}

static size_t quota_v1(const char *folder)
{
    char path[PATH_SIZE + LINE_SIZE];
    char text[LINE_SIZE];
    long long quota = 0;
    long long period = 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (read_text(path, text, sizeof text) == 0 || sscanf(text, "%lld", &quota) != 1)
        return 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (read_text(path, text, sizeof text) == 0 || sscanf(text, "%lld", &period) != 1)
        return 0;
    return cores_of(quota, period);
}

/* The tightest quota from the group root/mount/group up to root/mount itself. In a container the
   file system often shows the container's own group as the mount, so missing folders are passed
   over rather than ending the walk. */
static size_t quota_upwards(const char *root, const char *mount, const char *group,
                            size_t (*read)(const char *))
{
    char folder[PATH_SIZE];
    int length = snprintf(folder, sizeof folder, "%s%s%s", root, mount, group);
    if (length < 0 || (size_t)length >= sizeof folder)
        return 0;
    size_t mount_length = strlen(root) + strlen(mount);
    size_t tightest = 0;
    for (;;) {
        size_t here = read(folder);
        if (here != 0 && (tightest == 0 || here < tightest))
            tightest = here;
        char *slash = strrchr(folder + mount_length, '/');
        if (slash == NULL)
            return tightest;
        *slash = 0;
    }
}

static bool names_cpu(const char *controllers)
{
    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == 0 || at[3] == ','))
            return true;
    }
    return false;
}

static size_t smaller_quota(size_t a, size_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* One line of /proc/self/cgroup: "number:controllers:/group". */
static size_t quota_of_line(char *line, const char *root)
{
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL)
        return 0;
    *controllers = '/'; /* the mount of version 1: "/cpu,cpuacct" */
    *group++ = 0;
    /* Where both versions are mounted, version 2 has a folder of its own. */
    if (controllers[1] == 0)
        return smaller_quota(quota_upwards(root, "", group, quota_v2),
                             quota_upwards(root, "/unified", group, quota_v2));
    if (!names_cpu(controllers + 1))
        return 0;
    return smaller_quota(quota_upwards(root, controllers, group, quota_v1),
                         quota_upwards(root, "/cpu", group, quota_v1));
}

size_t gm_cpu_quota(const char *proc_cgroup, const char *root)
{
    size_t tightest = 0;
    while (*proc_cgroup != 0) {
        char line[PATH_SIZE];
        size_t length = strcspn(proc_cgroup, "\n");
        if (length < sizeof line) {
            memcpy(line, proc_cgroup, length);
            line[length] = 0;
            tightest = smaller_quota(tightest, quota_of_line(line, root));
        }
        proc_cgroup += length + (proc_cgroup[length] == '\n');
    }
    return tightest;
}
