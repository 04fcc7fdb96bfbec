/* gradmill demo: the main job, end to end, on this machine: a broker, a house worker and workers
   train a small GPT on real text; one worker is killed while it holds a lease, one that lies joins,
   and the weights are those of the same job run alone. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/demo.h"
#include "cli/figure.h"
#include "cli/file_hash.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "cli/verb.h"

enum { POLL_MS = 50, LEASE_POLL_MS = 1, LIAR_WAIT_MS = 15000 };

struct story {
    struct gm_demo demo;
    struct gm_stop stop;
    bool stopping;
    struct gm_progress progress;
    uint8_t job[GM_ID_BYTES];
    struct gm_job_view view;
    bool killed;
    bool liar_started;
    bool liar_found;
    struct gm_hash market_params;
    struct gm_hash alone_params;
    uint64_t start_ns;
};

/* Lines of the story go where progress goes. */
static void tell(struct story *story, const char *text)
{
    if (story->demo.json)
        return;
    gm_progress_break(&story->progress);
    (void)fprintf(stderr, "%s\n", text);
}

/* ---- while the job runs ---- */

static void worker_kill(struct story *story)
{
    for (uint64_t i = 0; i < story->demo.worker_count; i++) {
        struct gm_demo_worker *worker = &story->demo.workers[i];
        if (!gm_demo_worker_holds_lease(&story->demo, worker))
            continue;
        char text[128];
        gm_child_signal(&worker->child, SIGKILL);
        (void)gm_child_wait(&worker->child);
        story->killed = true;
        (void)snprintf(text, sizeof text, "! %s was killed (SIGKILL) while it held a lease",
                       worker->name);
        tell(story, text);
        return;
    }
}

static enum gm_status banned_look(struct story *story, struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_BROKER_ASK};
    struct gm_reply reply;
    GM_TRY(gm_market_ask(&story->demo.market, &request, GM_MESSAGE_BROKER_INFO, &reply, err));
    struct gm_bytes banned = reply.message.broker_info.banned;
    for (size_t at = 0; at + GM_KEY_BYTES <= banned.size_bytes; at += GM_KEY_BYTES) {
        if (memcmp(banned.data + at, story->demo.liar.key.bytes, GM_KEY_BYTES) == 0)
            story->liar_found = true;
    }
    gm_reply_fini(&reply);
    if (story->liar_found) {
        char hex[GM_KEY_HEX_SIZE];
        char text[256];
        (void)snprintf(text, sizeof text, "! a replay proved a lie: key %s is banned",
                       gm_key_public_hex(hex, &story->demo.liar.key));
        tell(story, text);
    }
    return GM_OK;
}

/* What happens at which point of the job. */
static enum gm_status events_play(struct story *story, struct gm_error *err)
{
    const struct gm_job_view *view = &story->view;
    if (!story->liar_started && view->step * 3 >= view->step_count) {
        GM_TRY(gm_demo_worker_start(&story->demo, &story->demo.liar, "lie", err));
        story->liar_started = true;
        tell(story, "! a worker that lies about its gradients joins");
    }
    if (!story->killed && view->step * 2 >= view->step_count)
        worker_kill(story);
    if (story->liar_started && !story->liar_found)
        GM_TRY(banned_look(story, err));
    return GM_OK;
}

static enum gm_status job_watch(struct story *story, struct gm_error *err)
{
    struct gm_market *market = &story->demo.market;
    for (;;) {
        GM_TRY(gm_job_view_get(market, story->job, &story->view, err));
        const struct gm_job_view *view = &story->view;
        struct gm_progress_figures figures = {
            .step = (uint32_t)view->step,
            .loss = view->loss_last,
            .loss_validation = view->loss_validation,
            .tokens_per_s = (double)view->tokens_per_s,
            .workers = (uint32_t)view->workers,
        };
        bool over = view->state != GM_JOB_RUNNING;
        gm_progress_show(&story->progress, &figures, over);
        if (over)
            return gm_watch_result(view, err);
        if (atomic_load(&story->stop.asked))
            return gm_error_set(err, GM_CANCELLED, "stopped");
        GM_TRY(events_play(story, err));
        bool hunting = !story->killed && view->step * 2 >= view->step_count;
        gm_clock_wait_ms(hunting ? LEASE_POLL_MS : POLL_MS);
    }
}

/* ---- afterwards ---- */

static enum gm_status alone_run(struct story *story, struct gm_error *err)
{
    struct gm_child child;
    char job[GM_DEMO_PATH_MAX];
    char out[GM_DEMO_PATH_MAX];
    char log[GM_DEMO_PATH_MAX];
    char model[GM_DEMO_PATH_MAX];
    GM_TRY(gm_demo_path(&story->demo, "job.json", NULL, job, err));
    GM_TRY(gm_demo_path(&story->demo, "alone", NULL, out, err));
    GM_TRY(gm_demo_path(&story->demo, "alone.log", NULL, log, err));
    GM_TRY(gm_demo_path(&story->demo, "alone", "model.safetensors", model, err));
    const char *const args[] = {"train", job, "--out", out, NULL};
    GM_TRY(gm_child_start(&child, args, log, err));
    int code = gm_child_wait(&child);
    if (code != 0)
        return gm_error_set(err, GM_INTERNAL, "training alone ended with exit code %d; see %s",
                            code, log);
    return gm_file_hash(model, &story->alone_params, err);
}

static enum gm_status text_generate(struct story *story, struct gm_error *err)
{
    struct gm_child child;
    char model[GM_DEMO_PATH_MAX];
    GM_TRY(gm_demo_path(&story->demo, "model", NULL, model, err));
    const char *const args[] = {
        "generate",  model, "--prompt", "This License ", "--tokens", "240", "--temperature", "0.7",
        "--threads", "1",   NULL};
    (void)printf("What the model writes:\n\n");
    (void)fflush(stdout);
    GM_TRY(gm_child_start(&child, args, NULL, err));
    if (gm_child_wait(&child) != 0)
        return gm_error_set(err, GM_INTERNAL, "generating text failed");
    (void)printf("\n\n");
    return GM_OK;
}

static void end_tell(const struct story *story)
{
    char market[GM_HASH_HEX_SIZE];
    char alone[GM_HASH_HEX_SIZE];
    const char *folder = story->demo.folder;
    (void)printf("The market's model   %s\nThe same job alone   %s\n",
                 gm_hash_hex(market, &story->market_params),
                 gm_hash_hex(alone, &story->alone_params));
    (void)printf("Same weights, bit for bit. Loss %.4f -> %.4f, on unseen text %.4f; %llu leases "
                 "given anew, %llu lies found, %llu rewinds.\n\n",
                 (double)story->view.loss_first, (double)story->view.loss_last,
                 (double)story->view.loss_validation, (unsigned long long)story->view.reissued,
                 (unsigned long long)story->view.rejected, (unsigned long long)story->view.rewinds);
    (void)printf("model     %s/model/model.safetensors (transformers loads it)\n"
                 "receipts  %s/worker-1/receipts (gradmill verify FILE reads them)\n"
                 "logs      %s/*.log\n\n",
                 folder, folder, folder);
    (void)printf("Next: edit %s/job.json and run\n"
                 "  gradmill train %s/job.json --out my-model\n"
                 "or read README.md on how to run a broker and workers of your own.\n",
                 folder, folder);
}

static void end_print_json(const struct story *story)
{
    char hex[GM_HASH_HEX_SIZE];
    (void)printf("{\"event\":\"done\",\"params\":\"%s\"", gm_hash_hex(hex, &story->market_params));
    (void)printf(",\"params_alone\":\"%s\"", gm_hash_hex(hex, &story->alone_params));
    gm_figure_print("loss_first", story->view.loss_first);
    gm_figure_print("loss_last", story->view.loss_last);
    gm_figure_print("loss_validation", story->view.loss_validation);
    (void)printf(",\"reissued\":%llu,\"rejected\":%llu,\"rewinds\":%llu,\"liar_banned\":%s",
                 (unsigned long long)story->view.reissued, (unsigned long long)story->view.rejected,
                 (unsigned long long)story->view.rewinds, story->liar_found ? "true" : "false");
    gm_figure_print_text("folder", story->demo.folder);
    (void)printf(",\"seconds\":%.1f}\n",
                 (double)(gm_clock_monotonic_ns() - story->start_ns) * 1e-9);
}

static enum gm_status market_tell(struct story *story, struct gm_error *err)
{
    char path[GM_DEMO_PATH_MAX];
    uint64_t step;
    char text[160];
    GM_TRY(gm_demo_path(&story->demo, "job.json", NULL, path, err));
    (void)snprintf(
        text, sizeof text,
        "a broker, a house worker and %llu workers train a byte-level GPT on the licence "
        "texts of this machine",
        (unsigned long long)story->demo.worker_count);
    tell(story, text);
    GM_TRY(gm_market_submit(&story->demo.market, path, story->job, err));
    gm_progress_init(&story->progress, (uint32_t)story->demo.steps, story->demo.json);
    GM_TRY(job_watch(story, err));
    if (story->liar_started && !story->liar_found)
        GM_TRY(banned_look(story, err));
    GM_TRY(gm_demo_path(&story->demo, "model", NULL, path, err));
    return gm_market_fetch(&story->demo.market, story->job, path, &story->market_params, &step,
                           err);
}

static enum gm_status story_tell(struct story *story, const char *folder, struct gm_error *err)
{
    GM_TRY(gm_stop_start(&story->stop, (struct gm_stop_calls){.ctx = NULL}, err));
    story->stopping = true;
    GM_TRY(gm_demo_stage(&story->demo, folder, err));
    enum gm_status status = gm_demo_start(&story->demo, err);
    if (status == GM_OK)
        status = market_tell(story, err);
    gm_demo_stop(&story->demo);
    if (status != GM_OK)
        return gm_error_at(err, status, "%s (logs are kept there)", story->demo.folder);
    tell(story, "the same job alone, in one process, for comparison...");
    GM_TRY(alone_run(story, err));
    if (!gm_hash_equal(&story->market_params, &story->alone_params))
        return gm_error_set(err, GM_INTERNAL,
                            "the market's weights are not those of the job alone; %s has both",
                            story->demo.folder);
    if (story->demo.json) {
        end_print_json(story);
        return GM_OK;
    }
    GM_TRY(text_generate(story, err));
    end_tell(story);
    return GM_OK;
}

static enum gm_status demo_run(const struct gm_args *args, struct gm_error *err)
{
    static struct story story; /* some 40 KiB: too much for a stack, and there is one story */
    story = (struct story){.start_ns = gm_clock_monotonic_ns()};
    story.demo.json = gm_args_has(args, "--json");
    GM_TRY(gm_args_u64(args, "--workers", 1, GM_DEMO_WORKERS_MAX, &story.demo.worker_count, err));
    GM_TRY(gm_args_u64(args, "--steps", 4, 100000, &story.demo.steps, err));
    GM_TRY(gm_args_u64(args, "--seed", 0, INT64_MAX, &story.demo.seed, err));
    enum gm_status status = story_tell(&story, gm_args_value(args, "--dir"), err);
    if (story.stopping)
        gm_stop_end(&story.stop);
    return status;
}

static const struct gm_option demo_options[] = {
    {"--workers", "N", "workers beside the house's", "3"},
    {"--steps", "N", "training steps", "100"},
    {"--seed", "N", "of the weights and of the samples' order", "1"},
    {"--dir", "DIR", "a new folder for all of it", "gradmill-demo"},
    {"--json", NULL, "one JSON object per step, and one with the result", NULL},
    {NULL, NULL, NULL, NULL},
};

const struct gm_verb gm_verb_demo = {
    .text = {.name = "demo",
             .usage = "[options]",
             .summary = "see it work: a small market on this machine",
             .details =
                 "Starts a broker and workers as processes of their own on 127.0.0.1. On the "
                 "way one worker\nis killed and one that lies joins; at the end the weights "
                 "are compared with those of the\nsame job run alone.",
             .options = demo_options,
             .operands_min = 0,
             .operands_max = 0},
    .run = demo_run,
};
