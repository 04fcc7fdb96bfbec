/* A message that is accepted encodes to the bytes it came from; any other is refused with a story.
   So no two texts mean one request, and none is half understood. */
#include "again.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_message message;
    enum gm_status status = gm_message_decode(input, &message, &err);
    if (status != GM_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    struct gm_buf out;
    gm_buf_init(&out, size_bytes);
    status = gm_message_encode(&message, &out);
    fuzz_same(status, &out, input);
    return 0;
}
