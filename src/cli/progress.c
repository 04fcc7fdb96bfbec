#include "cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/figure.h"

enum { BAR_CHARS = 24, TERMINAL_MS = 100, LINES_MS = 5000 };

void gm_progress_init(struct gm_progress *progress, uint32_t step_count, bool json)
{
    *progress = (struct gm_progress){
        .json = json, .terminal = isatty(STDERR_FILENO) != 0, .step_count = step_count};
}

static void number_print(FILE *stream, const char *name, float value)
{
    if (!isnan(value))
        (void)fprintf(stream, "  %s %.4f", name, (double)value);
}

static void figures_print(const struct gm_progress_figures *figures, uint32_t step_count)
{
    (void)fprintf(stderr, "step %u/%u", figures->step, step_count);
    number_print(stderr, "loss", figures->loss);
    number_print(stderr, "validation", figures->loss_validation);
    if (figures->tokens_per_s > 0)
        (void)fprintf(stderr, "  %.0f tokens/s", figures->tokens_per_s);
    if (figures->workers > 0)
        (void)fprintf(stderr, "  %u workers", figures->workers);
    if (figures->note != NULL)
        (void)fprintf(stderr, "  %s", figures->note);
}

static void bar_print(const struct gm_progress *progress, uint32_t step)
{
    uint32_t full = progress->step_count == 0
                        ? 0
                        : (uint32_t)((uint64_t)BAR_CHARS * step / progress->step_count);
    (void)fputs("\r[", stderr);
    for (uint32_t i = 0; i < BAR_CHARS; i++)
        (void)fputc(i < full ? '#' : '.', stderr);
    (void)fputs("] ", stderr);
}

static void json_print(const struct gm_progress *progress,
                       const struct gm_progress_figures *figures)
{
    (void)printf("{\"event\":\"step\",\"step\":%u,\"steps\":%u", figures->step,
                 progress->step_count);
    gm_figure_print("loss", figures->loss);
    gm_figure_print("loss_validation", figures->loss_validation);
    (void)printf(",\"tokens_per_s\":%.1f,\"workers\":%u}\n", figures->tokens_per_s,
                 figures->workers);
    (void)fflush(stdout);
}

void gm_progress_show(struct gm_progress *progress, const struct gm_progress_figures *figures,
                      bool last)
{
    uint64_t now_ns = gm_clock_monotonic_ns();
    uint64_t every_ms = progress->terminal && !progress->json ? TERMINAL_MS : LINES_MS;
    bool due = !progress->shown || now_ns - progress->shown_ns >= every_ms * 1000000;
    bool moved = !progress->shown || figures->step != progress->shown_step;
    if (progress->json ? !moved && !last : !due && !last)
        return;
    progress->shown = true;
    progress->shown_ns = now_ns;
    progress->shown_step = figures->step;
    if (progress->json) {
        json_print(progress, figures);
    } else if (progress->terminal) {
        bar_print(progress, figures->step);
        figures_print(figures, progress->step_count);
        (void)fputs("\033[K", stderr);
        if (last)
            (void)fputc('\n', stderr);
    } else {
        figures_print(figures, progress->step_count);
        (void)fputc('\n', stderr);
    }
    (void)fflush(stderr);
}

void gm_progress_break(struct gm_progress *progress)
{
    if (progress->terminal && !progress->json && progress->shown)
        (void)fputs("\r\033[K", stderr);
}
