/* Clocks are read in runners only; decisions receive the time as a value. */
#ifndef GM_BASE_CLOCK_H
#define GM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic nanoseconds since an arbitrary start; goes on across suspends (CLOCK_BOOTTIME). */
uint64_t gm_clock_monotonic_ns(void);
/* Seconds since 1970-01-01 UTC. */
uint64_t gm_clock_unix_s(void);
/* The time wait_ms from now, for pthread_cond_timedwait with a condition of CLOCK_MONOTONIC. */
void gm_clock_deadline(struct timespec *out, uint64_t wait_ms);
/* Blocks for at least this long, signals or not. For runners that try again later. */
void gm_clock_wait_ms(uint64_t wait_ms);

#endif
