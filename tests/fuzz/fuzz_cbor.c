/* The strict CBOR reader: what it accepts is the one encoding of what it read, so writing that
   again gives the same bytes. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "trust/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void copy_item(struct gm_cbor_reader *reader, struct gm_buf *out);

static void must(enum gm_status status)
{
    assert(status == GM_OK);
    (void)status;
}

static void copy_container(struct gm_cbor_reader *reader, struct gm_buf *out, bool is_map)
{
    uint64_t count = 0;
    if (is_map) {
        must(gm_cbor_map_begin(reader, "map", &count));
        gm_cbor_put_map(out, (size_t)count);
    } else {
        must(gm_cbor_array_begin(reader, "array", &count));
        gm_cbor_put_array(out, (size_t)count);
    }
    for (uint64_t i = 0; i < (is_map ? 2 * count : count); i++)
        copy_item(reader, out);
    must(gm_cbor_end(reader));
}

static void copy_text(struct gm_cbor_reader *reader, struct gm_buf *out)
{
    struct gm_bytes view;
    must(gm_cbor_read_text(reader, "text", &view));
    char text[4096];
    if (view.size_bytes < sizeof text &&
        (view.size_bytes == 0 || memchr(view.data, 0, view.size_bytes) == NULL)) {
        if (view.size_bytes > 0)
            memcpy(text, view.data, view.size_bytes);
        text[view.size_bytes] = '\0';
        gm_cbor_put_text(out, text);
        return;
    }
    /* The writer takes C strings: what none can hold is copied with its head as it stood. */
    const uint8_t *end = reader->input.data + reader->at_bytes;
    size_t head_bytes = view.size_bytes < 24 ? 1 : view.size_bytes < 256 ? 2 : 3;
    if (view.size_bytes > 65535)
        head_bytes = 5;
    gm_buf_append(out, end - view.size_bytes - head_bytes, view.size_bytes + head_bytes);
}

static void copy_tag(struct gm_cbor_reader *reader, struct gm_buf *out)
{
    const uint8_t *at = reader->input.data + reader->at_bytes;
    size_t head_bytes = (at[0] & 31) < 24 ? 1 : 1 + ((size_t)1 << ((at[0] & 31) - 24));
    uint64_t tag = head_bytes == 1 ? at[0] & 31u : 0;
    for (size_t i = 1; i < head_bytes; i++)
        tag = tag << 8 | at[i];
    must(gm_cbor_read_tag(reader, "tag", tag));
    gm_cbor_put_tag(out, tag);
    copy_item(reader, out);
}

static void copy_item(struct gm_cbor_reader *reader, struct gm_buf *out)
{
    struct gm_bytes view;
    uint64_t number = 0;
    int64_t negative = 0;
    bool flag = false;
    switch (gm_cbor_peek(reader)) {
    case GM_CBOR_UNSIGNED:
        must(gm_cbor_read_u64(reader, "number", &number));
        gm_cbor_put_u64(out, number);
        return;
    case GM_CBOR_NEGATIVE:
        must(gm_cbor_read_i64(reader, "number", &negative));
        assert(negative < 0);
        gm_cbor_put_i64(out, negative);
        return;
    case GM_CBOR_BYTES:
        must(gm_cbor_read_bytes(reader, "bytes", &view));
        gm_cbor_put_bytes(out, view.data, view.size_bytes);
        return;
    case GM_CBOR_TEXT:
        copy_text(reader, out);
        return;
    case GM_CBOR_ARRAY:
        copy_container(reader, out, false);
        return;
    case GM_CBOR_MAP:
        copy_container(reader, out, true);
        return;
    case GM_CBOR_TAG:
        copy_tag(reader, out);
        return;
    default:
        if (gm_cbor_read_bool(reader, "flag", &flag) == GM_OK) {
            gm_cbor_put_bool(out, flag);
        } else {
            must(gm_cbor_read_null(reader, "null"));
            gm_cbor_put_null(out);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {.text = ""};
    struct gm_cbor_reader reader;
    struct gm_buf again;
    if (gm_cbor_check(input, &err) != GM_OK) {
        assert(err.text[0] != '\0');
        return 0;
    }
    gm_buf_init(&again, size_bytes + 16);
    gm_cbor_reader_init(&reader, input, NULL);
    copy_item(&reader, &again);
    must(gm_cbor_read_done(&reader));
    assert(gm_bytes_equal(gm_buf_view(&again), input));
    gm_buf_fini(&again);
    return 0;
}
