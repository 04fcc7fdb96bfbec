/* Workers under simulation: the production decisions, a stand-in for the machine they run on. */
#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_state.h"
#include "trust/blake3.h"
#include "trust/record.h"
#include "trust/tile.h"

void gm_sim_agent_start(struct gm_sim *sim, size_t index)
{
    struct gm_sim_agent *agent = &sim->agents[index];
    struct gm_worker_config config = {
        .key = &agent->key,
        .broker = sim->key.public_key,
        .software = "simulated",
        .version = "1",
        .thread_count = 1,
        .memory_bytes = 1 << 30,
        .wait_ms = 20000,
    };
    agent->incarnation++;
    agent->worker = gm_worker_new(&config);
    cr_assert_not_null(agent->worker);
    struct gm_sim_event tick = {
        .kind = GM_SIM_TICK, .agent = index, .incarnation = agent->incarnation};
    gm_sim_schedule(sim, gm_sim_random(sim) % 500, &tick);
}

void gm_sim_agent_kill(struct gm_sim *sim, size_t index)
{
    struct gm_sim_agent *agent = &sim->agents[index];
    gm_worker_free(agent->worker);
    agent->worker = NULL;
    agent->incarnation++;
    sim->kill_count++;
}

/* ---- the network ---- */

static void message_send(struct gm_sim *sim, size_t index, const struct gm_message *message,
                         uint64_t number, bool beat, uint64_t wait_ms)
{
    struct gm_sim_event event = {.kind = GM_SIM_UNANSWERED,
                                 .agent = index,
                                 .incarnation = sim->agents[index].incarnation,
                                 .number = number,
                                 .beat = beat};
    if (beat)
        event.number = ++sim->beat_count;
    *(beat ? &sim->agents[index].beat_asked : &sim->agents[index].asked) = event.number;
    gm_sim_schedule(sim, wait_ms, &event);
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_WIRE_CONTROL_BYTES_MAX);
    cr_assert_eq(gm_message_encode(message, &bytes), GM_OK);
    int copies = gm_sim_chance(sim, sim->options.twice_ppm) ? 2 : 1;
    event.kind = GM_SIM_TO_BROKER;
    event.size_bytes = bytes.size_bytes;
    for (int i = 0; i < copies; i++) {
        if (gm_sim_chance(sim, sim->options.loss_ppm))
            continue;
        event.bytes = malloc(bytes.size_bytes);
        memcpy(event.bytes, bytes.data, bytes.size_bytes);
        gm_sim_schedule(sim, 1 + gm_sim_random(sim) % (i == 0 ? 40 : 4000), &event);
    }
    gm_buf_fini(&bytes);
}

/* ---- the machine ---- */

static const struct gm_lab *lab_of(const struct gm_sim *sim, const struct gm_task *task)
{
    for (size_t i = 0; i < sim->options.lab_count; i++) {
        const struct gm_lab *lab = &sim->options.labs[i];
        const struct gm_program *program = gm_lab_program(lab, &task->program);
        struct gm_error err;
        if (program == NULL || gm_task_check(task, program, &err) != GM_OK)
            continue;
        /* Jobs may share programs: the data sets tell them apart. */
        bool own = true;
        for (uint32_t j = 0; j < task->input_count; j++) {
            if (task->inputs[j].kind == GM_TASK_INPUT_SLICE)
                own = own &&
                      (gm_hash_equal(&task->inputs[j].slice.root, &lab->recipe.train[0].root) ||
                       gm_hash_equal(&task->inputs[j].slice.root, &lab->recipe.train[1].root));
        }
        if (own)
            return lab;
    }
    return NULL;
}

/* While the lease is live, its holder may read all it needs, and it is there. */
static void inputs_check(const struct gm_sim *sim, const struct gm_sim_agent *agent,
                         const struct gm_task *task)
{
    bool live = false;
    for (size_t i = 0; i < sim->broker->lease_count; i++) {
        const struct gm_broker_lease *lease = sim->broker->leases[i];
        live = live || (memcmp(lease->id.bytes, agent->lease, GM_ID_BYTES) == 0 &&
                        lease->state == GM_BROKER_LEASE_LIVE);
    }
    for (uint32_t i = 0; live && i < task->input_count; i++) {
        const struct gm_hash *root = task->inputs[i].kind == GM_TASK_INPUT_SLICE
                                         ? &task->inputs[i].slice.root
                                         : &task->inputs[i].root;
        if (task->inputs[i].kind == GM_TASK_INPUT_GENERATED)
            continue;
        cr_assert(gm_broker_may_read(sim->broker, &agent->key.public_key, root),
                  "seed %llu: an input of a live lease may not be read",
                  (unsigned long long)sim->options.seed);
        cr_assert(gm_blob_set_has(&sim->blobs, root),
                  "seed %llu: an input of a live lease is not stored",
                  (unsigned long long)sim->options.seed);
    }
}

static void outputs_root(struct gm_sim_agent *agent)
{
    struct gm_record *records = calloc(agent->root_count, sizeof *records);
    for (uint32_t i = 0; i < agent->root_count; i++) {
        const struct gm_program *program = agent->program;
        const struct gm_tensor_desc *desc = &program->values[program->outputs[i].value];
        records[i] = (struct gm_record){
            .output = i, .dtype = desc->dtype, .rank = desc->rank, .root = agent->roots[i]};
        memcpy(records[i].dims, desc->dims, sizeof records[i].dims);
    }
    cr_assert_eq(gm_tensor_list_root(records, agent->root_count, &agent->done.outputs_root, NULL),
                 GM_OK);
    free(records);
}

static void task_run(struct gm_sim *sim, size_t index, struct gm_bytes encoded, uint64_t number)
{
    struct gm_sim_agent *agent = &sim->agents[index];
    struct gm_hash name = gm_blake3(encoded.data, encoded.size_bytes);
    struct gm_task task;
    cr_assert_eq(gm_task_decode(encoded, &task, NULL), GM_OK);
    const struct gm_lab *lab = lab_of(sim, &task);
    cr_assert_not_null(lab, "a task of no job");
    inputs_check(sim, agent, &task);
    agent->program = gm_lab_program(lab, &task.program);
    agent->root_count = agent->program->output_count;
    agent->roots = realloc(agent->roots, agent->root_count * sizeof *agent->roots);
    bool lies = agent->liar && agent->task_count >= sim->options.lie_after;
    bool lies_of_end = lies && gm_sim_chance(sim, 100000);
    for (uint32_t i = 0; i < agent->root_count; i++)
        agent->roots[i] = gm_lab_output(&name, i, lies && !lies_of_end ? index + 1 : 0);
    agent->done = (struct gm_worker_done){
        .diverged = gm_lab_diverges(lab, &task) != lies_of_end,
        .roots = {(const uint8_t *)agent->roots, agent->root_count * sizeof *agent->roots},
        .flops = gm_program_flops(agent->program),
    };
    cr_assert_eq(gm_task_inputs_root(&task, agent->program, &agent->done.inputs_root), GM_OK);
    outputs_root(agent);
    gm_task_fini(&task);
    agent->task_count++;
    uint64_t work_ms = sim->options.work_ms * (agent->house ? sim->options.house_slow : 1);
    struct gm_sim_event event = {.kind = GM_SIM_TASK_DONE,
                                 .agent = index,
                                 .incarnation = agent->incarnation,
                                 .number = number};
    gm_sim_schedule(sim, work_ms / 2 + gm_sim_random(sim) % (work_ms + 1), &event);
}

/* Each blob is asked for, as the blob port does. */
static enum gm_status upload(struct gm_sim *sim, const struct gm_sim_agent *agent)
{
    for (uint32_t i = 0; i < agent->root_count; i++) {
        const struct gm_tensor_desc *desc =
            &agent->program->values[agent->program->outputs[i].value];
        struct gm_tile_layout layout;
        cr_assert_eq(gm_tile_layout_init(&layout, (uint32_t)gm_dtype_size_bytes(desc->dtype),
                                         desc->rank, desc->dims, NULL),
                     GM_OK);
        enum gm_status status = gm_broker_may_write(
            sim->broker, &agent->key.public_key, &agent->roots[i], layout.blob_bytes, agent->lease);
        if (status == GM_OK)
            gm_blob_set_add(&sim->blobs, &agent->roots[i]);
        else if (status != GM_EXISTS)
            return status;
    }
    return GM_OK;
}

/* ---- events ---- */

/* A client hears one answer to a question, or that there was none; whatever comes later is lost. */
static bool answer_take(struct gm_sim_agent *agent, const struct gm_sim_event *event)
{
    uint64_t *asked = event->beat ? &agent->beat_asked : &agent->asked;
    if (event->kind != GM_SIM_TO_AGENT && event->kind != GM_SIM_UNANSWERED)
        return true;
    if (*asked != event->number)
        return false;
    *asked = 0;
    return true;
}

static void actions_take(struct gm_sim *sim, size_t index, const struct gm_worker_actions *actions)
{
    struct gm_sim_agent *agent = &sim->agents[index];
    memcpy(agent->lease, actions->lease, GM_ID_BYTES);
    if (actions->ask != NULL)
        message_send(sim, index, actions->ask, actions->number, false, actions->ask_wait_ms);
    if (actions->heartbeat) {
        struct gm_message beat = {.type = GM_MESSAGE_HEARTBEAT};
        memcpy(beat.heartbeat.lease, actions->lease, GM_ID_BYTES);
        message_send(sim, index, &beat, 0, true, 3000);
    }
    if (actions->run)
        task_run(sim, index, actions->task, actions->number);
    if (actions->upload) {
        struct gm_sim_event event = {.kind = GM_SIM_UPLOADED,
                                     .agent = index,
                                     .incarnation = agent->incarnation,
                                     .number = actions->number};
        gm_sim_schedule(sim, 1 + gm_sim_random(sim) % 200, &event);
    }
    if (actions->end) {
        cr_assert(agent->liar, "seed %llu: an honest worker ended: %s",
                  (unsigned long long)sim->options.seed, actions->text);
        gm_worker_free(agent->worker);
        agent->worker = NULL;
        agent->incarnation++;
    }
}

void gm_sim_agent_event(struct gm_sim *sim, const struct gm_sim_event *event)
{
    struct gm_sim_agent *agent = &sim->agents[event->agent];
    struct gm_worker_event step = {.number = event->number, .text = "simulated"};
    struct gm_worker_actions actions;
    struct gm_message message;
    if (agent->worker == NULL || event->incarnation != agent->incarnation ||
        !answer_take(agent, event))
        return;
    step.now_ns = sim->now_ms * 1000000;
    step.unix_s = 1700000000 + sim->now_ms / 1000;
    gm_sim_random_bytes(sim, step.random, sizeof step.random);
    switch (event->kind) {
    case GM_SIM_TO_AGENT:
        cr_assert_eq(
            gm_message_decode((struct gm_bytes){event->bytes, event->size_bytes}, &message, NULL),
            GM_OK);
        step.kind = event->beat ? GM_WORKER_HEARTBEAT_REPLY : GM_WORKER_REPLY;
        step.message = &message;
        break;
    case GM_SIM_UNANSWERED:
        step.kind = event->beat ? GM_WORKER_HEARTBEAT_REPLY : GM_WORKER_UNREACHED;
        step.status = GM_TIMEOUT;
        break;
    case GM_SIM_TASK_DONE:
        step.kind = GM_WORKER_TASK_DONE;
        step.done = &agent->done;
        break;
    case GM_SIM_UPLOADED:
        step.status = upload(sim, agent);
        step.kind = step.status == GM_OK ? GM_WORKER_UPLOAD_DONE : GM_WORKER_UPLOAD_FAILED;
        break;
    default: {
        struct gm_sim_event tick = *event;
        tick.number = 1; /* the first one starts the worker */
        gm_sim_schedule(sim, 100, &tick);
        step.kind = event->number == 0 ? GM_WORKER_START : GM_WORKER_TICK;
        break;
    }
    }
    gm_worker_step(agent->worker, &step, &actions);
    actions_take(sim, event->agent, &actions);
}
