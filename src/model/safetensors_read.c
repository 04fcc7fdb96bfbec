#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/safetensors.h"
#include "model/safetensors_types.h"

enum { PIECE_BYTES = 64 << 10 };

/* All of [offset, offset + size) or an error. */
static enum gm_status range_read(int fd, const char *path, uint64_t offset_bytes, void *out,
                                 size_t size_bytes, struct gm_error *err)
{
    uint8_t *at = out;
    while (size_bytes > 0) {
        ssize_t got = pread(fd, at, size_bytes, (off_t)offset_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return gm_error_errno(err, errno, path, "cannot read");
        if (got == 0)
            return gm_error_set(err, GM_IO, "%s: the file became shorter while it was read", path);
        at += got;
        offset_bytes += (uint64_t)got;
        size_bytes -= (size_t)got;
    }
    return GM_OK;
}

static enum gm_status header_parse(int fd, const char *path, uint64_t file_bytes,
                                   struct gm_safetensors **out, struct gm_error *err)
{
    uint8_t prefix[8];
    if (file_bytes < sizeof prefix)
        return gm_error_set(err, GM_INVALID,
                            "%s: not a safetensors file: %" PRIu64 " bytes (expected 8 or more)",
                            path, file_bytes);
    GM_TRY(range_read(fd, path, 0, prefix, sizeof prefix, err));
    uint64_t header_bytes = gm_load_u64(prefix);
    if (header_bytes < 2 || header_bytes > GM_SAFETENSORS_HEADER_MAX)
        return gm_error_set(err, GM_INVALID,
                            "%s: not a safetensors file: a header of %" PRIu64
                            " bytes (expected 2 to %d)",
                            path, header_bytes, GM_SAFETENSORS_HEADER_MAX);
    if (header_bytes > file_bytes - sizeof prefix)
        return gm_error_set(err, GM_INVALID,
                            "%s: truncated: the header takes %" PRIu64 " bytes but %" PRIu64
                            " bytes are there",
                            path, header_bytes, file_bytes - (uint64_t)sizeof prefix);
    uint8_t *header = gm_mem_new((size_t)header_bytes, 1);
    if (header == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    enum gm_status status = range_read(fd, path, sizeof prefix, header, (size_t)header_bytes, err);
    if (status == GM_OK)
        status = gm_safetensors_parse(path, (struct gm_bytes){header, (size_t)header_bytes},
                                      file_bytes - sizeof prefix - header_bytes, out, err);
    gm_mem_free(header);
    if (status == GM_OK)
        (*out)->data_offset_bytes = sizeof prefix + header_bytes;
    return status;
}

enum gm_status gm_safetensors_open(const char *path, struct gm_safetensors **out,
                                   struct gm_error *err)
{
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return gm_error_errno(err, errno, path, "cannot open");
    struct stat info;
    enum gm_status status;
    if (fstat(fd, &info) != 0)
        status = gm_error_errno(err, errno, path, "cannot look at");
    else if (!S_ISREG(info.st_mode))
        status = gm_error_set(err, GM_INVALID, "%s: not a file", path);
    else
        status = header_parse(fd, path, (uint64_t)info.st_size, out, err);
    if (status != GM_OK)
        (void)close(fd);
    else
        (*out)->fd = fd;
    return status;
}

void gm_safetensors_close(struct gm_safetensors *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0)
        (void)close(file->fd);
    for (uint32_t i = 0; i < file->count; i++)
        gm_mem_free(file->entries[i].name);
    gm_mem_free(file->entries);
    gm_mem_free(file->path);
    gm_mem_free(file);
}

const struct gm_safetensors_entry *gm_safetensors_find(const struct gm_safetensors *file,
                                                       const char *name)
{
    uint32_t low = 0, high = file->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(file->entries[middle].name, name);
        if (order == 0)
            return &file->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint64_t gm_safetensors_element_count(const struct gm_safetensors_entry *entry)
{
    return (entry->end_bytes - entry->begin_bytes) / gm_safetensors_type_bytes(entry->type);
}

enum gm_status gm_safetensors_read_f32(const struct gm_safetensors *file,
                                       const struct gm_safetensors_entry *entry, uint64_t first,
                                       uint64_t count, float *out, struct gm_error *err)
{
    if (!gm_safetensors_type_is_float(entry->type))
        return gm_error_set(err, GM_UNSUPPORTED,
                            "%s: tensor \"%s\": dtype %s holds no weights (expected F32, F16, BF16 "
                            "or F64)",
                            file->path, entry->name, gm_safetensors_type_name(entry->type));
    uint64_t total = gm_safetensors_element_count(entry);
    if (first > total || count > total - first)
        return gm_error_set(err, GM_INTERNAL, "%s: tensor \"%s\": read past its end", file->path,
                            entry->name);
    uint8_t piece[PIECE_BYTES];
    size_t element_bytes = gm_safetensors_type_bytes(entry->type);
    uint64_t offset_bytes = file->data_offset_bytes + entry->begin_bytes + first * element_bytes;
    while (count > 0) {
        size_t part =
            count < sizeof piece / element_bytes ? (size_t)count : sizeof piece / element_bytes;
        GM_TRY(range_read(file->fd, file->path, offset_bytes, piece, part * element_bytes, err));
        gm_safetensors_to_f32(entry->type, piece, part, out);
        out += part;
        count -= part;
        offset_bytes += part * element_bytes;
    }
    return GM_OK;
}
