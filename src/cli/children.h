/* Processes that a verb starts: other verbs of this program, with their own logs. They die with
   whoever started them. */
#ifndef GM_CLI_CHILDREN_H
#define GM_CLI_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/status.h"

enum { GM_CHILD_ARGS_MAX = 40 };

struct gm_child {
    pid_t pid; /* 0: not running */
};

/* Starts `gradmill ARGS...`; `args` ends with NULL and has no program name. Output and errors are
   appended to the file `log`; NULL: they go where ours go. */
enum gm_status gm_child_start(struct gm_child *child, const char *const *args, const char *log,
                              struct gm_error *err) GM_MUST_USE;
/* Sends a signal; nothing happens to one that is not running. */
void gm_child_signal(const struct gm_child *child, int number);
/* Blocks until it has ended; its exit code, or 128 + the signal that ended it. */
int gm_child_wait(struct gm_child *child);
/* Whether it still runs; one that has ended is collected. */
bool gm_child_runs(struct gm_child *child);

#endif
