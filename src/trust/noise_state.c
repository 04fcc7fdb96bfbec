#include "trust/noise_state.h"

#include <string.h>

#include <sodium.h>

enum { BLOCK_BYTES = 128 };

static void hash_parts(uint8_t out[GM_NOISE_HASH_BYTES], struct gm_bytes a, struct gm_bytes b,
                       struct gm_bytes c)
{
    crypto_generichash_blake2b_state state;
    (void)crypto_generichash_blake2b_init(&state, NULL, 0, GM_NOISE_HASH_BYTES);
    (void)crypto_generichash_blake2b_update(&state, a.data, a.size_bytes);
    (void)crypto_generichash_blake2b_update(&state, b.data, b.size_bytes);
    (void)crypto_generichash_blake2b_update(&state, c.data, c.size_bytes);
    (void)crypto_generichash_blake2b_final(&state, out, GM_NOISE_HASH_BYTES);
    sodium_memzero(&state, sizeof state);
}

void gm_noise_hmac(uint8_t out[static GM_NOISE_HASH_BYTES], struct gm_bytes key, struct gm_bytes a,
                   struct gm_bytes b)
{
    uint8_t block[BLOCK_BYTES] = {0}, pad[BLOCK_BYTES], inner[GM_NOISE_HASH_BYTES];
    const struct gm_bytes nothing = {NULL, 0};
    if (key.size_bytes > BLOCK_BYTES)
        hash_parts(block, key, nothing, nothing);
    else if (key.size_bytes > 0)
        memcpy(block, key.data, key.size_bytes);
    for (int i = 0; i < BLOCK_BYTES; i++)
        pad[i] = block[i] ^ 0x36;
    hash_parts(inner, (struct gm_bytes){pad, sizeof pad}, a, b);
    for (int i = 0; i < BLOCK_BYTES; i++)
        pad[i] = block[i] ^ 0x5c;
    hash_parts(out, (struct gm_bytes){pad, sizeof pad}, (struct gm_bytes){inner, sizeof inner},
               nothing);
    sodium_memzero(block, sizeof block);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(inner, sizeof inner);
}

void gm_noise_hkdf(const uint8_t ck[static GM_NOISE_HASH_BYTES], struct gm_bytes input,
                   uint8_t out1[static GM_NOISE_HASH_BYTES],
                   uint8_t out2[static GM_NOISE_HASH_BYTES])
{
    static const uint8_t one = 1, two = 2;
    uint8_t temp_key[GM_NOISE_HASH_BYTES], first[GM_NOISE_HASH_BYTES];
    const struct gm_bytes temp = {temp_key, sizeof temp_key};
    const struct gm_bytes nothing = {NULL, 0};
    gm_noise_hmac(temp_key, (struct gm_bytes){ck, GM_NOISE_HASH_BYTES}, input, nothing);
    gm_noise_hmac(first, temp, (struct gm_bytes){&one, 1}, nothing);
    gm_noise_hmac(out2, temp, (struct gm_bytes){first, sizeof first}, (struct gm_bytes){&two, 1});
    memcpy(out1, first, sizeof first);
    sodium_memzero(temp_key, sizeof temp_key);
    sodium_memzero(first, sizeof first);
}

void gm_noise_mix_hash(struct gm_noise_handshake *handshake, struct gm_bytes data)
{
    const struct gm_bytes before = {handshake->h, sizeof handshake->h};
    uint8_t after[GM_NOISE_HASH_BYTES];
    hash_parts(after, before, data, (struct gm_bytes){NULL, 0});
    memcpy(handshake->h, after, sizeof after);
}

void gm_noise_mix_key(struct gm_noise_handshake *handshake, struct gm_bytes input)
{
    uint8_t temp[GM_NOISE_HASH_BYTES];
    gm_noise_hkdf(handshake->ck, input, handshake->ck, temp);
    memcpy(handshake->k, temp, sizeof handshake->k);
    handshake->n = 0;
    sodium_memzero(temp, sizeof temp);
}

void gm_noise_encrypt_and_hash(struct gm_noise_handshake *handshake, struct gm_bytes plain,
                               uint8_t *out)
{
    struct gm_noise_cipher cipher;
    memcpy(cipher.key, handshake->k, sizeof cipher.key);
    gm_noise_seal(&cipher, handshake->n++, (struct gm_bytes){handshake->h, sizeof handshake->h},
                  plain, out);
    gm_noise_mix_hash(handshake, (struct gm_bytes){out, plain.size_bytes + GM_NOISE_TAG_BYTES});
    sodium_memzero(&cipher, sizeof cipher);
}

bool gm_noise_decrypt_and_hash(struct gm_noise_handshake *handshake, struct gm_bytes sealed,
                               uint8_t *out)
{
    struct gm_noise_cipher cipher;
    memcpy(cipher.key, handshake->k, sizeof cipher.key);
    bool opened = gm_noise_open(&cipher, handshake->n++,
                                (struct gm_bytes){handshake->h, sizeof handshake->h}, sealed, out);
    if (opened)
        gm_noise_mix_hash(handshake, sealed);
    sodium_memzero(&cipher, sizeof cipher);
    return opened;
}
