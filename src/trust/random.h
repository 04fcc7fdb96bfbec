/* Randomness for nonces, identities and keys, from the system by way of libsodium. Runners draw it
   and hand it to decisions as a value. Any thread; may block only at boot, until the system has
   enough. */
#ifndef GM_TRUST_RANDOM_H
#define GM_TRUST_RANDOM_H

#include <stddef.h>

void gm_random_fill(void *out, size_t size_bytes);

#endif
