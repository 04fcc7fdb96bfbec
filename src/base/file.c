#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum gm_status gm_error_errno(struct gm_error *err, int error_number, const char *path,
                              const char *what)
{
    enum gm_status status = GM_IO;
    if (error_number == ENOENT)
        status = GM_NOT_FOUND;
    else if (error_number == EEXIST)
        status = GM_EXISTS;
    else if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG)
        status = GM_NO_SPACE;
    else if (error_number == ENOMEM)
        status = GM_NO_MEMORY;
    return gm_error_set(err, status, "%s: %s: %s", path, what, strerror(error_number));
}

enum gm_status gm_file_read(const char *path, struct gm_buf *out, struct gm_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return gm_error_errno(err, errno, path, "cannot open");
    enum gm_status status = GM_OK;
    for (;;) {
        uint8_t piece[65536];
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = gm_error_errno(err, errno, path, "cannot read");
        if (got <= 0)
            break;
        gm_buf_append(out, piece, (size_t)got);
        if (out->status != GM_OK) {
            status = gm_error_set(err, out->status, "%s: longer than the %zu bytes allowed", path,
                                  out->limit_bytes);
            break;
        }
    }
    (void)close(fd);
    return status;
}

enum gm_status gm_file_writer_open(struct gm_file_writer *writer, const char *path, mode_t mode,
                                   struct gm_error *err)
{
    *writer = (struct gm_file_writer){.fd = -1};
    size_t size = strlen(path) + sizeof ".XXXXXX";
    writer->path = gm_mem_copy_text(path);
    writer->temporary = gm_mem_new(size, 1);
    if (writer->path == NULL || writer->temporary == NULL) {
        gm_file_writer_discard(writer);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    }
    (void)snprintf(writer->temporary, size, "%s.XXXXXX", path);
    writer->fd = mkstemp(writer->temporary);
    if (writer->fd < 0 || fchmod(writer->fd, mode) != 0) {
        int error_number = errno;
        gm_file_writer_discard(writer);
        return gm_error_errno(err, error_number, path, "cannot create");
    }
    return GM_OK;
}

enum gm_status gm_file_writer_write(struct gm_file_writer *writer, const void *data,
                                    size_t size_bytes, struct gm_error *err)
{
    const uint8_t *at = data;
    while (size_bytes > 0) {
        ssize_t put = write(writer->fd, at, size_bytes);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return gm_error_errno(err, errno, writer->path, "cannot write");
        at += put;
        size_bytes -= (size_t)put;
    }
    return GM_OK;
}

static enum gm_status folder_sync(const char *path, struct gm_error *err)
{
    char *folder = gm_path_folder(path);
    if (folder == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gm_mem_free(folder);
    if (fd < 0)
        return gm_error_errno(err, errno, path, "cannot open its folder");
    int rc = fsync(fd);
    int error_number = errno;
    (void)close(fd);
    return rc == 0 ? GM_OK : gm_error_errno(err, error_number, path, "cannot sync its folder");
}

enum gm_status gm_file_writer_commit(struct gm_file_writer *writer, struct gm_error *err)
{
    assert(writer->path != NULL && writer->temporary != NULL); /* open, and not yet ended */
    enum gm_status status = GM_OK;
    if (fsync(writer->fd) != 0)
        status = gm_error_errno(err, errno, writer->path, "cannot sync");
    else if (rename(writer->temporary, writer->path) != 0)
        status = gm_error_errno(err, errno, writer->path, "cannot rename into place");
    if (status == GM_OK) {
        gm_mem_free(writer->temporary); /* it has its final name: nothing to remove */
        writer->temporary = NULL;
        status = folder_sync(writer->path, err);
    }
    gm_file_writer_discard(writer);
    return status;
}

void gm_file_writer_discard(struct gm_file_writer *writer)
{
    if (writer->fd >= 0) {
        (void)close(writer->fd);
        if (writer->temporary != NULL)
            (void)unlink(writer->temporary);
    }
    gm_mem_free(writer->temporary);
    gm_mem_free(writer->path);
    *writer = (struct gm_file_writer){.fd = -1};
}

enum gm_status gm_file_write(const char *path, mode_t mode, struct gm_bytes content,
                             struct gm_error *err)
{
    struct gm_file_writer writer;
    GM_TRY(gm_file_writer_open(&writer, path, mode, err));
    enum gm_status status = gm_file_writer_write(&writer, content.data, content.size_bytes, err);
    if (status != GM_OK) {
        gm_file_writer_discard(&writer);
        return status;
    }
    return gm_file_writer_commit(&writer, err);
}

enum gm_status gm_dir_make(const char *path, mode_t mode, struct gm_error *err)
{
    char *copy = gm_mem_copy_text(path);
    if (copy == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    enum gm_status status = GM_OK;
    for (char *at = copy + 1; status == GM_OK && *copy != '\0'; at++) {
        char here = *at;
        if (here != '/' && here != '\0')
            continue;
        *at = '\0';
        if (mkdir(copy, mode) != 0 && errno != EEXIST)
            status = gm_error_errno(err, errno, copy, "cannot create folder");
        *at = here;
        if (here == '\0')
            break;
    }
    struct stat info;
    if (status == GM_OK && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        status = gm_error_set(err, GM_EXISTS, "%s: exists and is not a folder", path);
    gm_mem_free(copy);
    return status;
}

char *gm_path_join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = gm_mem_new(size, 1);
    if (path != NULL)
        (void)snprintf(path, size, "%s/%s", folder, name);
    return path;
}

char *gm_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return gm_mem_copy_text(".");
    char *folder = gm_mem_copy_text(path);
    if (folder != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}
