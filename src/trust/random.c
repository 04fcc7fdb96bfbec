#include "trust/random.h"

#include <sodium.h>

void gm_random_fill(void *out, size_t size_bytes)
{
    randombytes_buf(out, size_bytes);
}
