/* Inside Noise: the symmetric state (section 5.2 of the specification), and a start from raw X25519
   keys, which published vectors need. */
#ifndef GM_TRUST_NOISE_STATE_H
#define GM_TRUST_NOISE_STATE_H

#include "trust/noise.h"

/* HMAC (RFC 2104) over BLAKE2b with 64-byte output. `b` may be empty. */
void gm_noise_hmac(uint8_t out[static GM_NOISE_HASH_BYTES], struct gm_bytes key, struct gm_bytes a,
                   struct gm_bytes b);
/* HKDF of section 4.3, two outputs. */
void gm_noise_hkdf(const uint8_t ck[static GM_NOISE_HASH_BYTES], struct gm_bytes input,
                   uint8_t out1[static GM_NOISE_HASH_BYTES],
                   uint8_t out2[static GM_NOISE_HASH_BYTES]);

void gm_noise_mix_hash(struct gm_noise_handshake *handshake, struct gm_bytes data);
void gm_noise_mix_key(struct gm_noise_handshake *handshake, struct gm_bytes input);
/* Writes 16 bytes more than `plain` has. */
void gm_noise_encrypt_and_hash(struct gm_noise_handshake *handshake, struct gm_bytes plain,
                               uint8_t *out);
bool gm_noise_decrypt_and_hash(struct gm_noise_handshake *handshake, struct gm_bytes sealed,
                               uint8_t *out);

/* `rs` is the responder's public key, NULL on the responder. */
void gm_noise_start(struct gm_noise_handshake *handshake, const uint8_t s_secret[static 32],
                    const uint8_t *rs, struct gm_bytes prologue);
/* As gm_noise_write with a given ephemeral secret. Using one twice breaks all secrecy. */
enum gm_status gm_noise_write_with(struct gm_noise_handshake *handshake,
                                   const uint8_t e_secret[static 32], struct gm_bytes payload,
                                   struct gm_buf *out, struct gm_error *err) GM_MUST_USE;

#endif
