#include "cli/file_hash.h"

#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "trust/blake3.h"

enum { READ_BYTES = 1 << 20 };

enum gm_status gm_file_hash(const char *path, struct gm_hash *out, struct gm_error *err)
{
    struct gm_blake3 hasher;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return gm_error_errno(err, errno, path, "cannot open");
    uint8_t *room = gm_mem_new(READ_BYTES, 1);
    enum gm_status status = room != NULL ? GM_OK
                                         : gm_error_set(err, GM_NO_MEMORY,
                                                        "%s: not enough "
                                                        "memory",
                                                        path);
    gm_blake3_init(&hasher);
    while (status == GM_OK) {
        size_t got = fread(room, 1, READ_BYTES, file);
        gm_blake3_update(&hasher, room, got);
        if (got < READ_BYTES)
            break;
    }
    if (status == GM_OK && ferror(file))
        status = gm_error_errno(err, errno, path, "cannot read");
    *out = gm_blake3_final(&hasher);
    gm_mem_free(room);
    (void)fclose(file);
    return status;
}
