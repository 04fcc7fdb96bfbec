/* The pool gives every item to exactly one thread, keeps the profile's floating-point mode in all
   of them, and stays inside the limits that the system sets. */
#include "gm_test.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/cpu/fpmode.h"
#include "backends/cpu/pool.h"
#include "backends/cpu/topology.h"

enum { ITEMS_MAX = 1000, THREADS_MAX = 7 };

static struct gm_pool *pool_new(size_t thread_count, bool bind)
{
    struct gm_pool *pool = NULL;
    struct gm_error err = {0};
    cr_assert(gm_pool_new(thread_count, bind, &pool, &err) == GM_OK, "%s", err.text);
    return pool;
}

/* What the items of one job did. Counts are plain numbers: if two threads met in one item, or the
   caller read too early, ThreadSanitizer would say so. */
struct tally {
    unsigned count[ITEMS_MAX];
    atomic_bool busy[THREADS_MAX];
    atomic_uint faults;
    size_t thread_count;
};

static void count_item(void *ctx, size_t item_index, size_t thread_index)
{
    struct tally *tally = ctx;
    if (thread_index >= tally->thread_count || atomic_exchange(&tally->busy[thread_index], true)) {
        atomic_fetch_add(&tally->faults, 1);
        return;
    }
    tally->count[item_index]++;
    atomic_store(&tally->busy[thread_index], false);
}

static void check_runs(struct gm_pool *pool, size_t runs)
{
    struct tally *tally = calloc(1, sizeof *tally);
    cr_assert_not_null(tally);
    tally->thread_count = gm_pool_thread_count(pool);
    size_t given[ITEMS_MAX + 1] = {0};
    for (size_t run = 0; run < runs; run++) {
        size_t count = run * 37 % (run % 50 == 0 ? ITEMS_MAX + 1 : 9);
        given[count]++;
        gm_pool_run(pool, count, count_item, tally);
    }
    size_t expected = 0;
    for (size_t item = ITEMS_MAX; item-- > 0;) {
        expected += given[item + 1];
        cr_assert(tally->count[item] == expected, "item %zu ran %u times, %zu threads", item,
                  tally->count[item], tally->thread_count);
    }
    cr_assert_eq(atomic_load(&tally->faults), 0);
    free(tally);
}

Test(pool, runs_every_item_once_whatever_the_number_of_threads)
{
    static const size_t thread_counts[] = {1, 2, 3, THREADS_MAX};
    check_runs(NULL, 100);
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        struct gm_pool *pool = pool_new(thread_counts[i], false);
        cr_assert_eq(gm_pool_thread_count(pool), thread_counts[i]);
        check_runs(pool, 1500);
        gm_pool_free(pool);
    }
}

Test(pool, can_be_made_and_freed_without_a_job)
{
    for (size_t threads = 1; threads <= 3; threads++)
        gm_pool_free(pool_new(threads, true));
    gm_pool_free(NULL);
}

Test(pool, refuses_more_threads_than_it_can_name)
{
    struct gm_pool *pool = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_pool_new(GM_POOL_THREADS_MAX + 1, false, &pool, &err), GM_INVALID);
    cr_assert_not_null(strstr(err.text, "1025"));
    cr_assert_null(pool);
}

/* A mode as some libraries leave it behind: subnormals become zero. */
static uint64_t flushing_mode(void)
{
#if defined(__x86_64__)
    return 0x9fc0;
#elif defined(__aarch64__)
    return (uint64_t)1 << 24;
#else
    return gm_fpmode_enter();
#endif
}

struct halves {
    volatile float smallest_normal;
    float out[64];
};

static void halve(void *ctx, size_t item_index, size_t thread_index)
{
    struct halves *halves = ctx;
    (void)thread_index;
    halves->out[item_index] = halves->smallest_normal * 0.5f;
}

Test(pool, keeps_subnormals_in_every_thread_and_restores_the_callers_mode)
{
    struct halves halves = {.smallest_normal = 0x1p-126f};
    uint64_t before = gm_fpmode_enter();
    gm_fpmode_restore(flushing_mode()); /* before the threads start: they inherit it */
    struct gm_pool *pool = pool_new(4, false);
    for (int run = 0; run < 20; run++) {
        memset(halves.out, 0, sizeof halves.out);
        gm_pool_run(pool, 64, halve, &halves);
        for (int i = 0; i < 64; i++)
            cr_assert(memcmp(&halves.out[i], &(float){0x1p-127f}, sizeof(float)) == 0);
    }
    uint64_t after = gm_fpmode_enter();
    gm_fpmode_restore(before);
    cr_assert_eq(after & flushing_mode(), flushing_mode());
    gm_pool_free(pool);
}

/* The machine as this test is allowed to see it. */
Test(topology, binds_within_the_mask_and_puts_the_callers_mask_back)
{
    struct gm_cpu_topology topology;
    struct gm_error err = {0};
    cr_assert(gm_cpu_topology_init(&topology, &err) == GM_OK, "%s", err.text);
    size_t threads = gm_cpu_topology_thread_count(&topology);
    cr_assert(threads >= 1 && threads <= topology.core_count);
    hwloc_cpuset_t before = hwloc_bitmap_alloc();
    hwloc_cpuset_t now = hwloc_bitmap_alloc();
    cr_assert(hwloc_get_cpubind(topology.hwloc, before, HWLOC_CPUBIND_THREAD) == 0);
    struct gm_pool *pool = pool_new(topology.core_count, true);
    cr_assert(hwloc_get_cpubind(topology.hwloc, now, HWLOC_CPUBIND_THREAD) == 0);
    cr_assert(hwloc_bitmap_isincluded(now, topology.allowed));
    check_runs(pool, 200);
    gm_pool_free(pool);
    cr_assert(hwloc_get_cpubind(topology.hwloc, now, HWLOC_CPUBIND_THREAD) == 0);
    cr_assert(hwloc_bitmap_isequal(now, before));
    hwloc_bitmap_free(before);
    hwloc_bitmap_free(now);
    gm_cpu_topology_fini(&topology);
}

Test(topology, names_each_core_of_the_mask_once)
{
    struct gm_cpu_topology topology;
    struct gm_error err = {0};
    cr_assert(gm_cpu_topology_init(&topology, &err) == GM_OK, "%s", err.text);
    hwloc_cpuset_t seen = hwloc_bitmap_alloc();
    for (size_t i = 0; i < topology.core_count; i++) {
        hwloc_cpuset_t core = gm_cpu_topology_core(&topology, i);
        cr_assert_not_null(core);
        cr_assert(!hwloc_bitmap_iszero(core));
        cr_assert(!hwloc_bitmap_intersects(core, seen));
        hwloc_bitmap_or(seen, seen, core);
        hwloc_bitmap_free(core);
    }
    cr_assert(hwloc_bitmap_isincluded(seen, topology.allowed));
    hwloc_bitmap_free(seen);
    gm_cpu_topology_fini(&topology);
}

/* A tree of control groups as the kernel shows them, in a folder of our own. */
struct groups {
    char root[64];
};

static void groups_init(struct groups *groups)
{
    (void)snprintf(groups->root, sizeof groups->root, "/tmp/gm-groups-XXXXXX");
    cr_assert_not_null(mkdtemp(groups->root));
}

static void groups_write(const struct groups *groups, const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof full, "%s/%s", groups->root, path);
    for (char *at = full + strlen(groups->root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = 0;
        mkdir(full, 0700);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void groups_fini(const struct groups *groups)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", groups->root);
    cr_assert_eq(system(command), 0);
}

Test(topology, takes_the_tightest_quota_of_version_2_groups)
{
    struct groups groups;
    groups_init(&groups);
    groups_write(&groups, "cpu.max", "max 100000\n");
    groups_write(&groups, "a/cpu.max", "250000 100000\n");
    groups_write(&groups, "a/b/cpu.max", "800000 100000\n");
    groups_write(&groups, "c/cpu.max", "50000 100000\n");
    cr_assert_eq(gm_cpu_quota("0::/\n", groups.root), 0);
    cr_assert_eq(gm_cpu_quota("0::/a\n", groups.root), 3);
    cr_assert_eq(gm_cpu_quota("0::/a/b\n", groups.root), 3);
    cr_assert_eq(gm_cpu_quota("0::/a/b/not/mounted/here\n", groups.root), 3);
    cr_assert_eq(gm_cpu_quota("0::/c\n", groups.root), 1);
    groups_fini(&groups);
}

Test(topology, takes_the_tightest_quota_of_version_1_groups)
{
    struct groups groups;
    groups_init(&groups);
    groups_write(&groups, "cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    groups_write(&groups, "cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    groups_write(&groups, "cpu,cpuacct/a/cpu.cfs_quota_us", "400000\n");
    groups_write(&groups, "cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    groups_write(&groups, "unified/u/cpu.max", "200000 100000\n");
    cr_assert_eq(gm_cpu_quota("4:cpu,cpuacct:/\n3:cpuset:/a\n0::/\n", groups.root), 0);
    cr_assert_eq(gm_cpu_quota("4:cpu,cpuacct:/a\n0::/\n", groups.root), 4);
    cr_assert_eq(gm_cpu_quota("4:cpu,cpuacct:/a\n0::/u\n", groups.root), 2);
    groups_fini(&groups);
}

Test(topology, takes_no_quota_from_text_that_makes_no_sense)
{
    struct groups groups;
    groups_init(&groups);
    groups_write(&groups, "a/cpu.max", "-5 0\n");
    groups_write(&groups, "b/cpu.max", "");
    cr_assert_eq(gm_cpu_quota("", groups.root), 0);
    cr_assert_eq(gm_cpu_quota("nonsense\n::::\n0\n0:\n", groups.root), 0);
    cr_assert_eq(gm_cpu_quota("0::/a\n", groups.root), 0);
    cr_assert_eq(gm_cpu_quota("0::/b\n", groups.root), 0);
    groups_fini(&groups);
}
