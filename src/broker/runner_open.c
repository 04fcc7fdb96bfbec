/* A runner's beginning and end. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "broker/runner_state.h"

static enum gm_status folder_open(struct gm_broker_runner *runner, struct gm_error *err)
{
    const char *folder = runner->config.folder;
    char *database = gm_path_join(folder, "state.db");
    char *blobs = gm_path_join(folder, "blobs");
    enum gm_status status = GM_NO_MEMORY;
    if (database != NULL && blobs != NULL)
        status = gm_dir_make(folder, 0700, err);
    if (status == GM_OK)
        status = gm_store_sqlite_open(database, &runner->store, err);
    if (status == GM_OK)
        status = gm_blob_store_open(blobs, runner->config.disk_bytes_max, &runner->blobs, err);
    gm_mem_free(database);
    gm_mem_free(blobs);
    return status;
}

static enum gm_status threads_start(struct gm_broker_runner *runner, struct gm_error *err)
{
    while (runner->thread_count < GM_BROKER_BLOB_THREADS) {
        if (pthread_create(&runner->threads[runner->thread_count], NULL, gm_broker_blob_thread,
                           runner) != 0)
            return gm_error_set(err, GM_NO_MEMORY, "cannot start a thread for blobs");
        runner->thread_count++;
    }
    return GM_OK;
}

static void locks_init(struct gm_broker_runner *runner)
{
    (void)pthread_mutex_init(&runner->core, NULL);
    (void)pthread_mutex_init(&runner->arriving, NULL);
    gm_broker_queue_init(&runner->control);
    gm_broker_queue_init(&runner->blob_queue);
    gm_broker_out_init(&runner->out);
    gm_buf_init(&runner->looked_up, 0);
    atomic_init(&runner->stopped, false);
}

enum gm_status gm_broker_runner_new(const struct gm_broker_runner_config *config,
                                    struct gm_broker_runner **out, struct gm_error *err)
{
    struct gm_broker_runner *runner = gm_mem_new(1, sizeof *runner);
    if (runner == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory for the broker");
    runner->config = *config;
    gm_broker_runner_blobs(runner, &runner->config.rules.blobs);
    locks_init(runner);
    enum gm_status status = folder_open(runner, err);
    if (status == GM_OK)
        status = gm_broker_runner_load(runner, err);
    if (status == GM_OK) {
        gm_blob_store_sweep(runner->blobs);
        status = threads_start(runner, err);
    }
    struct gm_server_config server = {
        .key = config->rules.key,
        .address = config->address,
        .handler = gm_broker_runner_receive,
        .ctx = runner,
        .open_bytes_max = GM_BROKER_OPEN_BYTES_MAX,
    };
    if (status == GM_OK)
        status = gm_server_open(&server, &runner->server, err);
    if (status != GM_OK) {
        gm_broker_runner_free(runner);
        return status;
    }
    *out = runner;
    return GM_OK;
}

void gm_broker_runner_free(struct gm_broker_runner *runner)
{
    if (runner == NULL)
        return;
    gm_broker_runner_stop(runner);
    for (size_t i = 0; i < runner->thread_count; i++)
        (void)pthread_join(runner->threads[i], NULL);
    gm_server_close(runner->server);
    gm_broker_arrivals_close(runner, UINT64_MAX);
    for (size_t i = 0; i < runner->tree_count; i++)
        gm_mem_free(runner->trees[i].values);
    gm_broker_free(runner->broker);
    gm_broker_out_fini(&runner->out);
    gm_buf_fini(&runner->looked_up);
    gm_mem_free(runner->holds.roots);
    gm_blob_store_close(runner->blobs);
    gm_store_close(runner->store);
    gm_broker_queue_fini(&runner->control);
    gm_broker_queue_fini(&runner->blob_queue);
    (void)pthread_mutex_destroy(&runner->core);
    (void)pthread_mutex_destroy(&runner->arriving);
    gm_mem_free(runner);
}
