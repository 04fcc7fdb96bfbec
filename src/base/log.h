/* Plain log lines on a stream: "2026-01-31T12:00:00Z warn  worker: text". One line, one write, so
   lines of several threads and processes do not mix; control characters in a text are written as
   '?'. A log is a value that is passed; none is
   global. */
#ifndef GM_BASE_LOG_H
#define GM_BASE_LOG_H

#include <stdio.h>

#include "base/status.h"

enum gm_log_level { GM_LOG_DEBUG, GM_LOG_INFO, GM_LOG_WARN, GM_LOG_ERROR, GM_LOG_NONE };

struct gm_log {
    FILE *stream;            /* not owned; NULL: nothing is written */
    const char *part;        /* who speaks: "broker", "worker"; not owned */
    enum gm_log_level level; /* what is below is dropped */
};

/* `log` may be NULL. */
void gm_log(const struct gm_log *log, enum gm_log_level level, const char *format, ...)
    GM_PRINTF(3, 4);

#endif
