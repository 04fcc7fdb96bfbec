#include "cli/stop.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static void signals_fill(const struct gm_stop *stop, sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGUSR2); /* our own: ends the thread */
    if (stop->calls.pause != NULL) {
        (void)sigaddset(signals, SIGUSR1);
        (void)sigaddset(signals, SIGCONT);
    }
}

static void *stop_main(void *arg)
{
    struct gm_stop *stop = arg;
    sigset_t signals;
    signals_fill(stop, &signals);
    for (;;) {
        int number = 0;
        if (sigwait(&signals, &number) != 0)
            continue;
        if (atomic_load(&stop->closing))
            return NULL;
        if (number == SIGUSR2)
            continue;
        if (number == SIGUSR1 || number == SIGCONT) {
            stop->calls.pause(stop->calls.ctx, number == SIGUSR1);
            continue;
        }
        if (atomic_exchange(&stop->asked, true))
            _exit(128 + number);
        if (stop->calls.heard != NULL)
            stop->calls.heard(stop->calls.ctx);
    }
}

enum gm_status gm_stop_start(struct gm_stop *stop, struct gm_stop_calls calls, struct gm_error *err)
{
    sigset_t signals;
    memset(stop, 0, sizeof *stop);
    stop->calls = calls;
    signals_fill(stop, &signals);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0 ||
        pthread_create(&stop->thread, NULL, stop_main, stop) != 0)
        return gm_error_set(err, GM_NO_MEMORY, "no thread for signals");
    return GM_OK;
}

void gm_stop_end(struct gm_stop *stop)
{
    atomic_store(&stop->closing, true);
    (void)pthread_kill(stop->thread, SIGUSR2);
    (void)pthread_join(stop->thread, NULL);
}
