#include "cli/watch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/figure.h"
#include "cli/progress.h"

enum { WATCH_MS = 200 };

enum gm_status gm_watch(struct gm_market *market, const uint8_t id[static GM_ID_BYTES], bool json,
                        struct gm_job_view *out, struct gm_error *err)
{
    struct gm_progress progress;
    GM_TRY(gm_job_view_get(market, id, out, err));
    gm_progress_init(&progress, (uint32_t)out->step_count, json);
    for (;;) {
        struct gm_progress_figures figures = {
            .step = (uint32_t)out->step,
            .loss = out->loss_last,
            .loss_validation = out->loss_validation,
            .tokens_per_s = (double)out->tokens_per_s,
            .workers = (uint32_t)out->workers,
            .note = out->text[0] != '\0' ? out->text : NULL,
        };
        gm_progress_show(&progress, &figures, out->state != GM_JOB_RUNNING);
        if (out->state != GM_JOB_RUNNING)
            return GM_OK;
        gm_clock_wait_ms(WATCH_MS);
        enum gm_status status = gm_job_view_get(market, id, out, err);
        if (status != GM_OK) {
            gm_progress_break(&progress);
            return status;
        }
    }
}

enum gm_status gm_watch_result(const struct gm_job_view *view, struct gm_error *err)
{
    enum gm_status status = gm_job_state_status(view->state);
    if (status == GM_OK)
        return GM_OK;
    return gm_error_set(err, status, "the job is %s after step %llu%s%s",
                        gm_job_state_name(view->state), (unsigned long long)view->step,
                        view->text[0] != '\0' ? ": " : "", view->text);
}

static void view_print_json(const struct gm_job_view *view)
{
    char hex[GM_JOB_HEX_SIZE];
    gm_hex_encode(hex, view->job, GM_ID_BYTES);
    (void)printf("{\"job\":\"%s\"", hex);
    gm_figure_print_text("name", view->name);
    gm_figure_print_text("state", gm_job_state_name(view->state));
    (void)printf(",\"step\":%llu,\"steps\":%llu", (unsigned long long)view->step,
                 (unsigned long long)view->step_count);
    gm_figure_print("loss_first", view->loss_first);
    gm_figure_print("loss_last", view->loss_last);
    gm_figure_print("loss_validation", view->loss_validation);
    (void)printf(",\"tokens_per_s\":%llu,\"workers\":%llu,\"reissued\":%llu,\"rejected\":%llu,"
                 "\"rewinds\":%llu",
                 (unsigned long long)view->tokens_per_s, (unsigned long long)view->workers,
                 (unsigned long long)view->reissued, (unsigned long long)view->rejected,
                 (unsigned long long)view->rewinds);
    gm_figure_print_text("text", view->text);
    (void)printf("}\n");
}

void gm_job_view_print(const struct gm_job_view *view, bool json)
{
    char hex[GM_JOB_HEX_SIZE];
    if (json) {
        view_print_json(view);
        return;
    }
    gm_hex_encode(hex, view->job, GM_ID_BYTES);
    (void)printf("%s  %-9s step %llu/%llu", hex, gm_job_state_name(view->state),
                 (unsigned long long)view->step, (unsigned long long)view->step_count);
    if (!isnan(view->loss_last))
        (void)printf("  loss %.4f", (double)view->loss_last);
    if (!isnan(view->loss_validation))
        (void)printf("  validation %.4f", (double)view->loss_validation);
    (void)printf("  %llu workers, %llu reissued, %llu rejected  %s",
                 (unsigned long long)view->workers, (unsigned long long)view->reissued,
                 (unsigned long long)view->rejected, view->name);
    if (view->text[0] != '\0' && strcmp(view->text, gm_job_state_name(view->state)) != 0)
        (void)printf("  (%s)", view->text);
    (void)putchar('\n');
}
