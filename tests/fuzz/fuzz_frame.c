/* A frame that is accepted has the one header that says what was read, and the rest is its payload.
 */
#include <assert.h>
#include <string.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_frame frame;
    uint8_t again[GM_FRAME_HEADER_BYTES];
    if (gm_frame_decode((struct gm_bytes){data, size_bytes}, &frame) != GM_OK)
        return 0;
    gm_frame_header_put(again, &frame);
    assert(memcmp(again, data, sizeof again) == 0);
    assert(frame.header.data == data && frame.header.size_bytes == GM_FRAME_HEADER_BYTES);
    assert(frame.payload.data == data + GM_FRAME_HEADER_BYTES &&
           frame.payload.size_bytes == size_bytes - GM_FRAME_HEADER_BYTES);
    return 0;
}
