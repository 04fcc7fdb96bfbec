#include "wire/frame.h"

#include <string.h>

void gm_frame_header_put(uint8_t out[static GM_FRAME_HEADER_BYTES], const struct gm_frame *frame)
{
    memset(out, 0, GM_FRAME_HEADER_BYTES);
    out[0] = 'G';
    out[1] = 'M';
    out[2] = GM_FRAME_VERSION;
    out[3] = (uint8_t)frame->type;
    out[6] = GM_FRAME_HEADER_BYTES;
    gm_store_u64(out + 8, frame->session);
    gm_store_u64(out + 16, frame->counter);
}

enum gm_status gm_frame_decode(struct gm_bytes bytes, struct gm_frame *out)
{
    if (bytes.size_bytes < GM_FRAME_HEADER_BYTES)
        return GM_PEER;
    const uint8_t *data = bytes.data;
    *out = (struct gm_frame){
        .type = (enum gm_frame_type)data[3],
        .session = gm_load_u64(data + 8),
        .counter = gm_load_u64(data + 16),
    };
    out->header = (struct gm_bytes){data, GM_FRAME_HEADER_BYTES};
    out->payload =
        (struct gm_bytes){data + GM_FRAME_HEADER_BYTES, bytes.size_bytes - GM_FRAME_HEADER_BYTES};
    uint8_t expected[GM_FRAME_HEADER_BYTES];
    gm_frame_header_put(expected, out);
    if (out->type < GM_FRAME_HANDSHAKE_1 || out->type > GM_FRAME_REFUSED ||
        memcmp(expected, data, GM_FRAME_HEADER_BYTES) != 0)
        return GM_PEER;
    return GM_OK;
}

struct gm_bytes gm_frame_prologue(void)
{
    static const uint8_t prologue[] = "gradmill session 1";
    return (struct gm_bytes){prologue, sizeof prologue - 1};
}
