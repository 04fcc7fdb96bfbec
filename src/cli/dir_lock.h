/* One process at a time in a folder. */
#ifndef GM_CLI_DIR_LOCK_H
#define GM_CLI_DIR_LOCK_H

#include "base/status.h"

struct gm_dir_lock {
    int fd; /* -1: not taken */
};

/* GM_BUSY when another process has it. Ends with the process, however that ends. */
enum gm_status gm_dir_lock_take(struct gm_dir_lock *lock, const char *folder,
                                struct gm_error *err) GM_MUST_USE;
void gm_dir_lock_release(struct gm_dir_lock *lock);

#endif
