/* Tokens: signed statements that outlive the connection they came by. Each kind has a COSE `typ`
   and an EAT profile of its own, so that none can be taken for another, and carries its signer's
   public key, so that a file can be checked alone. "Valid" means: strictly encoded and signed by
   the key inside. Whether that key is to be trusted is the caller's to ask. docs/format-attest.md.
 */
#ifndef GM_TRUST_TOKEN_H
#define GM_TRUST_TOKEN_H

#include "base/bytes.h"
#include "trust/hash.h"

enum { GM_TOKEN_BYTES_MAX = 4096, GM_TOKEN_ID_BYTES = 16, GM_TOKEN_NONCE_BYTES = 32 };

enum gm_token_kind {
    GM_TOKEN_NONE,
    GM_TOKEN_ATTESTATION, /* worker: what was computed   trust/attestation.h */
    GM_TOKEN_LEASE,       /* broker: a task is promised  trust/token_lease.h */
    GM_TOKEN_RECEIPT,     /* broker: when it came        trust/token_receipt.h */
    GM_TOKEN_VERDICT,     /* broker: what it is worth    trust/token_verdict.h */
    GM_TOKEN_KIND_COUNT
};

/* "attestation", ...; "no token". */
const char *gm_token_kind_name(enum gm_token_kind kind);
/* What the bytes claim to be by their `typ`; NONE when they are no token at all. */
enum gm_token_kind gm_token_kind_of(struct gm_bytes token);
/* The name by which other tokens refer to this one: BLAKE3 of its bytes. */
struct gm_hash gm_token_hash(struct gm_bytes token);

#endif
