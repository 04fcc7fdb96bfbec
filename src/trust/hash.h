/* A 32-byte name: of bytes (BLAKE3), of a tensor, of a key (SHA-256 thumbprint). */
#ifndef GM_TRUST_HASH_H
#define GM_TRUST_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { GM_HASH_SIZE = 32, GM_HASH_HEX_SIZE = 65 };

struct gm_hash {
    uint8_t bytes[GM_HASH_SIZE];
};

bool gm_hash_equal(const struct gm_hash *a, const struct gm_hash *b);
/* As memcmp: the order in which sorted lists hold hashes. */
int gm_hash_compare(const struct gm_hash *a, const struct gm_hash *b);

/* 64 lower-case hex digits into a caller's buffer; returns `out`. */
char *gm_hash_hex(char out[GM_HASH_HEX_SIZE], const struct gm_hash *hash);
/* Exactly 64 hex digits; false otherwise. */
bool gm_hash_from_hex(struct gm_hash *out, const char *text) GM_MUST_USE;

#endif
