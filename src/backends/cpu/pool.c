#include "backends/cpu/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "backends/cpu/fpmode.h"
#include "backends/cpu/topology.h"
#include "base/mem.h"

/* The state word: the job's number in the high half, a bit that says whether workers may still
   join it, and how many are in it. A worker joins by compare and swap, so that one that wakes late
   can tell that the job is over and the caller never waits for a sleeper. */
#define STATE_JOB         ((uint64_t)1 << 32)
#define STATE_OPEN        ((uint64_t)1 << 31)
#define STATE_INSIDE_MASK (STATE_OPEN - 1)

enum {
    SPIN_COUNT = 4000, /* about 50 us: longer than the gap between two operations of a program */
    CACHE_LINE_BYTES = 64
};

struct worker {
    pthread_t thread;
    struct gm_pool *pool;
    size_t index;          /* 1 .. thread_count - 1 */
    hwloc_cpuset_t cpuset; /* NULL: unbound */
};

struct gm_pool {
    size_t thread_count;
    unsigned spin_count; /* 0 when there are more threads than cores */

    /* The job: written by the caller while nobody is inside. */
    void (*fn)(void *ctx, size_t item_index, size_t thread_index);
    void *ctx;
    size_t item_count;

    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t state;
    _Alignas(CACHE_LINE_BYTES) _Atomic size_t item_next;
    _Alignas(CACHE_LINE_BYTES) _Atomic size_t sleeper_count; /* workers that wait for `wake` */
    _Atomic bool caller_sleeps;
    _Atomic bool stop;

    pthread_mutex_t mutex;
    pthread_cond_t wake; /* a new job, or stop */
    pthread_cond_t done; /* the last worker left the job */
    pthread_cond_t ready;
    size_t ready_count; /* workers that have bound themselves; under the mutex */

    struct worker *workers; /* thread_count - 1 */
    size_t worker_count;    /* those started */

    /* Kept only while threads are bound, for putting the caller's mask back. */
    struct gm_cpu_topology topology;
    hwloc_cpuset_t caller_set; /* the caller's mask before; NULL: nothing was bound */
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_items(struct gm_pool *pool, size_t thread_index)
{
    for (;;) {
        size_t item = atomic_fetch_add_explicit(&pool->item_next, 1, memory_order_relaxed);
        if (item >= pool->item_count)
            return;
        pool->fn(pool->ctx, item, thread_index);
    }
}

/* Joins the open job that `state` shows; false when it closed meanwhile. */
static bool join_job(struct gm_pool *pool, uint64_t state)
{
    uint64_t job = state / STATE_JOB;
    while ((state & STATE_OPEN) != 0 && state / STATE_JOB == job) {
        if (atomic_compare_exchange_weak(&pool->state, &state, state + 1))
            return true;
    }
    return false;
}

static void leave_job(struct gm_pool *pool)
{
    uint64_t before = atomic_fetch_sub(&pool->state, 1);
    bool last = (before & STATE_INSIDE_MASK) == 1;
    if (!last || !atomic_load(&pool->caller_sleeps))
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
}

/* Waits for a job other than `job_seen`; returns the state that shows it. */
static uint64_t wait_job(struct gm_pool *pool, uint64_t job_seen)
{
    for (unsigned i = 0; i < pool->spin_count; i++) {
        uint64_t state = atomic_load(&pool->state);
        if (state / STATE_JOB != job_seen || atomic_load(&pool->stop))
            return state;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleeper_count, 1);
    uint64_t state = atomic_load(&pool->state);
    while (state / STATE_JOB == job_seen && !atomic_load(&pool->stop)) {
        pthread_cond_wait(&pool->wake, &pool->mutex);
        state = atomic_load(&pool->state);
    }
    atomic_fetch_sub(&pool->sleeper_count, 1);
    pthread_mutex_unlock(&pool->mutex);
    return state;
}

static void report_ready(struct gm_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->ready_count++;
    pthread_cond_signal(&pool->ready);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *arg)
{
    struct worker *self = arg;
    struct gm_pool *pool = self->pool;
    /* A system that refuses to bind costs speed, not correctness. */
    if (self->cpuset != NULL)
        (void)hwloc_set_cpubind(pool->topology.hwloc, self->cpuset, HWLOC_CPUBIND_THREAD);
    report_ready(pool);
    (void)gm_fpmode_enter();
    uint64_t job_seen = 0;
    for (;;) {
        uint64_t state = wait_job(pool, job_seen);
        if (atomic_load(&pool->stop))
            return NULL;
        job_seen = state / STATE_JOB;
        if (join_job(pool, state)) {
            take_items(pool, self->index);
            leave_job(pool);
        }
    }
}

static void wake_sleepers(struct gm_pool *pool, size_t wanted)
{
    size_t sleepers = atomic_load(&pool->sleeper_count);
    if (sleepers == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    if (wanted >= sleepers)
        pthread_cond_broadcast(&pool->wake);
    for (size_t i = 0; wanted < sleepers && i < wanted; i++)
        pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_until_empty(struct gm_pool *pool)
{
    for (unsigned i = 0; i < pool->spin_count; i++) {
        if ((atomic_load(&pool->state) & STATE_INSIDE_MASK) == 0)
            return;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, true);
    while ((atomic_load(&pool->state) & STATE_INSIDE_MASK) != 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->mutex);
}

static void run_here(size_t item_count, void (*fn)(void *, size_t, size_t), void *ctx)
{
    for (size_t i = 0; i < item_count; i++)
        fn(ctx, i, 0);
}

static void run_shared(struct gm_pool *pool, size_t item_count, void (*fn)(void *, size_t, size_t),
                       void *ctx)
{
    uint64_t state = atomic_load(&pool->state);
    assert((state & (STATE_OPEN | STATE_INSIDE_MASK)) == 0); /* not from inside an item */
    pool->fn = fn;
    pool->ctx = ctx;
    pool->item_count = item_count;
    atomic_store_explicit(&pool->item_next, 0, memory_order_relaxed);
    atomic_store(&pool->state, (state / STATE_JOB + 1) * STATE_JOB | STATE_OPEN);
    wake_sleepers(pool, item_count - 1);
    take_items(pool, 0);
    atomic_fetch_and(&pool->state, ~STATE_OPEN);
    wait_until_empty(pool);
}

void gm_pool_run(struct gm_pool *pool, size_t item_count,
                 void (*fn)(void *ctx, size_t item_index, size_t thread_index), void *ctx)
{
    if (item_count == 0)
        return;
    uint64_t mode = gm_fpmode_enter();
    if (pool == NULL || pool->worker_count == 0 || item_count == 1)
        run_here(item_count, fn, ctx);
    else
        run_shared(pool, item_count, fn, ctx);
    gm_fpmode_restore(mode);
}

size_t gm_pool_thread_count(const struct gm_pool *pool)
{
    return pool != NULL ? pool->thread_count : 1;
}

/* Binds the caller to core 0 and gives worker i core i. Failing costs speed, not correctness. */
static void plan_binding(struct gm_pool *pool)
{
    hwloc_topology_t hwloc = pool->topology.hwloc;
    hwloc_cpuset_t before = hwloc_bitmap_alloc();
    hwloc_cpuset_t own = gm_cpu_topology_core(&pool->topology, 0);
    if (before != NULL && own != NULL &&
        hwloc_get_cpubind(hwloc, before, HWLOC_CPUBIND_THREAD) == 0 &&
        hwloc_set_cpubind(hwloc, own, HWLOC_CPUBIND_THREAD) == 0) {
        pool->caller_set = before;
        before = NULL;
        for (size_t i = 0; i + 1 < pool->thread_count; i++)
            pool->workers[i].cpuset = gm_cpu_topology_core(&pool->topology, i + 1);
    }
    hwloc_bitmap_free(own);
    hwloc_bitmap_free(before);
}

static enum gm_status start_workers(struct gm_pool *pool, struct gm_error *err)
{
    for (size_t i = 0; i + 1 < pool->thread_count; i++) {
        struct worker *worker = &pool->workers[i];
        worker->pool = pool;
        worker->index = i + 1;
        int rc = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (rc != 0)
            return gm_error_set(err, GM_LIMIT, "cannot start thread %zu of %zu: %s", i + 2,
                                pool->thread_count, strerror(rc));
        pool->worker_count++;
    }
    pthread_mutex_lock(&pool->mutex);
    while (pool->ready_count < pool->worker_count)
        pthread_cond_wait(&pool->ready, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    return GM_OK;
}

/* A pool without threads; takes `topology` on success only. */
static struct gm_pool *pool_alloc(size_t thread_count, const struct gm_cpu_topology *topology)
{
    struct gm_pool *pool = gm_mem_new_aligned(CACHE_LINE_BYTES, sizeof *pool);
    struct worker *workers = gm_mem_new(thread_count, sizeof *workers);
    if (pool == NULL || workers == NULL) {
        gm_mem_free(pool);
        gm_mem_free(workers);
        return NULL;
    }
    pool->thread_count = thread_count;
    pool->spin_count = thread_count > topology->core_count ? 0 : SPIN_COUNT;
    pool->workers = workers;
    pool->topology = *topology;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pthread_cond_init(&pool->ready, NULL);
    return pool;
}

enum gm_status gm_pool_new(size_t thread_count, bool bind, struct gm_pool **out,
                           struct gm_error *err)
{
    if (thread_count > GM_POOL_THREADS_MAX)
        return gm_error_set(err, GM_INVALID, "%zu threads asked for, at most %d are possible",
                            thread_count, (int)GM_POOL_THREADS_MAX);
    struct gm_cpu_topology topology;
    GM_TRY(gm_cpu_topology_init(&topology, err));
    if (thread_count == 0)
        thread_count = gm_cpu_topology_thread_count(&topology);
    struct gm_pool *pool = pool_alloc(thread_count, &topology);
    if (pool == NULL) {
        gm_cpu_topology_fini(&topology);
        return gm_error_set(err, GM_NO_MEMORY, "no memory for a pool of %zu threads", thread_count);
    }
    if (bind && thread_count > 1 && thread_count == topology.core_count)
        plan_binding(pool);
    enum gm_status status = start_workers(pool, err);
    if (status != GM_OK) {
        gm_pool_free(pool);
        return status;
    }
    if (pool->caller_set == NULL)
        gm_cpu_topology_fini(&pool->topology);
    *out = pool;
    return GM_OK;
}

static void stop_workers(struct gm_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->worker_count; i++)
        pthread_join(pool->workers[i].thread, NULL);
}

void gm_pool_free(struct gm_pool *pool)
{
    if (pool == NULL)
        return;
    stop_workers(pool);
    if (pool->caller_set != NULL)
        (void)hwloc_set_cpubind(pool->topology.hwloc, pool->caller_set, HWLOC_CPUBIND_THREAD);
    for (size_t i = 0; i < pool->thread_count; i++)
        hwloc_bitmap_free(pool->workers[i].cpuset);
    hwloc_bitmap_free(pool->caller_set);
    gm_cpu_topology_fini(&pool->topology);
    pthread_cond_destroy(&pool->ready);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    gm_mem_free(pool->workers);
    gm_mem_free(pool);
}
