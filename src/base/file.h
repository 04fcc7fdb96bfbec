/* Files: whole reads with a limit, and writes that appear under their final name whole or not at
   all. Errors name the path and say what the system said; ENOSPC and EDQUOT are GM_NO_SPACE. */
#ifndef GM_BASE_FILE_H
#define GM_BASE_FILE_H

#include <sys/types.h>

#include "base/bytes.h"

/* Appends the whole file to `out`; GM_LIMIT when it is longer than the buffer may grow. */
enum gm_status gm_file_read(const char *path, struct gm_buf *out, struct gm_error *err) GM_MUST_USE;

/* Writes a temporary file beside `path`, syncs it, renames it, syncs the folder. On failure the
   temporary file is removed and what stood under `path` is untouched. */
enum gm_status gm_file_write(const char *path, mode_t mode, struct gm_bytes content,
                             struct gm_error *err) GM_MUST_USE;

/* The same for content that is produced in parts: open, write..., then commit or discard. */
struct gm_file_writer {
    int fd;
    char *path;
    char *temporary;
};
enum gm_status gm_file_writer_open(struct gm_file_writer *writer, const char *path, mode_t mode,
                                   struct gm_error *err) GM_MUST_USE;
enum gm_status gm_file_writer_write(struct gm_file_writer *writer, const void *data,
                                    size_t size_bytes, struct gm_error *err) GM_MUST_USE;
/* Frees the writer, whatever it returns. */
enum gm_status gm_file_writer_commit(struct gm_file_writer *writer,
                                     struct gm_error *err) GM_MUST_USE;
void gm_file_writer_discard(struct gm_file_writer *writer);

/* As mkdir -p. */
enum gm_status gm_dir_make(const char *path, mode_t mode, struct gm_error *err) GM_MUST_USE;
/* "folder/name" on the heap, NULL without memory; the folder part of a path likewise. */
char *gm_path_join(const char *folder, const char *name) GM_MUST_USE;
char *gm_path_folder(const char *path) GM_MUST_USE;

/* Sets the text "path: what: strerror" and returns the status that fits `error_number`. */
enum gm_status gm_error_errno(struct gm_error *err, int error_number, const char *path,
                              const char *what);

#endif
