/* The whole market in one process: the broker's and the workers' production decisions over a
   simulated network, clock and disk, all drawn from one seed. Messages are lost, doubled, late and
   out of order; processes die at any moment and come back from what was stored. After every step of
   the broker, what must always hold is asserted (check.c). */
#ifndef GM_MARKET_SIM_H
#define GM_MARKET_SIM_H

#include "broker/state.h"
#include "broker/store.h"
#include "lab.h"

enum { GM_SIM_AGENTS_MAX = 16, GM_SIM_LABS_MAX = 4 };

struct gm_sim_options {
    uint64_t seed;
    size_t house_count, worker_count;
    size_t liar_count;   /* the last of the workers */
    uint32_t lie_after;  /* tasks that a liar does well first */
    uint32_t loss_ppm;   /* messages that do not arrive, per direction */
    uint32_t twice_ppm;  /* requests that arrive twice */
    uint32_t kill_ppm;   /* chance per second of a worker to be killed, and started again */
    uint32_t crash_ppm;  /* chance per event of the broker to die, before or after it is stored */
    uint32_t clock_ppm;  /* chance per second that the broker's calendar jumps by hours */
    uint64_t work_ms;    /* about what a task takes */
    uint32_t house_slow; /* times as long for a house worker */
    uint32_t rebuild_every; /* events between comparisons with a broker made of what is stored */
    size_t lab_count;
    struct gm_lab *labs; /* jobs, each submitted once at the start */
};

struct gm_sim;

struct gm_sim *gm_sim_new(const struct gm_sim_options *options);
void gm_sim_free(struct gm_sim *sim);
/* Until all jobs have ended; false when that took longer than the simulated time given. */
bool gm_sim_run(struct gm_sim *sim, uint64_t limit_ms);
/* The job as the broker has it now. */
const struct gm_broker_job *gm_sim_job(const struct gm_sim *sim, size_t lab);
bool gm_sim_banned(const struct gm_sim *sim, size_t worker);
uint64_t gm_sim_now_ms(const struct gm_sim *sim);
/* Events that the broker took; crashes of the broker; workers killed. */
uint64_t gm_sim_events(const struct gm_sim *sim);
uint64_t gm_sim_crashes(const struct gm_sim *sim);
uint64_t gm_sim_kills(const struct gm_sim *sim);
/* Blobs that are stored and that something refers to. */
size_t gm_sim_blob_count(const struct gm_sim *sim);

#endif
