/* Folders for work that is thrown away, under TMPDIR, and whole folders removed. */
#ifndef GM_CLI_SCRATCH_H
#define GM_CLI_SCRATCH_H

#include "base/status.h"

/* *path is the caller's, for gm_scratch_remove. */
enum gm_status gm_scratch_make(char **path, struct gm_error *err) GM_MUST_USE;
/* Removes the folder with all that is in it, and frees the path. NULL is allowed. */
void gm_scratch_remove(char *path);
/* Removes a folder with all that is in it; what cannot be removed stays, without a word. */
void gm_tree_remove(const char *path);

#endif
