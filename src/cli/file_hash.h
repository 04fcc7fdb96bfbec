/* The BLAKE3 of a file, as b3sum prints it. */
#ifndef GM_CLI_FILE_HASH_H
#define GM_CLI_FILE_HASH_H

#include "trust/hash.h"

enum gm_status gm_file_hash(const char *path, struct gm_hash *out,
                            struct gm_error *err) GM_MUST_USE;

#endif
