/* The broker under simulation: its store, its blobs, its deaths. */
#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

#include "sim_state.h"
#include "trust/blake3.h"

static bool blob_has(void *ctx, const struct gm_hash *root)
{
    const struct gm_sim *sim = ctx;
    return gm_blob_set_has(&sim->blobs, root);
}

/* Blobs of results hold nothing; their first word is the name's, cut to a number below 256. */
static enum gm_status word_read(void *ctx, const struct gm_hash *root, uint32_t *out)
{
    const struct gm_sim *sim = ctx;
    if (!gm_blob_set_has(&sim->blobs, root))
        return GM_NOT_FOUND;
    *out = 0x43000000 | (gm_load_u32(root->bytes) & 0x7fffff);
    return GM_OK;
}

static void usage(void *ctx, uint64_t *used_bytes, uint64_t *max_bytes)
{
    const struct gm_sim *sim = ctx;
    *used_bytes = sim->blobs.count;
    *max_bytes = 0;
}

static enum gm_status lookup(void *ctx, const struct gm_hash *name, struct gm_bytes *out,
                             struct gm_error *err)
{
    const struct gm_sim *sim = ctx;
    for (size_t i = 0; i < sim->options.lab_count && gm_blob_set_has(&sim->blobs, name); i++) {
        const struct gm_lab *lab = &sim->options.labs[i];
        for (size_t j = 0; j < lab->file_count; j++) {
            if (!gm_hash_equal(&lab->files[j].root, name))
                continue;
            *out = (struct gm_bytes){lab->files[j].data, lab->files[j].size_bytes};
            return GM_OK;
        }
    }
    return gm_error_set(err, GM_NOT_FOUND, "no such blob");
}

static enum gm_status load_visit(void *ctx, const struct gm_entry *entry, struct gm_error *err)
{
    return gm_broker_load(ctx, entry, err);
}

void gm_sim_broker_start(struct gm_sim *sim)
{
    struct gm_error err = {.text = ""};
    sim->config.key = &sim->key;
    sim->config.house = sim->house;
    sim->config.house_count = sim->options.house_count;
    sim->config.blobs = (struct gm_broker_blobs){.ctx = sim,
                                                 .has = blob_has,
                                                 .read_word = word_read,
                                                 .usage = usage,
                                                 .lookup = {sim, lookup}};
    cr_assert_eq(gm_broker_new(&sim->config, &sim->broker, &err), GM_OK, "%s", err.text);
    cr_assert_eq(gm_store_scan(sim->store, load_visit, sim->broker, &err), GM_OK, "%s", err.text);
    cr_assert_eq(gm_broker_load_finish(sim->broker, gm_sim_broker_time(sim), &err), GM_OK, "%s",
                 err.text);
}

/* Killed and started again; sometimes with the whole machine, whose clock then begins anew. */
static void crash(struct gm_sim *sim)
{
    sim->crash_count++;
    gm_broker_free(sim->broker);
    if (gm_sim_chance(sim, 200000))
        sim->mono_shift_ms = gm_sim_random(sim) % 100000000;
    gm_sim_broker_start(sim);
}

static void live_add(void *ctx, const struct gm_hash *root)
{
    gm_blob_set_add(ctx, root);
}

static void sweep(struct gm_sim *sim)
{
    struct gm_blob_set live = {0};
    gm_broker_live_roots(sim->broker, live_add, &live);
    gm_blob_set_keep(&sim->blobs, &live);
    gm_blob_set_fini(&live);
}

static void reply_send(struct gm_sim *sim, const struct gm_broker_reply *reply)
{
    cr_assert(reply->handle <= sim->waiter_count);
    const struct gm_sim_waiter *waiter = &sim->waiters[reply->handle - 1];
    if (waiter->agent == SIZE_MAX || gm_sim_chance(sim, sim->options.loss_ppm))
        return;
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_WIRE_CONTROL_BYTES_MAX);
    cr_assert_eq(gm_message_encode(&reply->message, &bytes), GM_OK, "a reply that is too large");
    struct gm_sim_event event = {
        .kind = GM_SIM_TO_AGENT,
        .agent = waiter->agent,
        .incarnation = waiter->incarnation,
        .number = waiter->number,
        .beat = waiter->beat,
        .bytes = malloc(bytes.size_bytes),
        .size_bytes = bytes.size_bytes,
    };
    memcpy(event.bytes, bytes.data, bytes.size_bytes);
    gm_buf_fini(&bytes);
    gm_sim_schedule(sim, 1 + gm_sim_random(sim) % 40, &event);
}

bool gm_sim_broker_event(struct gm_sim *sim, struct gm_broker_event *event)
{
    struct gm_error err = {.text = ""};
    event->now = gm_sim_broker_time(sim);
    gm_sim_random_bytes(sim, event->random, sizeof event->random);
    gm_broker_out_reset(&sim->out);
    sim->event_count++;
    cr_assert_eq(gm_broker_step(sim->broker, event, &sim->out), GM_OK);
    bool dies = gm_sim_chance(sim, sim->options.crash_ppm);
    bool stores = !dies || gm_sim_chance(sim, 500000);
    if (stores)
        cr_assert_eq(gm_store_apply(sim->store, sim->out.entries, sim->out.entry_count, &err),
                     GM_OK, "%s", err.text);
    if (dies) {
        crash(sim);
        return false;
    }
    if (sim->out.sweep)
        sweep(sim);
    gm_sim_check(sim);
    for (size_t i = 0; i < sim->out.reply_count; i++)
        reply_send(sim, &sim->out.replies[i]);
    return true;
}

/* The requester repeats itself until it has an answer. */
void gm_sim_submit(struct gm_sim *sim, size_t lab_index)
{
    const struct gm_lab *lab = &sim->options.labs[lab_index];
    sim->waiters[0].agent = SIZE_MAX; /* handle 1 is the requester's */
    for (size_t i = 0; i < lab->file_count; i++) {
        struct gm_broker_event stage = {.kind = GM_BROKER_STAGE,
                                        .handle = 1,
                                        .peer = sim->requester.public_key,
                                        .root = lab->files[i].root,
                                        .size_bytes = lab->files[i].size_bytes};
        while (!gm_sim_broker_event(sim, &stage))
            continue;
        cr_assert_eq(sim->out.reply_count, 1);
        cr_assert_eq(sim->out.replies[0].message.type, GM_MESSAGE_OK);
        static const uint8_t none[GM_ID_BYTES];
        cr_assert_eq(
            gm_broker_may_write(sim->broker, &stage.peer, &stage.root, stage.size_bytes, none),
            GM_OK);
        gm_blob_set_add(&sim->blobs, &lab->files[i].root);
    }
    struct gm_message message = {.type = GM_MESSAGE_SUBMIT};
    memcpy(message.submit.recipe, lab->recipe_root.bytes, GM_ROOT_BYTES);
    message.submit.request[0] = (uint8_t)(lab_index + 1);
    struct gm_broker_event submit = {.kind = GM_BROKER_REQUEST,
                                     .handle = 1,
                                     .peer = sim->requester.public_key,
                                     .message = &message};
    for (int i = 0; i < 2; i++) {
        while (!gm_sim_broker_event(sim, &submit))
            continue;
        const struct gm_message *reply = &sim->out.replies[0].message;
        cr_assert_eq(reply->type, GM_MESSAGE_SUBMITTED, "%.*s", (int)reply->error.text.size_bytes,
                     (const char *)reply->error.text.data);
        if (i > 0)
            cr_assert_arr_eq(sim->jobs[lab_index].bytes, reply->submitted.job, GM_ID_BYTES);
        memcpy(sim->jobs[lab_index].bytes, reply->submitted.job, GM_ID_BYTES);
    }
}
