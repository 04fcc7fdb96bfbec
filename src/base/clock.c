#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

uint64_t gm_clock_monotonic_ns(void)
{
    struct timespec now;
    int rc = clock_gettime(CLOCK_BOOTTIME, &now);
    assert(rc == 0);
    (void)rc;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t gm_clock_unix_s(void)
{
    return (uint64_t)time(NULL);
}

void gm_clock_deadline(struct timespec *out, uint64_t wait_ms)
{
    int rc = clock_gettime(CLOCK_MONOTONIC, out);
    assert(rc == 0);
    (void)rc;
    out->tv_sec += (time_t)(wait_ms / 1000);
    out->tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (out->tv_nsec >= 1000000000) {
        out->tv_nsec -= 1000000000;
        out->tv_sec++;
    }
}

void gm_clock_wait_ms(uint64_t wait_ms)
{
    struct timespec left = {(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}
