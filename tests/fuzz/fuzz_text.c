/* Numbers, sizes, durations and hex from the command line and from files: whatever the text, either
   a value within the bounds or a message that names the option. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    char text[256];
    if (size_bytes >= sizeof text)
        return 0;
    memcpy(text, data, size_bytes);
    text[size_bytes] = '\0';

    struct gm_error err = {0};
    uint64_t value = 0;
    if (gm_text_u64("--n", text, 3, 1000, &value, &err) == GM_OK)
        assert(value >= 3 && value <= 1000);
    else
        assert(strncmp(err.text, "--n: ", 5) == 0);
    if (gm_text_size("--memory", text, &value, &err) != GM_OK)
        assert(strncmp(err.text, "--memory: ", 10) == 0);
    if (gm_text_duration("--wait", text, &value, &err) != GM_OK)
        assert(strncmp(err.text, "--wait: ", 8) == 0);

    uint8_t bytes[4];
    if (gm_hex_decode(bytes, sizeof bytes, text)) {
        char again[2 * sizeof bytes + 1];
        gm_hex_encode(again, bytes, sizeof bytes);
        uint8_t twice[sizeof bytes];
        bool same = gm_hex_decode(twice, sizeof twice, again);
        assert(same && memcmp(bytes, twice, sizeof bytes) == 0);
    }
    return 0;
}
