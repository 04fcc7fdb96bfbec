#include "trust/cbor.h"

#include <assert.h>
#include <string.h>

#include <cbor/encoding.h>

enum { HEAD_BYTES_MAX = 9 };

static void put(struct gm_buf *buf, const unsigned char *head, size_t size_bytes)
{
    assert(size_bytes > 0);
    gm_buf_append(buf, head, size_bytes);
}

void gm_cbor_put_u64(struct gm_buf *buf, uint64_t value)
{
    unsigned char head[HEAD_BYTES_MAX];
    put(buf, head, cbor_encode_uint(value, head, sizeof head));
}

void gm_cbor_put_i64(struct gm_buf *buf, int64_t value)
{
    unsigned char head[HEAD_BYTES_MAX];
    if (value >= 0)
        put(buf, head, cbor_encode_uint((uint64_t)value, head, sizeof head));
    else /* CBOR holds -1 - value */
        put(buf, head, cbor_encode_negint((uint64_t)(-1 - value), head, sizeof head));
}

void gm_cbor_put_bytes(struct gm_buf *buf, const void *data, size_t size_bytes)
{
    unsigned char head[HEAD_BYTES_MAX];
    put(buf, head, cbor_encode_bytestring_start(size_bytes, head, sizeof head));
    gm_buf_append(buf, data, size_bytes);
}

void gm_cbor_put_text(struct gm_buf *buf, const char *text)
{
    unsigned char head[HEAD_BYTES_MAX];
    size_t size_bytes = strlen(text);
    put(buf, head, cbor_encode_string_start(size_bytes, head, sizeof head));
    gm_buf_append(buf, text, size_bytes);
}

void gm_cbor_put_array(struct gm_buf *buf, size_t count)
{
    unsigned char head[HEAD_BYTES_MAX];
    put(buf, head, cbor_encode_array_start(count, head, sizeof head));
}

void gm_cbor_put_map(struct gm_buf *buf, size_t count)
{
    unsigned char head[HEAD_BYTES_MAX];
    put(buf, head, cbor_encode_map_start(count, head, sizeof head));
}

void gm_cbor_put_tag(struct gm_buf *buf, uint64_t tag)
{
    unsigned char head[HEAD_BYTES_MAX];
    put(buf, head, cbor_encode_tag(tag, head, sizeof head));
}

void gm_cbor_put_bool(struct gm_buf *buf, bool value)
{
    unsigned char head[HEAD_BYTES_MAX];
    put(buf, head, cbor_encode_bool(value, head, sizeof head));
}

void gm_cbor_put_null(struct gm_buf *buf)
{
    unsigned char head[HEAD_BYTES_MAX];
    put(buf, head, cbor_encode_null(head, sizeof head));
}
