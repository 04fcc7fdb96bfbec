#include "cli/json_print.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

enum gm_status gm_json_print(json_t *object, struct gm_error *err)
{
    if (object == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    /* ASCII alone: whatever a text holds, it cannot break a terminal or a line. */
    int failed = json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(object);
    if (failed != 0)
        return gm_error_set(err, GM_IO, "standard output: cannot write");
    (void)fputc('\n', stdout);
    return GM_OK;
}

json_t *gm_json_hex(const uint8_t *bytes, size_t size_bytes)
{
    char *text = gm_mem_new(size_bytes + 1, 2);
    if (text == NULL)
        return NULL;
    gm_hex_encode(text, bytes, size_bytes);
    json_t *value = json_string(text);
    gm_mem_free(text);
    return value;
}

/* Bytes of the UTF-8 character at `at`; 0: there is none (RFC 3629: no overlong form, no
   surrogates, nothing above U+10FFFF). */
static size_t character_size(const uint8_t *at, size_t left)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (size <= 1)
        return size;
    if (at[0] >= 0xf8 || size > left)
        return 0;
    uint32_t code = at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code >= smallest[size] && code <= 0x10ffff && !surrogate ? size : 0;
}

json_t *gm_json_text(const char *bytes, size_t size_bytes)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    struct gm_buf text;
    json_t *value = NULL;
    gm_buf_init(&text, SIZE_MAX);
    for (size_t i = 0; i < size_bytes;) {
        size_t size = character_size((const uint8_t *)bytes + i, size_bytes - i);
        if (size > 0)
            gm_buf_append(&text, bytes + i, size);
        else
            gm_buf_append(&text, replacement, sizeof replacement - 1);
        i += size > 0 ? size : 1;
    }
    if (text.status == GM_OK)
        value = json_stringn(text.size_bytes > 0 ? (const char *)text.data : "", text.size_bytes);
    gm_buf_fini(&text);
    return value;
}
