#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/demo.h"

enum { FOLDERS_MAX = 1000, READY_WAIT_MS = 20000, READY_POLL_MS = 20 };

/* ---- files ---- */

enum gm_status gm_demo_path(const struct gm_demo *demo, const char *name, const char *more,
                            char out[static GM_DEMO_PATH_MAX], struct gm_error *err)
{
    int chars = snprintf(out, GM_DEMO_PATH_MAX, "%s/%s%s%s", demo->folder, name,
                         more != NULL ? "/" : "", more != NULL ? more : "");
    return chars > 0 && chars < GM_DEMO_PATH_MAX
               ? GM_OK
               : gm_error_set(err, GM_USAGE, "%s: the path is too long", demo->folder);
}

static enum gm_status folder_make(struct gm_demo *demo, const char *wanted, struct gm_error *err)
{
    for (int i = 1; i <= FOLDERS_MAX; i++) {
        int chars = i == 1 ? snprintf(demo->folder, sizeof demo->folder, "%s", wanted)
                           : snprintf(demo->folder, sizeof demo->folder, "%s-%d", wanted, i);
        if (chars < 0 || (size_t)chars >= sizeof demo->folder - 64)
            return gm_error_set(err, GM_USAGE, "%s: the path is too long", wanted);
        if (mkdir(demo->folder, 0755) == 0)
            return GM_OK;
        if (errno != EEXIST)
            return gm_error_errno(err, errno, demo->folder, "cannot create folder");
    }
    return gm_error_set(err, GM_EXISTS, "%s: too many of them are here already", wanted);
}

static enum gm_status text_write(const struct gm_demo *demo, const char *name, const char *text,
                                 struct gm_error *err)
{
    char path[GM_DEMO_PATH_MAX];
    GM_TRY(gm_demo_path(demo, name, NULL, path, err));
    return gm_file_write(path, 0644, (struct gm_bytes){(const uint8_t *)text, strlen(text)}, err);
}

static enum gm_status key_make(const struct gm_demo *demo, const char *name,
                               struct gm_key_public *out, struct gm_error *err)
{
    struct gm_key key;
    char path[GM_DEMO_PATH_MAX];
    char file[64];
    GM_TRY(gm_key_generate(&key, err));
    *out = key.public_key;
    (void)snprintf(file, sizeof file, "%s.key", name);
    enum gm_status status = gm_demo_path(demo, file, NULL, path, err);
    if (status == GM_OK)
        status = gm_key_save(&key, path, err);
    gm_key_wipe(&key);
    if (status != GM_OK)
        return status;
    (void)snprintf(file, sizeof file, "%s.pub", name);
    GM_TRY(gm_demo_path(demo, file, NULL, path, err));
    return gm_key_public_save(out, path, err);
}

static const char config_text[] = "{\n"
                                  "  \"model_type\": \"gpt2\",\n"
                                  "  \"vocab_size\": 256,\n"
                                  "  \"n_positions\": 128,\n"
                                  "  \"n_embd\": 128,\n"
                                  "  \"n_layer\": 4,\n"
                                  "  \"n_head\": 4,\n"
                                  "  \"activation_function\": \"gelu_new\",\n"
                                  "  \"layer_norm_epsilon\": 1e-5,\n"
                                  "  \"resid_pdrop\": 0, \"embd_pdrop\": 0, \"attn_pdrop\": 0\n"
                                  "}\n";

static const char job_format[] =
    "{\n"
    "  \"name\": \"bytes-gpt\",\n"
    "  \"model\":  { \"config\": \"config.json\", \"init_seed\": %llu },\n"
    "  \"data\":   { \"kind\": \"bytes\", \"path\": \"/usr/share/common-licenses/*\", "
    "\"validation\": 0.05 },\n"
    "  \"train\":  { \"steps\": %llu, \"batch\": 16, \"seq\": 128, \"shards\": 4, \"seed\": %llu,\n"
    "              \"clip_norm\": 1.0, \"dropout\": 0,\n"
    "              \"optimizer\": { \"name\": \"adamw\", \"lr\": 2e-3, \"betas\": [0.9, 0.95], "
    "\"eps\": 1e-8, \"weight_decay\": 0.1 },\n"
    "              \"schedule\": { \"name\": \"cosine\", \"warmup\": %llu, \"min_lr\": 2e-4 } },\n"
    "  \"verify\": { \"replay\": 0.1 },\n"
    "  \"profile\": \"exact-f32/1\"\n"
    "}\n";

enum gm_status gm_demo_stage(struct gm_demo *demo, const char *wanted, struct gm_error *err)
{
    char job[sizeof job_format + 128];
    struct gm_key_public requester;
    GM_TRY(folder_make(demo, wanted, err));
    GM_TRY(text_write(demo, "config.json", config_text, err));
    (void)snprintf(job, sizeof job, job_format, (unsigned long long)demo->seed,
                   (unsigned long long)demo->steps, (unsigned long long)demo->seed,
                   (unsigned long long)(demo->steps / 10));
    GM_TRY(text_write(demo, "job.json", job, err));
    GM_TRY(key_make(demo, "broker", &demo->broker_key, err));
    GM_TRY(key_make(demo, "requester", &requester, err));
    (void)snprintf(demo->house.name, sizeof demo->house.name, "house");
    (void)snprintf(demo->liar.name, sizeof demo->liar.name, "liar");
    GM_TRY(key_make(demo, demo->house.name, &demo->house.key, err));
    GM_TRY(key_make(demo, demo->liar.name, &demo->liar.key, err));
    for (uint64_t i = 0; i < demo->worker_count; i++) {
        struct gm_demo_worker *worker = &demo->workers[i];
        (void)snprintf(worker->name, sizeof worker->name, "worker-%llu", (unsigned long long)i + 1);
        GM_TRY(key_make(demo, worker->name, &worker->key, err));
    }
    return GM_OK;
}

/* ---- processes ---- */

/* What stands between `before` and the next quotation mark; false when it is not there whole. */
static bool text_between(const char *text, const char *before, char *out, size_t size)
{
    const char *at = strstr(text, before);
    const char *end = at != NULL ? strchr(at + strlen(before), '"') : NULL;
    if (end == NULL || (size_t)(end - at) - strlen(before) >= size)
        return false;
    at += strlen(before);
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return true;
}

/* The broker says where it listens in the first line of its log. */
static bool address_read(struct gm_demo *demo, const char *log)
{
    struct gm_buf text;
    bool found = false;
    gm_buf_init(&text, 1 << 16);
    if (gm_file_read(log, &text, NULL) == GM_OK) {
        uint8_t *end = gm_buf_extend(&text, 1);
        if (end != NULL) {
            *end = '\0';
            found = text_between((const char *)text.data, "\"address\":\"", demo->address,
                                 sizeof demo->address);
        }
    }
    gm_buf_fini(&text);
    return found;
}

static enum gm_status broker_start(struct gm_demo *demo, struct gm_error *err)
{
    char key[GM_DEMO_PATH_MAX];
    char house[GM_DEMO_PATH_MAX];
    char dir[GM_DEMO_PATH_MAX];
    char log[GM_DEMO_PATH_MAX];
    GM_TRY(gm_demo_path(demo, "broker.key", NULL, key, err));
    GM_TRY(gm_demo_path(demo, "house.pub", NULL, house, err));
    GM_TRY(gm_demo_path(demo, "broker", NULL, dir, err));
    GM_TRY(gm_demo_path(demo, "broker.log", NULL, log, err));
    const char *const args[] = {
        "broker",  "--listen", "tcp://127.0.0.1:0", "--dir", dir,      "--key", key,
        "--house", house,      "--heartbeat",       "300ms", "--json", NULL};
    GM_TRY(gm_child_start(&demo->broker, args, log, err));
    for (int waited_ms = 0; waited_ms < READY_WAIT_MS; waited_ms += READY_POLL_MS) {
        if (address_read(demo, log))
            return GM_OK;
        if (!gm_child_runs(&demo->broker))
            break;
        gm_clock_wait_ms(READY_POLL_MS);
    }
    return gm_error_set(err, GM_PEER, "the broker did not start; %s says why", log);
}

enum gm_status gm_demo_worker_start(struct gm_demo *demo, struct gm_demo_worker *worker,
                                    const char *drill, struct gm_error *err)
{
    char file[64];
    char key[GM_DEMO_PATH_MAX];
    char log[GM_DEMO_PATH_MAX];
    char dir[GM_DEMO_PATH_MAX];
    char broker[GM_DEMO_PATH_MAX];
    (void)snprintf(file, sizeof file, "%s.key", worker->name);
    GM_TRY(gm_demo_path(demo, file, NULL, key, err));
    (void)snprintf(file, sizeof file, "%s.log", worker->name);
    GM_TRY(gm_demo_path(demo, file, NULL, log, err));
    GM_TRY(gm_demo_path(demo, worker->name, NULL, dir, err));
    GM_TRY(gm_demo_path(demo, "broker.pub", NULL, broker, err));
    const char *const args[] = {
        "worker", "--broker",  demo->address, "--broker-key",
        broker,   "--key",     key,           "--dir",
        dir,      "--threads", "1",           drill != NULL ? "--drill" : NULL,
        drill,    NULL};
    return gm_child_start(&worker->child, args, log, err);
}

static enum gm_status market_connect(struct gm_demo *demo, struct gm_error *err)
{
    char path[GM_DEMO_PATH_MAX];
    GM_TRY(gm_demo_path(demo, "requester.key", NULL, path, err));
    GM_TRY(gm_market_connect(demo->address, &demo->broker_key, path, &demo->market, err));
    demo->market_open = true;
    return GM_OK;
}

enum gm_status gm_demo_start(struct gm_demo *demo, struct gm_error *err)
{
    GM_TRY(broker_start(demo, err));
    GM_TRY(gm_demo_worker_start(demo, &demo->house, NULL, err));
    for (uint64_t i = 0; i < demo->worker_count; i++)
        GM_TRY(gm_demo_worker_start(demo, &demo->workers[i], NULL, err));
    return market_connect(demo, err);
}

bool gm_demo_worker_holds_lease(const struct gm_demo *demo, const struct gm_demo_worker *worker)
{
    char path[GM_DEMO_PATH_MAX];
    if (gm_demo_path(demo, worker->name, "receipts", path, NULL) != GM_OK)
        return false;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    size_t leases = 0;
    size_t receipts = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        leases +=
            strncmp(entry->d_name, "lease-", 6) == 0 && strstr(entry->d_name, ".cose.") == NULL;
        receipts += strncmp(entry->d_name, "receipt-", 8) == 0;
    }
    (void)closedir(folder);
    return leases > receipts;
}

void gm_demo_stop(struct gm_demo *demo)
{
    struct gm_child *children[GM_DEMO_WORKERS_MAX + 2];
    size_t count = 0;
    if (demo->market_open)
        gm_market_close(&demo->market);
    demo->market_open = false;
    for (uint64_t i = 0; i < demo->worker_count; i++)
        children[count++] = &demo->workers[i].child;
    children[count++] = &demo->house.child;
    children[count++] = &demo->liar.child;
    for (size_t i = 0; i < count; i++)
        gm_child_signal(children[i], SIGTERM);
    for (size_t i = 0; i < count; i++)
        (void)gm_child_wait(children[i]);
    /* Last: the others finish or give back what they hold. */
    gm_child_signal(&demo->broker, SIGTERM);
    (void)gm_child_wait(&demo->broker);
}
