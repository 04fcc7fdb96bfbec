/* What a person sees of a running job: a bar that redraws itself on a terminal, plain lines now and
   then elsewhere, one JSON object per line with --json. All of it goes to standard error, except
   JSON, so that standard output holds results. */
#ifndef GM_CLI_PROGRESS_H
#define GM_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct gm_progress {
    bool json;
    bool terminal;
    uint32_t step_count;
    uint64_t shown_ns;
    uint32_t shown_step;
    bool shown;
};

struct gm_progress_figures {
    uint32_t step; /* done */
    float loss;    /* NaN: not known */
    float loss_validation;
    double tokens_per_s;
    uint32_t workers; /* 0: not a market */
    const char *note; /* NULL: none */
};

void gm_progress_init(struct gm_progress *progress, uint32_t step_count, bool json);
/* Draws when it is time to; `last` always does. */
void gm_progress_show(struct gm_progress *progress, const struct gm_progress_figures *figures,
                      bool last);
/* Ends the bar's line, so that other text can follow. */
void gm_progress_break(struct gm_progress *progress);

#endif
