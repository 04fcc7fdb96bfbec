/* Watching a job on a broker until it ends. */
#ifndef GM_CLI_WATCH_H
#define GM_CLI_WATCH_H

#include "cli/market.h"

/* Composes the job file and sends it: blobs first, then the recipe. */
enum gm_status gm_market_submit(struct gm_market *market, const char *job_path,
                                uint8_t id[static GM_ID_BYTES], struct gm_error *err) GM_MUST_USE;

/* Shows progress until the job is no longer running; blocks. */
enum gm_status gm_watch(struct gm_market *market, const uint8_t id[static GM_ID_BYTES], bool json,
                        struct gm_job_view *out, struct gm_error *err) GM_MUST_USE;
/* GM_OK for a job that is done, else why it ended. */
enum gm_status gm_watch_result(const struct gm_job_view *view, struct gm_error *err) GM_MUST_USE;

/* One job as a person or a program reads it, on standard output. */
void gm_job_view_print(const struct gm_job_view *view, bool json);

#endif
