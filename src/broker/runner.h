/* A broker at work: carries out what gm_broker_step decides, with two ports, a folder and threads.

   One thread, the caller of gm_broker_runner_run, takes up to 64 requests at once, steps, stores
   all of it in one transaction, and then answers. A few others serve the blob port; they ask the
   broker's questions under its lock and read and write blobs beside it. */
#ifndef GM_BROKER_RUNNER_H
#define GM_BROKER_RUNNER_H

#include "base/log.h"
#include "broker/broker.h"

struct gm_broker_runner_config {
    struct gm_broker_config rules; /* key and house outlive the runner; blobs are the runner's */
    const char *address;           /* "tcp://host:port"; blobs are served on the next port */
    const char *folder;            /* state.db and blobs/; made if need be */
    uint64_t disk_bytes_max;       /* of blobs; 0: no limit */
    const struct gm_log *log;
};

struct gm_broker_runner;

/* Opens the folder, rebuilds the broker, and listens. */
enum gm_status gm_broker_runner_new(const struct gm_broker_runner_config *config,
                                    struct gm_broker_runner **out,
                                    struct gm_error *err) GM_MUST_USE;
/* The control port, when the address left it open. */
uint16_t gm_broker_runner_port(const struct gm_broker_runner *runner);
/* Blocks until stopped (GM_OK), or until the folder can no longer be used. */
enum gm_status gm_broker_runner_run(struct gm_broker_runner *runner,
                                    struct gm_error *err) GM_MUST_USE;
/* From any thread, not from a signal handler. */
void gm_broker_runner_stop(struct gm_broker_runner *runner);
void gm_broker_runner_free(struct gm_broker_runner *runner); /* after run; NULL is allowed */

#endif
