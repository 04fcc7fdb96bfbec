/* Map keys, whose order is checked as they are read, and items that are walked, not kept. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "trust/cbor.h"
#include "trust/cbor_head.h"

/* The key that was just read, from start_bytes up to the cursor, must come after the one before it
   in the bytewise order of encodings (RFC 8949, 4.2.1). */
static enum gm_status key_order(struct gm_cbor_reader *reader, size_t start_bytes)
{
    struct gm_cbor_level *level = &reader->levels[reader->depth - 1];
    struct gm_bytes key = {reader->input.data + start_bytes, reader->at_bytes - start_bytes};
    if (level->key.data != NULL) {
        size_t shorter =
            key.size_bytes < level->key.size_bytes ? key.size_bytes : level->key.size_bytes;
        int order = memcmp(level->key.data, key.data, shorter);
        if (order == 0 && level->key.size_bytes == key.size_bytes)
            return gm_error_set(reader->err, GM_INVALID, "%s: the same key twice, at byte %zu",
                                level->name, start_bytes);
        if (order > 0 || (order == 0 && level->key.size_bytes > key.size_bytes))
            return gm_error_set(reader->err, GM_INVALID, "%s: keys are not sorted, at byte %zu",
                                level->name, start_bytes);
    }
    level->key = key;
    return GM_OK;
}

static void assert_at_key(const struct gm_cbor_reader *reader)
{
    assert(reader->depth > 0);
    assert(reader->levels[reader->depth - 1].is_map);
    assert(reader->levels[reader->depth - 1].items_left % 2 == 0);
}

enum gm_status gm_cbor_map_next_key(struct gm_cbor_reader *reader, int64_t *key, bool *more)
{
    assert_at_key(reader);
    *more = reader->levels[reader->depth - 1].items_left > 0;
    if (!*more)
        return GM_OK;
    size_t start_bytes = reader->at_bytes;
    GM_TRY(gm_cbor_read_i64(reader, reader->levels[reader->depth - 1].name, key));
    return key_order(reader, start_bytes);
}

enum gm_status gm_cbor_map_next_text_key(struct gm_cbor_reader *reader, struct gm_bytes *key,
                                         bool *more)
{
    assert_at_key(reader);
    *more = reader->levels[reader->depth - 1].items_left > 0;
    if (!*more)
        return GM_OK;
    size_t start_bytes = reader->at_bytes;
    GM_TRY(gm_cbor_read_text(reader, reader->levels[reader->depth - 1].name, key));
    return key_order(reader, start_bytes);
}

enum gm_status gm_cbor_map_key(struct gm_cbor_reader *reader, int64_t key, const char *field)
{
    int64_t found;
    bool more;
    const char *name = reader->levels[reader->depth - 1].name;
    GM_TRY(gm_cbor_map_next_key(reader, &found, &more));
    if (!more)
        return gm_error_set(reader->err, GM_INVALID, "%s: key %" PRId64 " (%s) is missing", name,
                            key, field);
    if (found != key)
        return gm_error_set(reader->err, GM_INVALID,
                            "%s: expected key %" PRId64 " (%s), found key %" PRId64, name, key,
                            field, found);
    return GM_OK;
}

bool gm_cbor_map_try_key(struct gm_cbor_reader *reader, int64_t key)
{
    struct gm_cbor_reader ahead = *reader;
    int64_t found;
    bool more;
    ahead.err = NULL;
    if (gm_cbor_map_next_key(&ahead, &found, &more) != GM_OK || !more || found != key)
        return false;
    ahead.err = reader->err;
    *reader = ahead;
    return true;
}

enum { NULL_BYTE = 0xf6 };

static enum gm_status walk(struct gm_cbor_reader *reader, const char *field, unsigned tags);

static enum gm_status walk_container(struct gm_cbor_reader *reader, const char *field,
                                     enum gm_cbor_kind kind)
{
    if (kind == GM_CBOR_ARRAY)
        GM_TRY(gm_cbor_array_begin(reader, field, NULL));
    else
        GM_TRY(gm_cbor_map_begin(reader, field, NULL));
    while (gm_cbor_items_left(reader) > 0) {
        size_t start_bytes = reader->at_bytes;
        GM_TRY(walk(reader, field, 0));
        if (kind == GM_CBOR_MAP) {
            GM_TRY(key_order(reader, start_bytes));
            GM_TRY(walk(reader, field, 0));
        }
    }
    return gm_cbor_end(reader);
}

/* Recursion ends: containers are bounded by the reader's depth, tags before one item here. */
static enum gm_status walk(struct gm_cbor_reader *reader, const char *field, unsigned tags)
{
    struct gm_cbor_head head;
    struct gm_bytes view;
    int64_t number;
    bool flag;
    switch (gm_cbor_peek(reader)) {
    case GM_CBOR_BYTES:
        return gm_cbor_read_bytes(reader, field, &view);
    case GM_CBOR_TEXT:
        return gm_cbor_read_text(reader, field, &view);
    case GM_CBOR_ARRAY:
        return walk_container(reader, field, GM_CBOR_ARRAY);
    case GM_CBOR_MAP:
        return walk_container(reader, field, GM_CBOR_MAP);
    case GM_CBOR_TAG:
        if (tags == GM_CBOR_DEPTH_MAX)
            return gm_error_set(reader->err, GM_INVALID, "%s: more than %d tags before an item",
                                field, GM_CBOR_DEPTH_MAX);
        view = (struct gm_bytes){reader->input.data + reader->at_bytes,
                                 reader->input.size_bytes - reader->at_bytes};
        (void)gm_cbor_head_parse(&head, view);
        GM_TRY(gm_cbor_read_tag(reader, field, head.value));
        return walk(reader, field, tags + 1);
    case GM_CBOR_SIMPLE:
        return reader->input.data[reader->at_bytes] == NULL_BYTE
                   ? gm_cbor_read_null(reader, field)
                   : gm_cbor_read_bool(reader, field, &flag);
    case GM_CBOR_UNSIGNED: {
        uint64_t value;
        return gm_cbor_read_u64(reader, field, &value);
    }
    default: /* a negative integer, or a fault that this call will name */
        return gm_cbor_read_i64(reader, field, &number);
    }
}

enum gm_status gm_cbor_skip(struct gm_cbor_reader *reader, const char *field, struct gm_bytes *out)
{
    size_t start_bytes = reader->at_bytes;
    GM_TRY(walk(reader, field, 0));
    if (out != NULL)
        *out = (struct gm_bytes){reader->input.data + start_bytes, reader->at_bytes - start_bytes};
    return GM_OK;
}

enum gm_status gm_cbor_check(struct gm_bytes input, struct gm_error *err)
{
    struct gm_cbor_reader reader;
    gm_cbor_reader_init(&reader, input, err);
    GM_TRY(gm_cbor_skip(&reader, "item", NULL));
    return gm_cbor_read_done(&reader);
}
