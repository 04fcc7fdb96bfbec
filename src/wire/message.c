#include "wire/message.h"

#include <string.h>

#include "trust/cbor.h"
#include "trust/cbor_head.h"
#include "wire/message_fields.h"

enum { KEY_TYPE = 0 }; /* fields follow from key 1 */

const char *gm_message_name(uint64_t type)
{
    switch (type) {
#define GM_MESSAGE(number, NAME, name)                                                             \
    case GM_MESSAGE_##NAME:                                                                        \
        return #name;
#include "wire/message.def"
#undef GM_MESSAGE
    default:
        return "?";
    }
}

struct gm_bytes gm_message_text(const char *text)
{
    struct gm_bytes view = {(const uint8_t *)text, strlen(text)};
    if (view.size_bytes > GM_WIRE_TEXT_MAX)
        view.size_bytes = GM_WIRE_TEXT_MAX;
    while (!gm_utf8_valid(view))
        view.size_bytes--;
    return view;
}

static size_t field_count(const struct gm_field *fields)
{
    size_t count = 0;
    while (fields[count].kind != GM_FIELD_END)
        count++;
    return count;
}

/* Our own messages keep their bounds; one that does not is refused before the peer would. */
static bool bytes_fit(const struct gm_field *field, struct gm_bytes bytes)
{
    return bytes.size_bytes <= field->max && bytes.size_bytes % field->unit == 0;
}

static void text_put(struct gm_buf *out, struct gm_bytes text)
{
    char copy[GM_WIRE_TEXT_MAX + 1];
    if (text.size_bytes > 0)
        memcpy(copy, text.data, text.size_bytes);
    copy[text.size_bytes] = '\0';
    gm_cbor_put_text(out, copy);
}

static enum gm_status field_put(struct gm_buf *out, const struct gm_field *field, const void *at)
{
    struct gm_bytes bytes;
    uint64_t number;
    switch (field->kind) {
    case GM_FIELD_U64:
        memcpy(&number, at, sizeof number);
        gm_cbor_put_u64(out, number);
        return GM_OK;
    case GM_FIELD_EXACT:
        gm_cbor_put_bytes(out, at, field->max);
        return GM_OK;
    case GM_FIELD_BYTES:
    case GM_FIELD_TEXT:
        memcpy(&bytes, at, sizeof bytes);
        if (!bytes_fit(field, bytes))
            return GM_LIMIT;
        if (field->kind == GM_FIELD_TEXT)
            text_put(out, bytes);
        else
            gm_cbor_put_bytes(out, bytes.data, bytes.size_bytes);
        return GM_OK;
    case GM_FIELD_END:
        break;
    }
    return GM_INTERNAL;
}

enum gm_status gm_message_encode(const struct gm_message *message, struct gm_buf *out)
{
    const struct gm_field *fields = gm_message_fields(message->type);
    if (fields == NULL)
        return GM_INTERNAL;
    size_t count = field_count(fields);
    gm_cbor_put_map(out, count + 1);
    gm_cbor_put_u64(out, KEY_TYPE);
    gm_cbor_put_u64(out, message->type);
    for (size_t i = 0; i < count; i++) {
        gm_cbor_put_u64(out, i + 1);
        GM_TRY(field_put(out, &fields[i], (const char *)message + fields[i].offset));
    }
    return out->status;
}

static enum gm_status field_read(struct gm_cbor_reader *reader, const struct gm_field *field,
                                 void *at)
{
    struct gm_bytes bytes;
    uint64_t number;
    switch (field->kind) {
    case GM_FIELD_U64:
        GM_TRY(gm_cbor_read_u64(reader, field->name, &number));
        memcpy(at, &number, sizeof number);
        return GM_OK;
    case GM_FIELD_EXACT:
        return gm_cbor_read_exact(reader, field->name, at, field->max);
    case GM_FIELD_BYTES:
        GM_TRY(gm_cbor_read_bytes(reader, field->name, &bytes));
        break;
    case GM_FIELD_TEXT:
        GM_TRY(gm_cbor_read_text(reader, field->name, &bytes));
        /* It would end the text early wherever it is shown or sent on. */
        if (bytes.size_bytes > 0 && memchr(bytes.data, '\0', bytes.size_bytes) != NULL)
            return gm_error_set(reader->err, GM_INVALID, "%s: a text may not hold U+0000",
                                field->name);
        break;
    case GM_FIELD_END:
        return GM_INTERNAL;
    }
    if (!bytes_fit(field, bytes))
        return gm_error_set(reader->err, GM_INVALID,
                            "%s: %zu bytes, expected at most %zu and a multiple of %zu",
                            field->name, bytes.size_bytes, field->max, field->unit);
    memcpy(at, &bytes, sizeof bytes);
    return GM_OK;
}

enum gm_status gm_message_decode(struct gm_bytes bytes, struct gm_message *out,
                                 struct gm_error *err)
{
    struct gm_cbor_reader reader;
    uint64_t type;
    memset(out, 0, sizeof *out);
    gm_cbor_reader_init(&reader, bytes, err);
    GM_TRY(gm_cbor_map_begin(&reader, "message", NULL));
    GM_TRY(gm_cbor_map_key(&reader, KEY_TYPE, "type"));
    GM_TRY(gm_cbor_read_u64(&reader, "type", &type));
    const struct gm_field *fields = gm_message_fields(type);
    if (fields == NULL)
        return gm_error_set(err, GM_INVALID, "message: unknown type %llu",
                            (unsigned long long)type);
    out->type = (enum gm_message_type)type;
    for (size_t i = 0; fields[i].kind != GM_FIELD_END; i++) {
        GM_TRY(gm_cbor_map_key(&reader, (int64_t)i + 1, fields[i].name));
        GM_TRY(field_read(&reader, &fields[i], (char *)out + fields[i].offset));
    }
    GM_TRY(gm_cbor_end(&reader));
    return gm_cbor_read_done(&reader);
}
