#include "base/clock.h"

#include <assert.h>
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
