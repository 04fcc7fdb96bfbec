#include "trust/hash.h"

#include <string.h>

#include "base/bytes.h"

bool gm_hash_equal(const struct gm_hash *a, const struct gm_hash *b)
{
    return memcmp(a->bytes, b->bytes, GM_HASH_SIZE) == 0;
}

int gm_hash_compare(const struct gm_hash *a, const struct gm_hash *b)
{
    return memcmp(a->bytes, b->bytes, GM_HASH_SIZE);
}

char *gm_hash_hex(char out[GM_HASH_HEX_SIZE], const struct gm_hash *hash)
{
    gm_hex_encode(out, hash->bytes, GM_HASH_SIZE);
    return out;
}

bool gm_hash_from_hex(struct gm_hash *out, const char *text)
{
    return gm_hex_decode(out->bytes, GM_HASH_SIZE, text);
}
