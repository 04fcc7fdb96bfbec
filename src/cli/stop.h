/* Ctrl-C and SIGTERM: the first asks to finish what is running, the second ends the process at
   once. SIGUSR1 and SIGCONT, for who wants them: give the machine back for a while, and go on. A
   thread of its own waits for them, so that no handler runs in the midst of other work. */
#ifndef GM_CLI_STOP_H
#define GM_CLI_STOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/status.h"

/* Called from that thread; NULL: nothing is to be done. */
struct gm_stop_calls {
    void (*heard)(void *ctx);             /* on the first signal to end */
    void (*pause)(void *ctx, bool pause); /* SIGUSR1: true, SIGCONT: false; NULL: not listened to */
    void *ctx;
};

struct gm_stop {
    pthread_t thread;
    atomic_bool asked;
    atomic_bool closing;
    struct gm_stop_calls calls;
};

/* Call it before any other thread is started: they inherit the blocked signals. */
enum gm_status gm_stop_start(struct gm_stop *stop, struct gm_stop_calls calls,
                             struct gm_error *err) GM_MUST_USE;
void gm_stop_end(struct gm_stop *stop);

#endif
