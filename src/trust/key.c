#include "trust/key.h"

#include <string.h>

#include <sodium.h>

_Static_assert(GM_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "libsodium's Ed25519");
_Static_assert(GM_KEY_SECRET_SIZE == crypto_sign_SECRETKEYBYTES, "libsodium's Ed25519");
_Static_assert(GM_SIGNATURE_SIZE == crypto_sign_BYTES, "libsodium's Ed25519");

enum gm_status gm_key_generate(struct gm_key *key, struct gm_error *err)
{
    uint8_t seed[GM_KEY_SIZE];
    if (sodium_init() < 0)
        return gm_error_set(err, GM_UNAVAILABLE, "libsodium cannot start: no source of randomness");
    randombytes_buf(seed, sizeof seed);
    gm_key_from_seed(key, seed);
    sodium_memzero(seed, sizeof seed);
    return GM_OK;
}

void gm_key_from_seed(struct gm_key *key, const uint8_t seed[static GM_KEY_SIZE])
{
    (void)crypto_sign_seed_keypair(key->public_key.bytes, key->secret, seed);
}

void gm_key_wipe(struct gm_key *key)
{
    sodium_memzero(key, sizeof *key);
}

char *gm_key_public_hex(char out[GM_KEY_HEX_SIZE], const struct gm_key_public *key)
{
    gm_hex_encode(out, key->bytes, GM_KEY_SIZE);
    return out;
}

bool gm_key_public_equal(const struct gm_key_public *a, const struct gm_key_public *b)
{
    return memcmp(a->bytes, b->bytes, GM_KEY_SIZE) == 0;
}

bool gm_key_public_valid(const struct gm_key_public *key)
{
    uint8_t x25519[GM_KEY_SIZE];
    return gm_key_public_to_x25519(key, x25519);
}

struct gm_hash gm_key_thumbprint(const struct gm_key_public *key)
{
    /* {1: 1, -1: 6, -2: bytes of 32}: kty OKP, crv Ed25519, x. */
    static const uint8_t head[] = {0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20};
    uint8_t cose_key[sizeof head + GM_KEY_SIZE];
    struct gm_hash print;
    memcpy(cose_key, head, sizeof head);
    memcpy(cose_key + sizeof head, key->bytes, GM_KEY_SIZE);
    (void)crypto_hash_sha256(print.bytes, cose_key, sizeof cose_key);
    return print;
}

void gm_key_sign(const struct gm_key *key, struct gm_bytes message,
                 uint8_t signature[static GM_SIGNATURE_SIZE])
{
    (void)crypto_sign_detached(signature, NULL, message.data, message.size_bytes, key->secret);
}

bool gm_key_verify(const struct gm_key_public *key, struct gm_bytes message,
                   const uint8_t signature[static GM_SIGNATURE_SIZE])
{
    return crypto_sign_verify_detached(signature, message.data, message.size_bytes, key->bytes) ==
           0;
}

void gm_key_to_x25519(const struct gm_key *key, uint8_t secret[static GM_KEY_SIZE])
{
    (void)crypto_sign_ed25519_sk_to_curve25519(secret, key->secret);
}

bool gm_key_public_to_x25519(const struct gm_key_public *key, uint8_t out[static GM_KEY_SIZE])
{
    return crypto_sign_ed25519_pk_to_curve25519(out, key->bytes) == 0;
}
