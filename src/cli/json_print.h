/* The result of a verb with --json: one object on one line of standard output. */
#ifndef GM_CLI_JSON_PRINT_H
#define GM_CLI_JSON_PRINT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/status.h"

/* Takes the object. NULL, which jansson gives for want of memory, is GM_NO_MEMORY. */
enum gm_status gm_json_print(json_t *object, struct gm_error *err) GM_MUST_USE;

/* Values for json_pack's "o": 32 bytes as hex; a text that may hold any bytes, of which those that
   are not UTF-8 become U+FFFD. NULL without memory. */
json_t *gm_json_hex(const uint8_t *bytes, size_t size_bytes);
json_t *gm_json_text(const char *bytes, size_t size_bytes);

#endif
