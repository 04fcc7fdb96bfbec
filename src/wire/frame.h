/* Frames of a session: a header of 32 bytes, little-endian, then a handshake message or a sealed
   message. The header is authenticated as associated data.

       0 magic "GM"   2 version u8   3 type u8   4 flags u16 (0)   6 header length u16 (32)
       8 session u64  16 counter u64  24 reserved u64 (0) */
#ifndef GM_WIRE_FRAME_H
#define GM_WIRE_FRAME_H

#include "base/bytes.h"

enum { GM_FRAME_HEADER_BYTES = 32, GM_FRAME_VERSION = 1 };

enum gm_frame_type {
    GM_FRAME_HANDSHAKE_1 = 1, /* payload: Noise message 1, inside it the initiator's Ed25519 key */
    GM_FRAME_HANDSHAKE_2 = 2, /* payload: Noise message 2; `session` is the new session's number */
    GM_FRAME_DATA = 3,        /* payload: a sealed message */
    GM_FRAME_NO_SESSION = 4,  /* reply: the session is not known (any more); nothing was done */
    GM_FRAME_REFUSED = 5,     /* reply to a handshake that did not open */
};

struct gm_frame {
    enum gm_frame_type type;
    uint64_t session;
    uint64_t counter;
    struct gm_bytes header;  /* the 32 bytes themselves; set by decoding */
    struct gm_bytes payload; /* a view; set by decoding */
};

void gm_frame_header_put(uint8_t out[static GM_FRAME_HEADER_BYTES], const struct gm_frame *frame);
/* GM_PEER: not a frame of this version. */
enum gm_status gm_frame_decode(struct gm_bytes bytes, struct gm_frame *out) GM_MUST_USE;

/* What both sides of a handshake agree on besides the keys. */
struct gm_bytes gm_frame_prologue(void);

#endif
