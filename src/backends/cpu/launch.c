/* Runs lowered operations: every launch is cut into ranges of work-items for the pool. */
#include "backends/cpu/ops.h"

#include <assert.h>

enum {
    INLINE_ELEMENTS = 16384, /* less work than this is not worth waking another thread */
    CHUNKS_PER_THREAD = 4,   /* so that a slow thread leaves work to the others */
    COLUMN_MULTIPLE = 64,    /* elements: chunks begin on a cache line, and vectors stay whole */
};

struct launch_job {
    gm_cpu_kernel *kernel;
    union gm_cpu_arg args[GM_LAUNCH_ARGS_MAX];
    uint64_t count, rows;
    uint64_t chunk; /* rows, or items of one row, per pool item */
};

static void run_rows(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct launch_job *job = ctx;
    uint64_t first = item * job->chunk;
    uint64_t last = job->rows - first < job->chunk ? job->rows : first + job->chunk;
    job->kernel(job->args, &(struct gm_cpu_range){0, job->count, first, last});
}

static void run_items(void *ctx, size_t item, size_t thread)
{
    (void)thread;
    const struct launch_job *job = ctx;
    uint64_t first = item * job->chunk;
    uint64_t last = job->count - first < job->chunk ? job->count : first + job->chunk;
    job->kernel(job->args, &(struct gm_cpu_range){first, last, 0, job->rows});
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* Elements that the node touches: what tells a launch with few but long items from a short one. */
static uint64_t call_elements(const struct gm_cpu_call *call)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < call->node->input_count; i++) {
        uint64_t count = gm_tensor_count(call->inputs[i]);
        most = count > most ? count : most;
    }
    return most;
}

static void run_job(const struct gm_cpu_call *call, struct launch_job *job)
{
    uint64_t work = job->count * job->rows;
    uint64_t touched = call_elements(call);
    work = touched > work ? touched : work;
    uint64_t chunks = gm_pool_thread_count(call->pool) * CHUNKS_PER_THREAD;
    if (work < INLINE_ELEMENTS || gm_pool_thread_count(call->pool) == 1) {
        job->kernel(job->args, &(struct gm_cpu_range){0, job->count, 0, job->rows});
    } else if (job->rows >= chunks) {
        job->chunk = ceil_div(job->rows, chunks);
        gm_pool_run(call->pool, ceil_div(job->rows, job->chunk), run_rows, job);
    } else {
        job->chunk = ceil_div(job->count, chunks);
        if (job->chunk > COLUMN_MULTIPLE)
            job->chunk = ceil_div(job->chunk, COLUMN_MULTIPLE) * COLUMN_MULTIPLE;
        gm_pool_run(call->pool, ceil_div(job->count, job->chunk), run_items, job);
    }
}

static union gm_cpu_arg argument(const struct gm_cpu_call *call, const struct gm_launch_arg *arg)
{
    switch (arg->kind) {
    case GM_ARG_INPUT:
        return (union gm_cpu_arg){.p = call->in[arg->number]};
    case GM_ARG_OUTPUT:
        return (union gm_cpu_arg){.p = call->out[arg->number]};
    case GM_ARG_SCRATCH:
        return (union gm_cpu_arg){.p = call->scratch + arg->number};
    case GM_ARG_U32:
        return (union gm_cpu_arg){.u32 = (uint32_t)arg->number};
    case GM_ARG_F32:
        return (union gm_cpu_arg){.f32 = arg->f32};
    case GM_ARG_U64:
        break;
    }
    return (union gm_cpu_arg){.u64 = arg->number};
}

void gm_cpu_launch_all(const struct gm_cpu_call *call)
{
    struct gm_lowered lowered;
    gm_lower(call->node, call->values, &lowered);
    for (uint32_t i = 0; i < lowered.launch_count; i++) {
        const struct gm_launch *launch = &lowered.launches[i];
        struct launch_job job = {.kernel = call->ops->kernels[launch->kernel],
                                 .count = launch->count,
                                 .rows = launch->rows};
        for (uint32_t a = 0; a < launch->arg_count; a++)
            job.args[a] = argument(call, &launch->args[a]);
        run_job(call, &job);
    }
}

static const struct gm_cpu_fast *fast_way(const struct gm_cpu_call *call)
{
    const struct gm_cpu_fast *fast = call->ops->fast;
    return fast == NULL || fast[call->node->op].run == NULL ? NULL : &fast[call->node->op];
}

size_t gm_cpu_scratch_bytes(const struct gm_cpu_call *call)
{
    const struct gm_cpu_fast *fast = fast_way(call);
    if (fast != NULL)
        return fast->scratch_bytes == NULL ? 0 : fast->scratch_bytes(call);
    struct gm_lowered lowered;
    gm_lower(call->node, call->values, &lowered);
    return lowered.scratch_bytes;
}

void gm_cpu_call_run(const struct gm_cpu_call *call)
{
    const struct gm_cpu_fast *fast = fast_way(call);
    if (fast != NULL)
        fast->run(call);
    else
        gm_cpu_launch_all(call);
}
