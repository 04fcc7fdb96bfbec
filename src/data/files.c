#include "data/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static int path_compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static enum gm_status paths_take(const glob_t *found, struct gm_files *out)
{
    out->paths = gm_mem_new(found->gl_pathc, sizeof *out->paths);
    if (out->paths == NULL)
        return GM_NO_MEMORY;
    for (size_t i = 0; i < found->gl_pathc; i++) {
        struct stat info;
        if (stat(found->gl_pathv[i], &info) != 0 || !S_ISREG(info.st_mode))
            continue;
        out->paths[out->count] = gm_mem_copy_text(found->gl_pathv[i]);
        if (out->paths[out->count] == NULL)
            return GM_NO_MEMORY;
        out->count++;
    }
    qsort(out->paths, out->count, sizeof *out->paths, path_compare);
    return GM_OK;
}

enum gm_status gm_files_find(const char *pattern, struct gm_files *out, struct gm_error *err)
{
    *out = (struct gm_files){0};
    glob_t found;
    int rc = glob(pattern, GLOB_NOSORT, NULL, &found);
    enum gm_status status = GM_OK;
    if (rc == GLOB_NOSPACE)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", pattern);
    if (rc == 0) {
        status = paths_take(&found, out);
        globfree(&found);
    }
    if (status != GM_OK) {
        gm_files_fini(out);
        return gm_error_set(err, status, "%s: not enough memory", pattern);
    }
    if (out->count == 0) {
        gm_files_fini(out);
        return gm_error_set(err, GM_NOT_FOUND, "%s: no file matches", pattern);
    }
    return GM_OK;
}

void gm_files_fini(struct gm_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        gm_mem_free(files->paths[i]);
    gm_mem_free(files->paths);
    *files = (struct gm_files){0};
}

enum gm_status gm_source_file_open(struct gm_source_file *file, const char *path,
                                   struct gm_error *err)
{
    *file = (struct gm_source_file){.path = path};
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0)
        return gm_error_errno(err, errno, path, "cannot open");
    struct stat info;
    enum gm_status status = GM_OK;
    if (fstat(file->fd, &info) != 0)
        status = gm_error_errno(err, errno, path, "cannot look at");
    else if (!S_ISREG(info.st_mode))
        status = gm_error_set(err, GM_INVALID, "%s: not a file", path);
    else
        file->size_bytes = (uint64_t)info.st_size;
    if (status != GM_OK)
        gm_source_file_close(file);
    return status;
}

void gm_source_file_close(struct gm_source_file *file)
{
    if (file->fd >= 0)
        (void)close(file->fd);
    file->fd = -1;
}

enum gm_status gm_source_file_read(struct gm_source_file *file, void *out, uint64_t size_bytes,
                                   struct gm_error *err)
{
    uint8_t *at = out;
    while (size_bytes > 0) {
        ssize_t got = read(file->fd, at, (size_t)size_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return gm_error_errno(err, errno, file->path, "cannot read");
        if (got == 0)
            return gm_error_set(err, GM_INVALID,
                                "%s: ends at byte %" PRIu64 ", %" PRIu64 " more were expected",
                                file->path, file->at_bytes, size_bytes);
        at += got;
        file->at_bytes += (uint64_t)got;
        size_bytes -= (uint64_t)got;
    }
    return GM_OK;
}
