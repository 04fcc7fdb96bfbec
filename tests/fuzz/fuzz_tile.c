/* Records, and tensor blobs of a shape that the input chooses: what unpacks packs to the same
   bytes, so that no tensor has two names. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "trust/record.h"
#include "trust/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check_record(const uint8_t *data)
{
    struct gm_record record;
    uint8_t again[GM_RECORD_BYTES];
    if (gm_record_decode(&record, data, NULL) != GM_OK)
        return;
    gm_record_encode(again, &record);
    assert(memcmp(again, data, sizeof again) == 0);
}

static void check_blob(const struct gm_tile_layout *layout, struct gm_bytes blob)
{
    uint8_t *tensor = gm_mem_new((size_t)layout->data_bytes, 1);
    uint8_t *again = gm_mem_new(blob.size_bytes, 1);
    assert(tensor != NULL && again != NULL);
    if (gm_tile_unpack(layout, tensor, 0, blob.data, blob.size_bytes, NULL) == GM_OK) {
        gm_tile_pack(layout, tensor, 0, again, blob.size_bytes);
        assert(blob.size_bytes == 0 || memcmp(again, blob.data, blob.size_bytes) == 0);
    } else if (blob.size_bytes == layout->blob_bytes) {
        assert(layout->data_bytes < layout->blob_bytes); /* only padding can be wrong */
    }
    gm_mem_free(tensor);
    gm_mem_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    enum { HEAD_BYTES = 5 };
    struct gm_tile_layout layout;
    if (size_bytes >= GM_RECORD_BYTES)
        check_record(data);
    if (size_bytes < HEAD_BYTES)
        return 0;
    uint64_t dims[3] = {data[2], data[3], data[4]};
    if (gm_tile_layout_init(&layout, data[0] % 10, data[1] % 4, dims, NULL) != GM_OK ||
        layout.blob_bytes > 1 << 20)
        return 0;
    struct gm_bytes blob = {data + HEAD_BYTES, size_bytes - HEAD_BYTES};
    if (blob.size_bytes > layout.blob_bytes)
        blob.size_bytes = (size_t)layout.blob_bytes;
    check_blob(&layout, blob);
    return 0;
}
