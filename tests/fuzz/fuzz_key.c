/* Key files: a text is a key only when it is exactly the magic line and 64 hex digits. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "trust/key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check(const char *magic, struct gm_bytes text)
{
    uint8_t key[GM_KEY_SIZE];
    struct gm_error err = {.text = ""};
    if (gm_key_text_parse("FILE", magic, text, key, &err) != GM_OK) {
        assert(strncmp(err.text, "FILE: ", 6) == 0);
        return;
    }
    char hex[GM_KEY_HEX_SIZE];
    gm_hex_encode(hex, key, sizeof key);
    assert(text.size_bytes == strlen(magic) + 1 + 64 + 1);
    for (size_t i = 0; i < 64; i++) /* capital digits are allowed */
        assert((text.data[strlen(magic) + 1 + i] | 0x20) == (hex[i] | 0x20));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes text = {data, size_bytes};
    check(GM_KEY_SECRET_MAGIC, text);
    check(GM_KEY_PUBLIC_MAGIC, text);
    return 0;
}
