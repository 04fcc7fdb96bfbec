/* Identities: Ed25519 keys (RFC 8032) in files, their names, and their X25519 forms for sessions.

   A secret key file is two lines, "gradmill-secret-key-1" and 64 hex digits (the seed), mode 0600;
   a file that group or others may touch is refused. A public key file is "gradmill-public-key-1"
   and 64 hex digits. Any thread. */
#ifndef GM_TRUST_KEY_H
#define GM_TRUST_KEY_H

#include "base/bytes.h"
#include "trust/hash.h"

enum { GM_KEY_SIZE = 32, GM_KEY_SECRET_SIZE = 64, GM_SIGNATURE_SIZE = 64, GM_KEY_HEX_SIZE = 65 };

struct gm_key_public {
    uint8_t bytes[GM_KEY_SIZE];
};

/* Holds a secret: wipe it when done, do not copy it. */
struct gm_key {
    uint8_t secret[GM_KEY_SECRET_SIZE]; /* seed, then public key, as libsodium wants it */
    struct gm_key_public public_key;
};

/* A new key from the system's randomness. GM_UNAVAILABLE when there is none. */
enum gm_status gm_key_generate(struct gm_key *key, struct gm_error *err) GM_MUST_USE;
/* The key that belongs to a seed: a pure function. */
void gm_key_from_seed(struct gm_key *key, const uint8_t seed[static GM_KEY_SIZE]);
void gm_key_wipe(struct gm_key *key);

/* Creates the file with mode 0600; GM_EXISTS when there is one, which stays as it is. */
enum gm_status gm_key_save(const struct gm_key *key, const char *path,
                           struct gm_error *err) GM_MUST_USE;
/* On failure `key` holds nothing secret. GM_REFUSED for a mode that lets others in. */
enum gm_status gm_key_load(struct gm_key *key, const char *path, struct gm_error *err) GM_MUST_USE;

/* Replaces what stands there; mode 0644. */
enum gm_status gm_key_public_save(const struct gm_key_public *key, const char *path,
                                  struct gm_error *err) GM_MUST_USE;
/* Either 64 hex digits or the path of a public key file. */
enum gm_status gm_key_public_load(struct gm_key_public *key, const char *hex_or_path,
                                  struct gm_error *err) GM_MUST_USE;
char *gm_key_public_hex(char out[GM_KEY_HEX_SIZE], const struct gm_key_public *key);
bool gm_key_public_equal(const struct gm_key_public *a, const struct gm_key_public *b);
/* A point of the main subgroup: small-order and malformed keys are not. */
bool gm_key_public_valid(const struct gm_key_public *key);

/* RFC 9679: SHA-256 of the deterministic COSE_Key {1: 1, -1: 6, -2: x}. The name of a key. */
struct gm_hash gm_key_thumbprint(const struct gm_key_public *key);

void gm_key_sign(const struct gm_key *key, struct gm_bytes message,
                 uint8_t signature[static GM_SIGNATURE_SIZE]);
bool gm_key_verify(const struct gm_key_public *key, struct gm_bytes message,
                   const uint8_t signature[static GM_SIGNATURE_SIZE]) GM_MUST_USE;

/* X25519 forms of the same identity. The secret one must be wiped. */
void gm_key_to_x25519(const struct gm_key *key, uint8_t secret[static GM_KEY_SIZE]);
/* False when the key is not valid. */
bool gm_key_public_to_x25519(const struct gm_key_public *key,
                             uint8_t out[static GM_KEY_SIZE]) GM_MUST_USE;

#endif
