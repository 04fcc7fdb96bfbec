/* Inside the codec: every message as a table of fields, so that encoding, decoding and bounds are
   written once. */
#ifndef GM_WIRE_MESSAGE_FIELDS_H
#define GM_WIRE_MESSAGE_FIELDS_H

#include <stddef.h>

#include "wire/message.h"

enum gm_field_kind {
    GM_FIELD_END,
    GM_FIELD_U64,   /* uint64_t */
    GM_FIELD_EXACT, /* uint8_t[max] */
    GM_FIELD_BYTES, /* struct gm_bytes, at most `max` bytes, a multiple of `unit` */
    GM_FIELD_TEXT,  /* struct gm_bytes of UTF-8, at most `max` bytes */
};

/* A field's key in the map is its place in the table, counted from 1. */
struct gm_field {
    enum gm_field_kind kind;
    const char *name;
    size_t offset; /* in struct gm_message */
    size_t max;
    size_t unit;
};

/* The table of a message, closed by GM_FIELD_END; NULL for a number that is no message. */
const struct gm_field *gm_message_fields(uint64_t type);

#endif
