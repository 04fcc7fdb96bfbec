#include "base/bytes.h"

#include <string.h>

#include "base/mem.h"

void gm_buf_init(struct gm_buf *buf, size_t limit_bytes)
{
    *buf = (struct gm_buf){.limit_bytes = limit_bytes, .status = GM_OK};
}

void gm_buf_fini(struct gm_buf *buf)
{
    gm_mem_free(buf->data);
    *buf = (struct gm_buf){0};
}

static bool buf_reserve(struct gm_buf *buf, size_t more_bytes)
{
    if (buf->status != GM_OK)
        return false;
    if (more_bytes > buf->limit_bytes - buf->size_bytes) {
        buf->status = GM_LIMIT;
        return false;
    }
    size_t wanted = buf->size_bytes + more_bytes;
    if (wanted <= buf->capacity_bytes)
        return true;
    size_t capacity = buf->capacity_bytes < 64 ? 64 : buf->capacity_bytes;
    while (capacity < wanted)
        capacity = capacity > buf->limit_bytes / 2 ? wanted : capacity * 2;
    uint8_t *data = gm_mem_resize(buf->data, capacity, 1);
    if (data == NULL) {
        buf->status = GM_NO_MEMORY;
        return false;
    }
    buf->data = data;
    buf->capacity_bytes = capacity;
    return true;
}

void gm_buf_append(struct gm_buf *buf, const void *data, size_t size_bytes)
{
    uint8_t *room = gm_buf_extend(buf, size_bytes);
    if (room != NULL && size_bytes > 0)
        memcpy(room, data, size_bytes);
}

uint8_t *gm_buf_extend(struct gm_buf *buf, size_t size_bytes)
{
    if (!buf_reserve(buf, size_bytes))
        return NULL;
    uint8_t *room = buf->data + buf->size_bytes;
    buf->size_bytes += size_bytes;
    return room;
}

struct gm_bytes gm_buf_view(const struct gm_buf *buf)
{
    return (struct gm_bytes){buf->data, buf->size_bytes};
}

bool gm_bytes_equal(struct gm_bytes a, struct gm_bytes b)
{
    if (a.size_bytes != b.size_bytes)
        return false;
    return a.size_bytes == 0 || memcmp(a.data, b.data, a.size_bytes) == 0;
}

void gm_hex_encode(char *out, const uint8_t *data, size_t size_bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size_bytes; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * size_bytes] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool gm_hex_decode(uint8_t *out, size_t size_bytes, const char *text)
{
    for (size_t i = 0; i < size_bytes; i++) {
        int high = hex_digit(text[2 * i]);
        int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * size_bytes] == '\0';
}
