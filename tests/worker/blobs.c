#include "blobs.h"

#include <string.h>

#include "base/mem.h"
#include "gm_test.h"
#include "trust/blake3.h"
#include "trust/tile.h"

enum { BLOB_BYTES_MAX = 64 << 20 };

void blobs_init(struct blobs *blobs)
{
    memset(blobs, 0, sizeof *blobs);
}

void blobs_fini(struct blobs *blobs)
{
    for (size_t i = 0; i < blobs->count; i++)
        gm_buf_fini(&blobs->bytes[i]);
    blobs->count = 0;
}

const struct gm_buf *blobs_find(const struct blobs *blobs, const struct gm_hash *name)
{
    for (size_t i = 0; i < blobs->count; i++) {
        if (gm_hash_equal(&blobs->names[i], name))
            return &blobs->bytes[i];
    }
    return NULL;
}

struct gm_hash blobs_put(struct blobs *blobs, const void *data, size_t size_bytes)
{
    struct gm_hash name = gm_blake3(data, size_bytes);
    if (blobs_find(blobs, &name) != NULL)
        return name;
    cr_assert_lt(blobs->count, BLOBS_MAX);
    struct gm_buf *bytes = &blobs->bytes[blobs->count];
    gm_buf_init(bytes, BLOB_BYTES_MAX);
    gm_buf_append(bytes, data, size_bytes);
    cr_assert_eq(bytes->status, GM_OK);
    blobs->names[blobs->count++] = name;
    return name;
}

struct gm_hash blobs_put_tensor(struct blobs *blobs, const struct gm_tensor_desc *desc,
                                const void *data)
{
    struct gm_tile_layout layout;
    uint32_t element_bytes = (uint32_t)gm_dtype_size_bytes(desc->dtype);
    cr_assert_eq(gm_tile_layout_init(&layout, element_bytes, desc->rank, desc->dims, NULL), GM_OK);
    uint8_t *blob = gm_mem_new(layout.blob_bytes, 1);
    cr_assert_not_null(blob);
    gm_tile_pack(&layout, data, 0, blob, layout.blob_bytes);
    struct gm_hash name = blobs_put(blobs, blob, layout.blob_bytes);
    gm_mem_free(blob);
    return name;
}

struct gm_hash blobs_put_program(struct blobs *blobs, struct gm_program *program)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_PROGRAM_ENCODED_MAX);
    cr_assert_eq(gm_program_encode(program, &bytes), GM_OK);
    struct gm_hash name = blobs_put(blobs, bytes.data, bytes.size_bytes);
    gm_buf_fini(&bytes);
    gm_program_free(program);
    return name;
}

static enum gm_status program_get(void *ctx, const struct gm_hash *name, struct gm_buf *out,
                                  struct gm_error *err)
{
    struct blobs *blobs = ctx;
    const struct gm_buf *found = blobs_find(blobs, name);
    if (found == NULL)
        return gm_error_set(err, GM_NOT_FOUND, "no such program");
    blobs->reads++;
    gm_buf_append(out, found->data, found->size_bytes);
    if (blobs->lies && out->status == GM_OK)
        out->data[out->size_bytes / 2] ^= 1;
    return out->status;
}

static enum gm_status blob_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                void *out, uint64_t size_bytes, struct gm_error *err)
{
    struct blobs *blobs = ctx;
    const struct gm_buf *found = blobs_find(blobs, root);
    if (found == NULL)
        return gm_error_set(err, GM_NOT_FOUND, "no such blob");
    if (offset_bytes > found->size_bytes || size_bytes > found->size_bytes - offset_bytes)
        return gm_error_set(err, GM_INVALID, "a range beyond the blob");
    blobs->reads++;
    memcpy(out, found->data + offset_bytes, size_bytes);
    if (blobs->lies)
        ((uint8_t *)out)[size_bytes / 2] ^= 1;
    return GM_OK;
}

struct gm_task_source blobs_source(struct blobs *blobs)
{
    return (struct gm_task_source){blobs, program_get, blob_read, blob_read, NULL};
}

struct gm_tensor_desc shape_f32(uint64_t rows, uint64_t cols)
{
    return gm_tensor_desc_make(GM_DTYPE_F32, 2, (uint64_t[]){rows, cols});
}
