/* The memory plan: where every value that is neither input nor output of the program lives in one
   arena. Inputs and outputs are buffers of the caller, so that weights stay on the device between
   tasks. Values whose lifetimes do not meet share bytes; an operation that allows it writes in
   place. */
#ifndef GM_CORE_PLAN_H
#define GM_CORE_PLAN_H

#include "core/program.h"

enum { GM_PLAN_ALIGN_BYTES = 256 };

enum gm_place {
    GM_PLACE_ARENA,
    GM_PLACE_INPUT,  /* `index` is the program's input */
    GM_PLACE_OUTPUT, /* `index` is the program's output (the first one that names the value) */
    GM_PLACE_NOWHERE /* written by an operation, read by none: still needs room while it runs */
};

struct gm_plan_value {
    enum gm_place place;
    uint32_t index;
    uint64_t offset_bytes; /* in the arena, a multiple of GM_PLAN_ALIGN_BYTES */
};

struct gm_plan {
    const struct gm_program *program; /* not owned, must outlive the plan */
    struct gm_plan_value *values;     /* value_count */
    uint64_t arena_bytes;
    uint64_t
        peak_bytes; /* most bytes of the arena's values alive at once: arena_bytes' lower bound */
    uint64_t input_bytes;
    uint64_t output_bytes;
};

/* pin_committed: values with a commit bit keep their bytes to the end, for audits. An output that
   is also an input, or is named twice, is copied by the caller of the device (backend/exec.h). */
enum gm_status gm_plan_new(const struct gm_program *program, bool pin_committed,
                           struct gm_plan **out, struct gm_error *err) GM_MUST_USE;
void gm_plan_free(struct gm_plan *plan);

#endif
