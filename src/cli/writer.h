/* A trained token model that continues sequences: its weights on a device, and the next token's
   logits for a window of the tokens so far.

   Threads: one at a time. */
#ifndef GM_CLI_WRITER_H
#define GM_CLI_WRITER_H

#include "backend/exec.h"
#include "model/model.h"

struct gm_writer {
    struct gm_device *device; /* not owned */
    struct gm_model *model;
    uint32_t window;            /* tokens it looks back on at most */
    struct gm_buffer **weights; /* one per parameter */
    /* For windows of `size` tokens: made anew when the text outgrows it. */
    uint32_t size;
    struct gm_program *program;
    struct gm_exec *exec;
    struct gm_buffer *tokens;  /* u32 (1, size) */
    struct gm_buffer *logits;  /* f32 (size, vocab) */
    struct gm_buffer **inputs; /* weights, then tokens */
};

/* `path` is a model.safetensors with config.json beside it, or the folder of both. `window` 0: all
   positions of the model. GM_UNSUPPORTED: not a model of tokens. On failure nothing is held. */
enum gm_status gm_writer_open(const char *path, uint32_t window, struct gm_device *device,
                              struct gm_writer *out, struct gm_error *err) GM_MUST_USE;
void gm_writer_close(struct gm_writer *writer);

/* The logits (vocab) that follow the last of `count` tokens (at least 1), each below the
   vocabulary; only the last `window` of them are looked at. The result depends on nothing else:
   the same on every device, with any number of threads. */
enum gm_status gm_writer_logits(struct gm_writer *writer, const uint32_t *tokens, size_t count,
                                float *logits, struct gm_error *err) GM_MUST_USE;

#endif
