/* Byte spans, a growable buffer with a sticky error, little-endian loads and stores, and hex. */
#ifndef GM_BASE_BYTES_H
#define GM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A view of bytes that somebody else owns. */
struct gm_bytes {
    const uint8_t *data; /* may be NULL when size_bytes is 0 */
    size_t size_bytes;
};

/* A buffer that grows up to limit_bytes. Append freely, look at `status` once at the end: after the
   first failure (NO_MEMORY, LIMIT) appends do nothing. */
struct gm_buf {
    uint8_t *data;
    size_t size_bytes;
    size_t capacity_bytes;
    size_t limit_bytes;
    enum gm_status status;
};

void gm_buf_init(struct gm_buf *buf, size_t limit_bytes);
void gm_buf_fini(struct gm_buf *buf);

void gm_buf_append(struct gm_buf *buf, const void *data, size_t size_bytes);
/* Room for size_bytes at the end, counted as appended; NULL once the status is not GM_OK. */
uint8_t *gm_buf_extend(struct gm_buf *buf, size_t size_bytes);
struct gm_bytes gm_buf_view(const struct gm_buf *buf);

bool gm_bytes_equal(struct gm_bytes a, struct gm_bytes b);

static inline uint32_t gm_load_u32(const uint8_t p[static 4])
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t gm_load_u64(const uint8_t p[static 8])
{
    return (uint64_t)gm_load_u32(p) | (uint64_t)gm_load_u32(p + 4) << 32;
}

static inline void gm_store_u32(uint8_t p[static 4], uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static inline void gm_store_u64(uint8_t p[static 8], uint64_t v)
{
    gm_store_u32(p, (uint32_t)v);
    gm_store_u32(p + 4, (uint32_t)(v >> 32));
}

/* Lower-case hex; `out` takes 2 * size_bytes + 1 characters. */
void gm_hex_encode(char *out, const uint8_t *data, size_t size_bytes);
/* Exactly 2 * size_bytes hex digits, then the end of the text; false otherwise. */
bool gm_hex_decode(uint8_t *out, size_t size_bytes, const char *text) GM_MUST_USE;

#endif
