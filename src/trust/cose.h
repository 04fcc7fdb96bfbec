/* COSE_Sign1 (RFC 9052) in the one form that Gradmill uses: CWT tag 61, tag 18, a protected header
   {1: -19 (Ed25519, RFC 9864), 4: kid, 16: typ (RFC 9596)}, an empty unprotected header, a payload
   and a signature over ["Signature1", protected, h'', payload]. kid is the signer's RFC 9679
   thumbprint. Every other header, algorithm or encoding is refused. Any thread. */
#ifndef GM_TRUST_COSE_H
#define GM_TRUST_COSE_H

#include "base/bytes.h"
#include "trust/key.h"

enum { GM_COSE_TYP_SIZE = 64 };

/* A parsed message. The views point into the bytes it was parsed from. */
struct gm_cose {
    char typ[GM_COSE_TYP_SIZE];
    struct gm_hash kid;
    struct gm_bytes protected_header, payload;
    uint8_t signature[GM_SIGNATURE_SIZE];
};

/* Signs and appends the message to `out`. */
enum gm_status gm_cose_sign(const struct gm_key *key, const char *typ, struct gm_bytes payload,
                            struct gm_buf *out, struct gm_error *err) GM_MUST_USE;
/* GM_INVALID when `message` is not exactly such a message. Says nothing about the signature. */
enum gm_status gm_cose_parse(struct gm_cose *cose, struct gm_bytes message,
                             struct gm_error *err) GM_MUST_USE;
/* GM_UNTRUSTED when kid is not this key's or the signature is not by it. */
enum gm_status gm_cose_verify(const struct gm_cose *cose, const struct gm_key_public *key,
                              struct gm_error *err) GM_MUST_USE;

#endif
