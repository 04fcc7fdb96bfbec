/* A whole worker, threads and all, against a broker of a few lines: leases come, results arrive,
   the owner takes the machine and gives it back, and it ends when it is told to. */
#include "gm_test.h"

#include <string.h>

#include "backend/registry.h"
#include "depot.h"
#include "gm_folder.h"
#include "trust/attestation.h"
#include "trust/blake3.h"
#include "trust/token_lease.h"
#include "trust/token_receipt.h"
#include "worker/runner.h"

enum { SIDE = 300 }; /* a result of 360 kB goes piece by piece, the small one in company */

/* The broker's desk. */
struct desk {
    struct depot depot;
    struct gm_hash program;
    struct gm_hash input;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    uint64_t leases_left;
    uint64_t lease_count;
    uint64_t done;
    uint64_t released;
    struct gm_request *parked;     /* a lease request that waits */
    struct gm_lease_token lease;   /* the newest */
    uint8_t asked_by[GM_ID_BYTES]; /* the request it was given for */
};

/* ---- the desk's answers, with its lock held ---- */

static void lease_give(struct desk *desk, struct gm_request *request)
{
    struct gm_task task;
    struct gm_buf bytes;
    struct gm_buf token;
    struct gm_message reply = {.type = GM_MESSAGE_LEASE};
    const uint8_t *asked_by = gm_request_message(request)->lease_ask.request;
    /* The same request gets the same lease: its first answer may not have been heard. */
    if (memcmp(desk->asked_by, asked_by, GM_ID_BYTES) != 0) {
        desk->leases_left--;
        desk->lease_count++;
        memcpy(desk->asked_by, asked_by, GM_ID_BYTES);
    }
    cr_assert_eq(gm_task_init(&task, 1), GM_OK);
    task.program = desk->program;
    task.step = (uint32_t)desk->lease_count;
    task.iterations = 1;
    task.inputs[0].kind = GM_TASK_INPUT_TENSOR;
    task.inputs[0].root = desk->input;
    gm_buf_init(&bytes, GM_TASK_ENCODED_MAX);
    gm_buf_init(&token, GM_TOKEN_BYTES_MAX);
    cr_assert_eq(gm_task_encode(&task, &bytes), GM_OK);
    desk->lease = (struct gm_lease_token){
        .worker = gm_key_thumbprint(&desk->depot.worker.public_key),
        .issued_s = 1700000000,
        .task = gm_blake3(bytes.data, bytes.size_bytes),
        .program = desk->program,
        .iterations = 1,
        .deadline_unix_ms = 4000000000000,
        .profile = "exact-f32/1",
    };
    memset(desk->lease.lease, (int)desk->lease_count, GM_ID_BYTES);
    cr_assert_eq(gm_lease_token_sign(&desk->lease, &desk->depot.key, &token, NULL), GM_OK);
    reply.lease.token = gm_buf_view(&token);
    reply.lease.task = gm_buf_view(&bytes);
    reply.lease.deadline_ms = 600000;
    gm_request_reply(request, &reply);
    gm_buf_fini(&token);
    gm_buf_fini(&bytes);
    gm_task_fini(&task);
}

static void lease_asked(struct desk *desk, struct gm_request *request)
{
    const uint8_t *asked_by = gm_request_message(request)->lease_ask.request;
    if (desk->leases_left > 0 || memcmp(desk->asked_by, asked_by, GM_ID_BYTES) == 0) {
        lease_give(desk, request);
        return;
    }
    if (desk->parked != NULL)
        gm_request_drop(desk->parked);
    desk->parked = request;
}

static void attested(struct desk *desk, struct gm_request *request)
{
    const struct gm_msg_attest *attest = &gm_request_message(request)->attest;
    struct gm_attestation attestation;
    struct gm_message reply = {.type = GM_MESSAGE_RECEIPT};
    struct gm_buf token;
    gm_buf_init(&token, GM_TOKEN_BYTES_MAX);
    cr_assert_eq(gm_attestation_open(&attestation, attest->token, NULL), GM_OK);
    cr_assert_arr_eq(attestation.work.lease, desk->lease.lease, GM_ID_BYTES);
    cr_assert_eq(attest->roots.size_bytes, 2 * GM_HASH_SIZE);
    struct gm_receipt_token receipt = {
        .worker = gm_key_thumbprint(gm_request_peer(request)),
        .attestation = gm_token_hash(attest->token),
        .t1_ns = desk->lease_count,
    };
    memcpy(receipt.lease, attest->lease, GM_ID_BYTES);
    cr_assert_eq(gm_receipt_token_sign(&receipt, &desk->depot.key, &token, NULL), GM_OK);
    reply.receipt.token = gm_buf_view(&token);
    gm_request_reply(request, &reply);
    gm_buf_fini(&token);
}

static void reported(struct desk *desk, struct gm_request *request)
{
    struct gm_message reply = {.type = GM_MESSAGE_VERDICT};
    reply.verdict.state = GM_VERDICT_PENDING;
    desk->done++;
    gm_request_reply(request, &reply);
}

static void beaten(struct gm_request *request)
{
    struct gm_message reply = {.type = GM_MESSAGE_HEARTBEAT_OK, .heartbeat_ok = {.live = 1}};
    gm_request_reply(request, &reply);
}

static void welcomed(struct gm_request *request)
{
    struct gm_message reply = {.type = GM_MESSAGE_HELLO_OK, .hello_ok = {.heartbeat_ms = 100}};
    gm_request_reply(request, &reply);
}

static void request_arrived(void *ctx, struct gm_request *request)
{
    struct desk *desk = ctx;
    enum gm_message_type type = gm_request_message(request)->type;
    (void)pthread_mutex_lock(&desk->lock);
    if (type == GM_MESSAGE_HELLO) {
        welcomed(request);
    } else if (type == GM_MESSAGE_LEASE_ASK) {
        lease_asked(desk, request);
    } else if (type == GM_MESSAGE_HEARTBEAT) {
        beaten(request);
    } else if (type == GM_MESSAGE_ATTEST) {
        attested(desk, request);
    } else if (type == GM_MESSAGE_UPLOADED) {
        reported(desk, request);
    } else if (type == GM_MESSAGE_RELEASE) {
        desk->released++;
        gm_request_reply(request, &(struct gm_message){.type = GM_MESSAGE_OK});
    } else {
        gm_request_refuse(request, GM_UNSUPPORTED, 0, "not here");
    }
    (void)pthread_cond_broadcast(&desk->changed);
    (void)pthread_mutex_unlock(&desk->lock);
}

/* ---- what the test does with it ---- */

static void leases_allow(struct desk *desk, uint64_t count)
{
    (void)pthread_mutex_lock(&desk->lock);
    desk->leases_left = count;
    struct gm_request *waiting = desk->parked;
    desk->parked = NULL;
    if (waiting != NULL)
        lease_give(desk, waiting);
    (void)pthread_mutex_unlock(&desk->lock);
}

/* Until this many results arrived and the worker asks for more, in vain. */
static void done_await(struct desk *desk, uint64_t done)
{
    (void)pthread_mutex_lock(&desk->lock);
    while (desk->done < done || desk->parked == NULL)
        (void)pthread_cond_wait(&desk->changed, &desk->lock);
    (void)pthread_mutex_unlock(&desk->lock);
}

/* y = x + x, and its sum */
static struct gm_hash program_make(struct blobs *blobs)
{
    struct gm_builder *b = gm_builder_new();
    struct gm_program *program = NULL;
    gm_value x = gm_builder_input(b, GM_SOURCE_TENSOR, "x", shape_f32(SIDE, SIDE));
    gm_value y = gm_builder_node(b, GM_OP_ADD, 2, (gm_value[]){x, x}, NULL, 0, NULL);
    gm_builder_output(b, "y", y);
    gm_builder_output(b, "sum", gm_builder_node(b, GM_OP_SUM, 1, &y, NULL, 0, NULL));
    cr_assert_eq(gm_builder_finish(b, &program, NULL), GM_OK);
    return blobs_put_program(blobs, program);
}

static void desk_open(struct desk *desk)
{
    static float x[SIDE * SIDE];
    struct gm_tensor_desc desc = shape_f32(SIDE, SIDE);
    memset(desk, 0, sizeof *desk);
    cr_assert_eq(pthread_mutex_init(&desk->lock, NULL), 0);
    cr_assert_eq(pthread_cond_init(&desk->changed, NULL), 0);
    depot_open(&desk->depot);
    desk->depot.other = request_arrived;
    desk->depot.other_ctx = desk;
    for (int i = 0; i < SIDE * SIDE; i++)
        x[i] = (float)(i % 97);
    desk->input = blobs_put_tensor(&desk->depot.blobs, &desc, x);
    desk->program = program_make(&desk->depot.blobs);
}

static void desk_close(struct desk *desk)
{
    gm_server_stop(desk->depot.server);
    if (desk->parked != NULL)
        gm_request_drop(desk->parked);
    depot_close(&desk->depot);
    (void)pthread_cond_destroy(&desk->changed);
    (void)pthread_mutex_destroy(&desk->lock);
}

struct shift {
    struct gm_device *device;
    struct gm_blob_store *store;
    struct gm_folder folder;
    struct gm_client *client;
    struct gm_runner *runner;
    pthread_t thread;
    enum gm_status status;
    struct gm_error err;
};

static void *shift_main(void *arg)
{
    struct shift *shift = arg;
    shift->status = gm_runner_run(shift->runner, &shift->err);
    return NULL;
}

static void shift_begin(struct shift *shift, const struct desk *desk,
                        const struct gm_key_public *pinned)
{
    struct gm_device_options options = {.thread_count = 2};
    char address[64];
    memset(shift, 0, sizeof *shift);
    shift->folder = gm_folder_new();
    (void)snprintf(address, sizeof address, "tcp://127.0.0.1:%u",
                   gm_server_port(desk->depot.server, GM_PORT_CONTROL));
    struct gm_client_config client = {
        .address = address, .key = &desk->depot.worker, .broker = *pinned};
    cr_assert_eq(gm_client_open(&client, &shift->client, &shift->err), GM_OK);
    cr_assert_eq(gm_device_open("cpu", &options, &shift->device, &shift->err), GM_OK);
    cr_assert_eq(
        gm_blob_store_open(gm_folder_path(&shift->folder, "blobs"), 0, &shift->store, &shift->err),
        GM_OK, "%s", shift->err.text);
    struct gm_runner_config config = {.key = &desk->depot.worker,
                                      .client = shift->client,
                                      .broker = *pinned,
                                      .device = shift->device,
                                      .store = shift->store,
                                      .receipts = shift->folder.path,
                                      .version = "0.1.0",
                                      .memory_bytes = 64 << 20};
    cr_assert_eq(gm_runner_new(&config, &shift->runner, &shift->err), GM_OK, "%s", shift->err.text);
    cr_assert_eq(pthread_create(&shift->thread, NULL, shift_main, shift), 0);
}

static void shift_end(struct shift *shift)
{
    cr_assert_eq(pthread_join(shift->thread, NULL), 0);
    gm_runner_free(shift->runner);
    gm_client_close(shift->client);
    gm_blob_store_close(shift->store);
    shift->device->ops->close(shift->device);
}

static int tokens_kept(const struct shift *shift, const char *kind)
{
    DIR *dir = opendir(shift->folder.path);
    int count = 0;
    cr_assert_not_null(dir);
    for (struct dirent *at = readdir(dir); at != NULL; at = readdir(dir))
        count += strncmp(at->d_name, kind, strlen(kind)) == 0;
    (void)closedir(dir);
    return count;
}

Test(runner, computes_what_it_is_leased_until_it_is_told_to_end)
{
    static struct desk desk;
    static struct shift shift;
    desk_open(&desk);
    desk.leases_left = 3;
    shift_begin(&shift, &desk, &desk.depot.key.public_key);
    done_await(&desk, 3);
    /* The owner plays for a while. */
    gm_runner_suspend(shift.runner, true);
    gm_runner_suspend(shift.runner, false);
    leases_allow(&desk, 2);
    done_await(&desk, 5);
    gm_runner_drain(shift.runner);
    shift_end(&shift);
    cr_assert_eq(shift.status, GM_OK, "%s", shift.err.text);
    cr_assert_eq(tokens_kept(&shift, "lease-"), 5);
    cr_assert_eq(tokens_kept(&shift, "receipt-"), 5);
    gm_folder_free(&shift.folder);
    /* What it computed is at the broker's: y is 2 x, exactly. */
    static float y[SIDE * SIDE];
    struct gm_tensor_desc desc = shape_f32(SIDE, SIDE);
    for (int i = 0; i < SIDE * SIDE; i++)
        y[i] = 2.0f * (float)(i % 97);
    size_t before = desk.depot.blobs.count;
    (void)blobs_put_tensor(&desk.depot.blobs, &desc, y);
    cr_assert_eq(desk.depot.blobs.count, before, "it was there");
    desk_close(&desk);
}

Test(runner, a_wrong_key_ends_it_with_the_reason)
{
    static struct desk desk;
    static struct shift shift;
    struct gm_key other;
    desk_open(&desk);
    gm_key_from_seed(&other, (const uint8_t[GM_KEY_SIZE]){9});
    shift_begin(&shift, &desk, &other.public_key);
    shift_end(&shift);
    cr_assert_eq(shift.status, GM_UNTRUSTED);
    cr_assert_not_null(strstr(shift.err.text, "pinned key"), "%s", shift.err.text);
    gm_folder_free(&shift.folder);
    desk_close(&desk);
}

Test(runner, a_drained_worker_does_not_wait_for_the_lease_it_asked_for)
{
    static struct desk desk;
    static struct shift shift;
    desk_open(&desk);
    shift_begin(&shift, &desk, &desk.depot.key.public_key);
    done_await(&desk, 0); /* the request waits at the broker */
    gm_runner_drain(shift.runner);
    shift_end(&shift);
    cr_assert_eq(shift.status, GM_OK);
    gm_folder_free(&shift.folder);
    desk_close(&desk);
}

Test(runner, a_program_that_is_not_there_is_given_back)
{
    static struct desk desk;
    static struct shift shift;
    desk_open(&desk);
    desk.program.bytes[0] ^= 1;
    desk.leases_left = 1;
    shift_begin(&shift, &desk, &desk.depot.key.public_key);
    done_await(&desk, 0);
    (void)pthread_mutex_lock(&desk.lock);
    while (desk.released == 0)
        (void)pthread_cond_wait(&desk.changed, &desk.lock);
    (void)pthread_mutex_unlock(&desk.lock);
    gm_runner_drain(shift.runner);
    shift_end(&shift);
    cr_assert_eq(shift.status, GM_OK);
    gm_folder_free(&shift.folder);
    desk_close(&desk);
}
