/* Inside the layer: input files, found by a pattern and read from front to back. */
#ifndef GM_DATA_FILES_H
#define GM_DATA_FILES_H

#include "base/bytes.h"

struct gm_files {
    size_t count;
    char **paths; /* sorted by bytes, whatever the locale */
};

/* Plain files that match a shell pattern ("corpus/part-?.txt"); GM_NOT_FOUND when there is none. */
enum gm_status gm_files_find(const char *pattern, struct gm_files *out,
                             struct gm_error *err) GM_MUST_USE;
void gm_files_fini(struct gm_files *files);

struct gm_source_file {
    const char *path; /* not owned */
    int fd;
    uint64_t size_bytes;
    uint64_t at_bytes;
};

enum gm_status gm_source_file_open(struct gm_source_file *file, const char *path,
                                   struct gm_error *err) GM_MUST_USE;
void gm_source_file_close(struct gm_source_file *file);
/* The next `size_bytes` bytes, all of them. */
enum gm_status gm_source_file_read(struct gm_source_file *file, void *out, uint64_t size_bytes,
                                   struct gm_error *err) GM_MUST_USE;

#endif
