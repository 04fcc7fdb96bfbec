/* Inside the CBOR reader: the head of one item, and UTF-8. */
#ifndef GM_TRUST_CBOR_HEAD_H
#define GM_TRUST_CBOR_HEAD_H

#include "trust/cbor.h"

struct gm_cbor_head {
    enum gm_cbor_kind kind;
    uint64_t value;    /* number, length, count, tag; of a simple value 20, 21 or 22 */
    size_t size_bytes; /* of the head alone */
};

/* NULL when the head is well formed, deterministic and allowed; else what is wrong with it. */
const char *gm_cbor_head_parse(struct gm_cbor_head *head, struct gm_bytes at);

bool gm_utf8_valid(struct gm_bytes text);

#endif
