/* Faults put here on purpose: what the sanitizers must report, or a clean run of the suite would
   prove nothing. seeded.sh expects each to fail. */
#include "gm_test.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

static int shared;

static void *shared_write(void *arg)
{
    (void)arg;
    shared++;
    return NULL;
}

Test(seeded, race)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, shared_write, NULL), 0);
    shared++; /* unordered with the thread's */
    cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(seeded, overrun)
{
    /* volatile: neither may the store be dropped, nor its size be known while compiling. */
    char *volatile block = malloc(8);
    cr_assert_not_null(block);
    *(volatile char *)(block + 8) = 1;
    free(block);
}

Test(seeded, overflow)
{
    volatile int large = INT_MAX;
    large = large + 1;
}
