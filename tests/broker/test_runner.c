/* A broker with its ports, folder and threads, and people who talk to it over the loopback. */
#include "gm_test.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/runner.h"
#include "person.h"

enum { HOUSE = 2, WORKER = 3, REQUESTER = 4, STRANGER = 5 };

struct office {
    char folder[64];
    struct gm_key key;
    struct gm_key house_key;
    struct gm_broker_runner *runner;
    pthread_t thread;
    uint16_t port;
};

static void *office_run(void *context)
{
    struct office *office = context;
    struct gm_error err = {.text = ""};
    if (gm_broker_runner_run(office->runner, &err) != GM_OK)
        fprintf(stderr, "the broker ended: %s\n", err.text);
    return NULL;
}

static void office_open(struct office *office)
{
    struct gm_error err = {.text = ""};
    struct gm_broker_runner_config config = {.address = "tcp://127.0.0.1:0",
                                             .folder = office->folder};
    gm_broker_config_init(&config.rules);
    config.rules.key = &office->key;
    config.rules.house = &office->house_key.public_key;
    config.rules.house_count = 1;
    cr_assert_eq(gm_broker_runner_new(&config, &office->runner, &err), GM_OK, "%s", err.text);
    office->port = gm_broker_runner_port(office->runner);
    cr_assert_eq(pthread_create(&office->thread, NULL, office_run, office), 0);
}

static void office_close(struct office *office)
{
    gm_broker_runner_stop(office->runner);
    cr_assert_eq(pthread_join(office->thread, NULL), 0);
    gm_broker_runner_free(office->runner);
}

static void office_init(struct office *office)
{
    uint8_t seed[GM_KEY_SIZE] = {1};
    memset(office, 0, sizeof *office);
    gm_key_from_seed(&office->key, seed);
    seed[0] = HOUSE;
    gm_key_from_seed(&office->house_key, seed);
    snprintf(office->folder, sizeof office->folder, "/tmp/gm-office-XXXXXX");
    cr_assert_not_null(mkdtemp(office->folder));
    office_open(office);
}

static size_t folder_clear(const char *folder)
{
    char path[512];
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        count += unlink(path) == 0;
    }
    closedir(dir);
    rmdir(folder);
    return count;
}

static void office_fini(struct office *office)
{
    char blobs[96];
    office_close(office);
    snprintf(blobs, sizeof blobs, "%s/blobs", office->folder);
    cr_assert_gt(folder_clear(blobs), 0);
    folder_clear(office->folder);
}

static enum gm_status file_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                void *out, uint64_t size_bytes, struct gm_error *err)
{
    const struct gm_lab *lab = ctx;
    (void)err;
    for (size_t i = 0; i < lab->file_count; i++) {
        if (!gm_hash_equal(&lab->files[i].root, root))
            continue;
        memcpy(out, lab->files[i].data + offset_bytes, size_bytes);
        return GM_OK;
    }
    return GM_NOT_FOUND;
}

static void submit(struct gm_person *person, struct gm_lab *lab, uint8_t job[GM_ID_BYTES])
{
    struct gm_blob_source source = {lab, file_read};
    struct gm_error err = {.text = ""};
    struct gm_message message = {.type = GM_MESSAGE_SUBMIT};
    struct gm_reply reply;
    memcpy(message.submit.recipe, lab->recipe_root.bytes, GM_ROOT_BYTES);
    gm_person_ask(person, &message, &reply);
    cr_assert_eq(reply.message.type, GM_MESSAGE_ERROR, "a recipe that is not there was taken");
    gm_reply_fini(&reply);
    for (size_t i = 0; i < lab->file_count; i++) {
        struct gm_blob_name name = {lab->files[i].root, lab->files[i].size_bytes};
        cr_assert_eq(gm_transfer_put(&person->transfer, NULL, &name, 1, &source, &err), GM_OK, "%s",
                     err.text);
    }
    gm_person_ask(person, &message, &reply);
    cr_assert_eq(reply.message.type, GM_MESSAGE_SUBMITTED, "%.*s",
                 (int)reply.message.error.text.size_bytes,
                 (const char *)reply.message.error.text.data);
    memcpy(job, reply.message.submitted.job, GM_ID_BYTES);
    gm_reply_fini(&reply);
}

static void lab_make(struct gm_lab *lab)
{
    struct gm_lab_options options = {.name = "loopback",
                                     .seed = 1,
                                     .step_count = 2,
                                     .shard_count = 2,
                                     .checkpoint_every = 1,
                                     .data_bytes = (5 << 20) / 2,
                                     .diverge_step = UINT32_MAX};
    gm_lab_init(lab, &options);
}

/* One lease from the question to the verdict. */
static uint64_t work_once(struct gm_person *person, const struct gm_lab *lab, uint8_t request)
{
    struct gm_reply lease;
    struct gm_handwork done;
    cr_assert(gm_person_lease(person, request, 10000, &lease), "no task for request %u", request);
    gm_person_work(person, lab, &lease, &done);
    gm_reply_fini(&lease);
    uint64_t verdict = gm_person_deliver(person, &done);
    gm_handwork_fini(&done);
    return verdict;
}

static uint64_t job_state(struct gm_person *person, const uint8_t job[GM_ID_BYTES], uint64_t *step)
{
    struct gm_message ask = {.type = GM_MESSAGE_JOB_ASK};
    struct gm_reply reply;
    memcpy(ask.job_ask.job, job, GM_ID_BYTES);
    gm_person_ask(person, &ask, &reply);
    cr_assert_eq(reply.message.type, GM_MESSAGE_JOB_INFO);
    uint64_t state = reply.message.job_info.state;
    *step = reply.message.job_info.step;
    gm_reply_fini(&reply);
    return state;
}

/* The whole of a blob, or the refusal. */
static enum gm_status blob_get(struct gm_person *person, const struct gm_hash *root,
                               struct gm_buf *out)
{
    gm_buf_init(out, 16 << 20);
    enum gm_status status = gm_transfer_get(&person->transfer, root, out, NULL);
    return status;
}

Test(runner, a_job_is_submitted_done_by_hand_and_fetched_across_a_restart)
{
    struct office office;
    struct gm_lab lab;
    struct gm_person house;
    struct gm_person requester;
    uint8_t job[GM_ID_BYTES];
    uint64_t step;
    office_init(&office);
    lab_make(&lab);
    gm_person_init(&house, HOUSE, office.port, &office.key.public_key);
    gm_person_init(&requester, REQUESTER, office.port, &office.key.public_key);
    submit(&requester, &lab, job);
    cr_assert_eq(work_once(&house, &lab, 1), GM_VERDICT_ACCEPTED);
    /* Two gradients, a reduction, an update: a step. */
    for (uint8_t i = 0; i < 4; i++)
        cr_assert_eq(work_once(&house, &lab, (uint8_t)(2 + i)), GM_VERDICT_ACCEPTED);
    cr_assert_eq(job_state(&requester, job, &step), GM_JOB_RUNNING);
    cr_assert_eq(step, 1);

    gm_person_fini(&house);
    gm_person_fini(&requester);
    office_close(&office);
    office_open(&office);
    gm_person_init(&house, HOUSE, office.port, &office.key.public_key);
    gm_person_init(&requester, REQUESTER, office.port, &office.key.public_key);
    cr_assert_eq(job_state(&requester, job, &step), GM_JOB_RUNNING);
    cr_assert_eq(step, 1);
    for (uint8_t i = 0; i < 4; i++)
        cr_assert_eq(work_once(&house, &lab, (uint8_t)(10 + i)), GM_VERDICT_ACCEPTED);
    cr_assert_eq(job_state(&requester, job, &step), GM_JOB_DONE);

    /* The state's tensors come back; a large file of the job comes in pieces. */
    struct gm_message ask = {.type = GM_MESSAGE_STATE_ASK};
    struct gm_reply reply;
    struct gm_buf blob;
    memcpy(ask.state_ask.job, job, GM_ID_BYTES);
    gm_person_ask(&requester, &ask, &reply);
    cr_assert_eq(reply.message.type, GM_MESSAGE_STATE_INFO);
    cr_assert_eq(reply.message.state_info.step, 2);
    cr_assert_eq(reply.message.state_info.roots.size_bytes, lab.recipe.state_count * GM_ROOT_BYTES);
    for (uint32_t i = 0; i < lab.recipe.state_count; i++) {
        struct gm_hash root;
        memcpy(root.bytes, reply.message.state_info.roots.data + i * GM_ROOT_BYTES, GM_HASH_SIZE);
        cr_assert_eq(blob_get(&requester, &root, &blob), GM_OK);
        cr_assert_gt(blob.size_bytes, 0);
        gm_buf_fini(&blob);
        struct gm_person stranger;
        gm_person_init(&stranger, STRANGER, office.port, &office.key.public_key);
        cr_assert_eq(blob_get(&stranger, &root, &blob), GM_NOT_FOUND);
        gm_buf_fini(&blob);
        gm_person_fini(&stranger);
    }
    gm_reply_fini(&reply);
    gm_person_fini(&house);
    gm_person_fini(&requester);
    office_fini(&office);
    gm_lab_fini(&lab);
}

Test(runner, blobs_move_in_pieces_and_only_to_whom_a_lease_names_them)
{
    struct office office;
    struct gm_lab lab;
    struct gm_person house;
    struct gm_person worker;
    struct gm_person requester;
    uint8_t job[GM_ID_BYTES];
    struct gm_buf blob;
    struct gm_reply lease;
    struct gm_handwork done;
    office_init(&office);
    lab_make(&lab);
    gm_person_init(&house, HOUSE, office.port, &office.key.public_key);
    gm_person_init(&worker, WORKER, office.port, &office.key.public_key);
    gm_person_init(&requester, REQUESTER, office.port, &office.key.public_key);
    submit(&requester, &lab, job);
    const struct gm_hash *data = &lab.recipe.train[0].root;
    cr_assert_eq(blob_get(&requester, data, &blob), GM_OK);
    cr_assert_eq(blob.size_bytes, (5 << 20) / 2);
    gm_buf_fini(&blob);
    cr_assert_eq(blob_get(&worker, data, &blob), GM_NOT_FOUND);
    gm_buf_fini(&blob);

    /* The worker waits; the initial state makes its task ready. */
    cr_assert(!gm_person_lease(&worker, 1, 0, &lease));
    cr_assert_eq(work_once(&house, &lab, 1), GM_VERDICT_ACCEPTED);
    cr_assert(gm_person_lease(&worker, 2, 10000, &lease));
    cr_assert_eq(blob_get(&worker, data, &blob), GM_OK);
    gm_buf_fini(&blob);
    gm_person_work(&worker, &lab, &lease, &done);
    gm_reply_fini(&lease);
    cr_assert_eq(gm_person_upload(&worker, &done), GM_REFUSED, "an upload without a receipt");
    cr_assert_eq(gm_person_deliver(&worker, &done), GM_VERDICT_PENDING);

    /* Nobody else may speak for the lease. */
    struct gm_message uploaded = {.type = GM_MESSAGE_UPLOADED};
    struct gm_reply reply;
    memcpy(uploaded.uploaded.lease, done.lease, GM_ID_BYTES);
    gm_person_ask(&house, &uploaded, &reply);
    cr_assert_eq(reply.message.type, GM_MESSAGE_ERROR);
    cr_assert_eq(reply.message.error.status, GM_REFUSED);
    gm_reply_fini(&reply);
    gm_handwork_fini(&done);
    gm_person_fini(&house);
    gm_person_fini(&worker);
    gm_person_fini(&requester);
    office_fini(&office);
    gm_lab_fini(&lab);
}

/* A limit on file sizes stands in for a full disk. */
static void disk_limit(uint64_t size_bytes, struct rlimit *prior)
{
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, prior), 0);
    struct rlimit small = {size_bytes, prior->rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
}

Test(runner, a_full_disk_is_said_loses_nothing_and_passes)
{
    struct office office;
    struct gm_lab lab;
    struct gm_person house;
    struct gm_person requester;
    struct rlimit prior;
    uint8_t job[GM_ID_BYTES];
    uint64_t step;
    struct gm_reply reply;
    office_init(&office);
    lab_make(&lab);
    gm_person_init(&house, HOUSE, office.port, &office.key.public_key);
    gm_person_init(&requester, REQUESTER, office.port, &office.key.public_key);
    submit(&requester, &lab, job);

    /* What cannot be stored is not promised. */
    struct gm_message ask = {.type = GM_MESSAGE_LEASE_ASK};
    ask.lease_ask.request[0] = 1;
    ask.lease_ask.memory_bytes = 1 << 30;
    disk_limit(4096, &prior);
    gm_person_ask(&house, &ask, &reply);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &prior), 0);
    cr_assert_eq(reply.message.type, GM_MESSAGE_ERROR);
    cr_assert(reply.message.error.status == GM_NO_SPACE || reply.message.error.status == GM_IO);
    cr_assert_gt(reply.message.error.retry_ms, 0);
    gm_reply_fini(&reply);

    /* For a while the broker says why it gives nothing. */
    gm_person_ask(&house, &ask, &reply);
    cr_assert_eq(reply.message.type, GM_MESSAGE_LEASE_NONE);
    cr_assert_gt(reply.message.lease_none.reason.size_bytes, 20);
    gm_reply_fini(&reply);
    cr_assert_eq(job_state(&requester, job, &step), GM_JOB_RUNNING);

    gm_person_fini(&house);
    gm_person_fini(&requester);
    office_close(&office);
    office_open(&office);
    gm_person_init(&house, HOUSE, office.port, &office.key.public_key);
    cr_assert_eq(work_once(&house, &lab, 2), GM_VERDICT_ACCEPTED);
    gm_person_fini(&house);
    office_fini(&office);
    gm_lab_fini(&lab);
}

/* ---- several at once ---- */

struct helper {
    struct office *office;
    const struct gm_lab *lab;
    uint8_t number;
    uint64_t accepted;
    pthread_t thread;
};

/* Works until nothing comes for a second. */
static void *helper_run(void *context)
{
    struct helper *helper = context;
    struct gm_person person;
    struct gm_reply lease;
    struct gm_handwork done;
    gm_person_init(&person, helper->number, helper->office->port, &helper->office->key.public_key);
    for (uint8_t request = 1; gm_person_lease(&person, request, 1500, &lease); request++) {
        gm_person_work(&person, helper->lab, &lease, &done);
        gm_reply_fini(&lease);
        helper->accepted += gm_person_deliver(&person, &done) == GM_VERDICT_ACCEPTED;
        gm_handwork_fini(&done);
    }
    gm_person_fini(&person);
    return NULL;
}

Test(runner, workers_at_once_share_a_job)
{
    enum { HELPERS = 4 };
    struct office office;
    struct gm_lab lab;
    struct gm_lab_options options = {.name = "crowd",
                                     .seed = 1,
                                     .step_count = 3,
                                     .shard_count = 9,
                                     .checkpoint_every = 1,
                                     .evaluate_every = 1,
                                     .diverge_step = UINT32_MAX};
    struct gm_person requester;
    struct helper helpers[HELPERS];
    uint8_t job[GM_ID_BYTES];
    uint64_t step;
    gm_lab_init(&lab, &options);
    office_init(&office);
    gm_person_init(&requester, REQUESTER, office.port, &office.key.public_key);
    submit(&requester, &lab, job);
    for (uint8_t i = 0; i < HELPERS; i++) {
        helpers[i] = (struct helper){&office, &lab, (uint8_t)(i == 0 ? HOUSE : 10 + i), 0, 0};
        cr_assert_eq(pthread_create(&helpers[i].thread, NULL, helper_run, &helpers[i]), 0);
    }
    for (int i = 0; i < HELPERS; i++)
        cr_assert_eq(pthread_join(helpers[i].thread, NULL), 0);
    cr_assert_eq(job_state(&requester, job, &step), GM_JOB_DONE);
    cr_assert_eq(step, 3);
    cr_assert_gt(helpers[0].accepted, 0);
    gm_person_fini(&requester);
    office_fini(&office);
    gm_lab_fini(&lab);
}
