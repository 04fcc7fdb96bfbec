#include "base/log.h"

#include <time.h>

/* Messages quote what peers and files said: a line feed in there would forge a line of the log, an
   escape would speak to the reader's terminal. */
static void line_keep(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

void gm_log(const struct gm_log *log, enum gm_log_level level, const char *format, ...)
{
    static const char *const names[] = {"debug", "info ", "warn ", "error"};
    if (log == NULL || log->stream == NULL || level < log->level || level >= GM_LOG_NONE)
        return;
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));

    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    line_keep(text);
    (void)fprintf(log->stream, "%s %s %s: %s\n", stamp, names[level], log->part, text);
    (void)fflush(log->stream);
}
