/* Inside the key files: their text, apart from the disk, so that it can be fuzzed. */
#ifndef GM_TRUST_KEY_FILE_H
#define GM_TRUST_KEY_FILE_H

#include "trust/key.h"

#define GM_KEY_SECRET_MAGIC "gradmill-secret-key-1"
#define GM_KEY_PUBLIC_MAGIC "gradmill-public-key-1"

enum { GM_KEY_FILE_BYTES_MAX = 128 };

/* "MAGIC\n" and 64 hex digits and "\n", nothing else. `path` is for messages. */
enum gm_status gm_key_text_parse(const char *path, const char *magic, struct gm_bytes text,
                                 uint8_t out[static GM_KEY_SIZE], struct gm_error *err) GM_MUST_USE;

#endif
