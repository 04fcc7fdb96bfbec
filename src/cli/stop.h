/* Ctrl-C and SIGTERM: the first asks to finish what is running, the second ends the process at
   once. A thread of its own waits for them, so that no handler runs in the midst of other work. */
#ifndef GM_CLI_STOP_H
#define GM_CLI_STOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/status.h"

struct gm_stop {
    pthread_t thread;
    atomic_bool asked;
    atomic_bool closing;
    void (*heard)(void *ctx); /* on the first signal, from that thread; NULL: nothing */
    void *ctx;
};

/* Call it before any other thread is started: they inherit the blocked signals. */
enum gm_status gm_stop_start(struct gm_stop *stop, void (*heard)(void *ctx), void *ctx,
                             struct gm_error *err) GM_MUST_USE;
void gm_stop_end(struct gm_stop *stop);

#endif
