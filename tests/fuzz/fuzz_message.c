/* A message that is accepted encodes to the bytes it came from; any other is refused with a story.
   So no two texts mean one request, and none is half understood. */
#include <assert.h>

#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_message message;
    if (gm_message_decode(input, &message, &err) != GM_OK) {
        assert(err.status != GM_OK && err.text[0] != '\0');
        return 0;
    }
    struct gm_buf out;
    gm_buf_init(&out, size_bytes);
    enum gm_status status = gm_message_encode(&message, &out);
    assert(status == GM_OK && out.status == GM_OK);
    assert(gm_bytes_equal(gm_buf_view(&out), input));
    (void)status;
    gm_buf_fini(&out);
    return 0;
}
