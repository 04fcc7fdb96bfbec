#include "trust/cbor.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "trust/cbor_head.h"

void gm_cbor_reader_init(struct gm_cbor_reader *reader, struct gm_bytes input, struct gm_error *err)
{
    *reader = (struct gm_cbor_reader){.input = input, .err = err};
}

static struct gm_bytes rest(const struct gm_cbor_reader *reader)
{
    size_t left = reader->input.size_bytes - reader->at_bytes;
    return (struct gm_bytes){left > 0 ? reader->input.data + reader->at_bytes : NULL, left};
}

static struct gm_cbor_level *top(struct gm_cbor_reader *reader)
{
    return reader->depth > 0 ? &reader->levels[reader->depth - 1] : NULL;
}

static enum gm_status fault(const struct gm_cbor_reader *reader, const char *field,
                            const char *wanted, const char *found)
{
    (void)gm_error_set(reader->err, GM_INVALID, "%s: expected %s at byte %zu, found %s", field,
                       wanted, reader->at_bytes, found);
    return GM_INVALID;
}

static const char *kind_name(const struct gm_cbor_head *head)
{
    static const char *const names[] = {"an unsigned integer",
                                        "a negative integer",
                                        "a byte string",
                                        "a text",
                                        "an array",
                                        "a map",
                                        "a tag"};
    if (head->kind == GM_CBOR_SIMPLE)
        return head->value == 20 ? "false" : head->value == 21 ? "true" : "null";
    return names[head->kind];
}

enum gm_cbor_kind gm_cbor_peek(const struct gm_cbor_reader *reader)
{
    struct gm_cbor_head head;
    if (reader->depth > 0 && reader->levels[reader->depth - 1].items_left == 0)
        return GM_CBOR_NOTHING;
    return gm_cbor_head_parse(&head, rest(reader)) == NULL ? head.kind : GM_CBOR_NOTHING;
}

/* Looks at the next item's head. Whoever then takes the item calls `take`. */
static enum gm_status look(struct gm_cbor_reader *reader, const char *field, const char *wanted,
                           struct gm_cbor_head *head)
{
    const struct gm_cbor_level *level = top(reader);
    if (level != NULL && level->items_left == 0)
        return fault(reader, field, wanted, "the end of the container");
    const char *wrong = gm_cbor_head_parse(head, rest(reader));
    return wrong == NULL ? GM_OK : fault(reader, field, wanted, wrong);
}

static void take(struct gm_cbor_reader *reader, size_t size_bytes)
{
    struct gm_cbor_level *level = top(reader);
    if (level != NULL)
        level->items_left--;
    reader->at_bytes += size_bytes;
}

static enum gm_status look_for(struct gm_cbor_reader *reader, const char *field,
                               enum gm_cbor_kind kind, const char *wanted,
                               struct gm_cbor_head *head)
{
    GM_TRY(look(reader, field, wanted, head));
    return head->kind == kind ? GM_OK : fault(reader, field, wanted, kind_name(head));
}

enum gm_status gm_cbor_read_u64_max(struct gm_cbor_reader *reader, const char *field, uint64_t max,
                                    uint64_t *out)
{
    struct gm_cbor_head head;
    GM_TRY(look_for(reader, field, GM_CBOR_UNSIGNED, "an unsigned integer", &head));
    if (head.value > max)
        return gm_error_set(reader->err, GM_INVALID,
                            "%s: %" PRIu64 " at byte %zu is above the largest allowed, %" PRIu64,
                            field, head.value, reader->at_bytes, max);
    take(reader, head.size_bytes);
    *out = head.value;
    return GM_OK;
}

enum gm_status gm_cbor_read_u64(struct gm_cbor_reader *reader, const char *field, uint64_t *out)
{
    return gm_cbor_read_u64_max(reader, field, UINT64_MAX, out);
}

static bool head_to_i64(const struct gm_cbor_head *head, int64_t *out)
{
    if (head->kind > GM_CBOR_NEGATIVE || head->value > INT64_MAX)
        return false;
    *out = head->kind == GM_CBOR_UNSIGNED ? (int64_t)head->value : -1 - (int64_t)head->value;
    return true;
}

enum gm_status gm_cbor_read_i64(struct gm_cbor_reader *reader, const char *field, int64_t *out)
{
    struct gm_cbor_head head;
    GM_TRY(look(reader, field, "an integer of 64 bits", &head));
    if (!head_to_i64(&head, out))
        return fault(reader, field, "an integer of 64 bits", kind_name(&head));
    take(reader, head.size_bytes);
    return GM_OK;
}

static enum gm_status read_string_of(struct gm_cbor_reader *reader, const char *field,
                                     enum gm_cbor_kind kind, struct gm_bytes *out)
{
    struct gm_cbor_head head;
    const char *wanted = kind == GM_CBOR_BYTES ? "a byte string" : "a text";
    GM_TRY(look_for(reader, field, kind, wanted, &head));
    struct gm_bytes left = rest(reader);
    assert(left.data != NULL); /* a head was there */
    if (head.value > left.size_bytes - head.size_bytes) {
        (void)gm_error_set(reader->err, GM_INVALID,
                           "%s: %s of %" PRIu64 " bytes at byte %zu, but only %zu bytes follow",
                           field, wanted, head.value, reader->at_bytes,
                           left.size_bytes - head.size_bytes);
        return GM_INVALID;
    }
    struct gm_bytes view = {left.data + head.size_bytes, (size_t)head.value};
    if (kind == GM_CBOR_TEXT && !gm_utf8_valid(view))
        return fault(reader, field, "a text", "bytes that are not UTF-8");
    take(reader, head.size_bytes + view.size_bytes);
    *out = view;
    return GM_OK;
}

enum gm_status gm_cbor_read_bytes(struct gm_cbor_reader *reader, const char *field,
                                  struct gm_bytes *out)
{
    return read_string_of(reader, field, GM_CBOR_BYTES, out);
}

enum gm_status gm_cbor_read_exact(struct gm_cbor_reader *reader, const char *field, void *out,
                                  size_t size_bytes)
{
    struct gm_bytes view;
    GM_TRY(gm_cbor_read_bytes(reader, field, &view));
    if (view.size_bytes != size_bytes)
        return gm_error_set(reader->err, GM_INVALID, "%s: expected %zu bytes, found %zu", field,
                            size_bytes, view.size_bytes);
    if (size_bytes > 0)
        memcpy(out, view.data, size_bytes);
    return GM_OK;
}

enum gm_status gm_cbor_read_text(struct gm_cbor_reader *reader, const char *field,
                                 struct gm_bytes *out)
{
    return read_string_of(reader, field, GM_CBOR_TEXT, out);
}

enum gm_status gm_cbor_read_string(struct gm_cbor_reader *reader, const char *field, char *out,
                                   size_t size_bytes)
{
    struct gm_bytes view;
    GM_TRY(gm_cbor_read_text(reader, field, &view));
    if (view.size_bytes >= size_bytes)
        return gm_error_set(reader->err, GM_INVALID, "%s: a text of %zu bytes, at most %zu allowed",
                            field, view.size_bytes, size_bytes - 1);
    if (view.size_bytes > 0 && memchr(view.data, 0, view.size_bytes) != NULL)
        return gm_error_set(reader->err, GM_INVALID, "%s: the text holds a zero byte", field);
    if (view.size_bytes > 0)
        memcpy(out, view.data, view.size_bytes);
    out[view.size_bytes] = '\0';
    return GM_OK;
}

enum gm_status gm_cbor_read_bool(struct gm_cbor_reader *reader, const char *field, bool *out)
{
    struct gm_cbor_head head;
    GM_TRY(look_for(reader, field, GM_CBOR_SIMPLE, "true or false", &head));
    if (head.value == 22)
        return fault(reader, field, "true or false", "null");
    take(reader, head.size_bytes);
    *out = head.value == 21;
    return GM_OK;
}

enum gm_status gm_cbor_read_null(struct gm_cbor_reader *reader, const char *field)
{
    struct gm_cbor_head head;
    GM_TRY(look_for(reader, field, GM_CBOR_SIMPLE, "null", &head));
    if (head.value != 22)
        return fault(reader, field, "null", kind_name(&head));
    take(reader, head.size_bytes);
    return GM_OK;
}

enum gm_status gm_cbor_read_tag(struct gm_cbor_reader *reader, const char *field, uint64_t tag)
{
    struct gm_cbor_head head;
    GM_TRY(look_for(reader, field, GM_CBOR_TAG, "a tag", &head));
    if (head.value != tag)
        return gm_error_set(reader->err, GM_INVALID,
                            "%s: expected tag %" PRIu64 " at byte %zu, found tag %" PRIu64, field,
                            tag, reader->at_bytes, head.value);
    reader->at_bytes += head.size_bytes; /* the item is what follows: nothing is taken yet */
    return GM_OK;
}

static enum gm_status begin(struct gm_cbor_reader *reader, const char *name, enum gm_cbor_kind kind,
                            uint64_t *count)
{
    struct gm_cbor_head head;
    GM_TRY(look_for(reader, name, kind, kind == GM_CBOR_MAP ? "a map" : "an array", &head));
    uint64_t per_entry = kind == GM_CBOR_MAP ? 2 : 1;
    if (head.value > (rest(reader).size_bytes - head.size_bytes) / per_entry)
        return gm_error_set(reader->err, GM_INVALID,
                            "%s: %" PRIu64 " entries claimed at byte %zu, more than bytes follow",
                            name, head.value, reader->at_bytes);
    if (reader->depth == GM_CBOR_DEPTH_MAX)
        return gm_error_set(reader->err, GM_INVALID, "%s: nested deeper than %d levels at byte %zu",
                            name, GM_CBOR_DEPTH_MAX, reader->at_bytes);
    take(reader, head.size_bytes);
    reader->levels[reader->depth++] = (struct gm_cbor_level){
        .name = name, .items_left = head.value * per_entry, .is_map = kind == GM_CBOR_MAP};
    if (count != NULL)
        *count = head.value;
    return GM_OK;
}

enum gm_status gm_cbor_array_begin(struct gm_cbor_reader *reader, const char *name, uint64_t *count)
{
    return begin(reader, name, GM_CBOR_ARRAY, count);
}

enum gm_status gm_cbor_map_begin(struct gm_cbor_reader *reader, const char *name, uint64_t *count)
{
    return begin(reader, name, GM_CBOR_MAP, count);
}

uint64_t gm_cbor_items_left(const struct gm_cbor_reader *reader)
{
    assert(reader->depth > 0);
    const struct gm_cbor_level *level = &reader->levels[reader->depth - 1];
    return level->is_map ? (level->items_left + 1) / 2 : level->items_left;
}

enum gm_status gm_cbor_end(struct gm_cbor_reader *reader)
{
    assert(reader->depth > 0);
    const struct gm_cbor_level *level = top(reader);
    struct gm_cbor_head head;
    int64_t key;
    if (level->items_left > 0) {
        if (level->is_map && gm_cbor_head_parse(&head, rest(reader)) == NULL &&
            head_to_i64(&head, &key))
            return gm_error_set(reader->err, GM_INVALID, "%s: unknown key %" PRId64 " at byte %zu",
                                level->name, key, reader->at_bytes);
        return gm_error_set(reader->err, GM_INVALID,
                            "%s: %" PRIu64 " entries more than expected at byte %zu", level->name,
                            gm_cbor_items_left(reader), reader->at_bytes);
    }
    reader->depth--;
    return GM_OK;
}

enum gm_status gm_cbor_read_done(struct gm_cbor_reader *reader)
{
    assert(reader->depth == 0);
    if (reader->at_bytes != reader->input.size_bytes)
        return gm_error_set(reader->err, GM_INVALID, "%zu bytes too many after byte %zu",
                            reader->input.size_bytes - reader->at_bytes, reader->at_bytes);
    return GM_OK;
}
