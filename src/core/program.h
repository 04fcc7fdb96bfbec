/* A program: a straight list of operations with static shapes, forward and backward already in it,
   no control flow. Inputs come first in the list of values, then every operation's outputs in
   order; a value is written once.

   Threads: a finished program is constant and may be shared; a builder belongs to one thread.
   Encoding: deterministic CBOR, docs/format-program.md; the program's name is the BLAKE3 of it. */
#ifndef GM_CORE_PROGRAM_H
#define GM_CORE_PROGRAM_H

#include "base/bytes.h"
#include "core/op.h"
#include "trust/hash.h"

enum {
    GM_PROGRAM_INPUTS_MAX = 1 << 14,
    GM_PROGRAM_OUTPUTS_MAX = 1 << 14,
    GM_PROGRAM_NODES_MAX = 1 << 17,
    GM_PROGRAM_NAME_MAX = 128, /* bytes of an input's or output's name */
    GM_PROGRAM_ENCODED_MAX = 16 << 20,
};

/* Index of a value. */
typedef uint32_t gm_value;
#define GM_VALUE_NONE UINT32_MAX

/* Where an input comes from. Numbers are stable. */
enum gm_source {
    GM_SOURCE_TENSOR = 1,    /* named by root in the task */
    GM_SOURCE_DATA = 2,      /* a slice of a data set, described in the task */
    GM_SOURCE_STEP = 3,      /* u32 (1): the task's step + the iteration */
    GM_SOURCE_ITERATION = 4, /* u32 (1): 0, 1, ... within the task */
    GM_SOURCE_SEED = 5,      /* u32 (2): the task's seed, low word first */
};

struct gm_input {
    enum gm_source source;
    struct gm_tensor_desc desc;
    char name[GM_PROGRAM_NAME_MAX + 1]; /* 1 to 128 bytes of UTF-8 without control characters */
};

struct gm_output {
    gm_value value;
    char name[GM_PROGRAM_NAME_MAX + 1];
};

/* After an iteration output `output` becomes input `input` of the next one: equal in type and
   shape, the input's source is TENSOR, and an input is carried to at most once. */
struct gm_carry {
    uint32_t output;
    uint32_t input;
};

struct gm_node {
    enum gm_op op;
    uint32_t input_count;
    gm_value inputs[GM_OP_INPUTS_MAX];
    gm_value output_first; /* its outputs are consecutive values */
    uint32_t dim_count;
    uint8_t commit; /* bit j: output j's root is in the trace */
    uint64_t attrs[GM_OP_ATTRS_MAX];
    uint64_t dims[GM_RANK_MAX];
};

struct gm_program {
    uint32_t input_count;
    uint32_t node_count;
    uint32_t output_count;
    uint32_t carry_count;
    uint32_t value_count;
    struct gm_input *inputs;
    struct gm_node *nodes;
    struct gm_output *outputs;
    struct gm_carry *carries;
    struct gm_tensor_desc *values; /* every value's type and shape; none is empty */
};

void gm_program_free(struct gm_program *program); /* NULL is allowed */

/* Deterministic bytes, appended to `out`. */
enum gm_status gm_program_encode(const struct gm_program *program, struct gm_buf *out) GM_MUST_USE;
/* Strict: refuses what does not encode to the same bytes, unknown operations, wrong shapes, values
   used before they are written. Every length is bounded. */
enum gm_status gm_program_decode(struct gm_bytes bytes, struct gm_program **out,
                                 struct gm_error *err) GM_MUST_USE;
enum gm_status gm_program_hash(const struct gm_program *program, struct gm_hash *hash) GM_MUST_USE;

/* Total cost of one iteration in floating-point operations; saturates. */
uint64_t gm_program_flops(const struct gm_program *program);

/* Index of the input or output with this name, or UINT32_MAX. */
uint32_t gm_program_input_find(const struct gm_program *program, const char *name);
uint32_t gm_program_output_find(const struct gm_program *program, const char *name);

/* ---- building ----
   Errors are sticky: build freely; the first fault is kept with its text and reported by
   gm_builder_finish. After a fault every call returns GM_VALUE_NONE and does nothing. */
struct gm_builder *gm_builder_new(void); /* NULL without memory */
void gm_builder_free(struct gm_builder *builder);

gm_value gm_builder_input(struct gm_builder *builder, enum gm_source source, const char *name,
                          struct gm_tensor_desc desc);
/* Adds a node; returns its first output (output j is that + j, and adding is
   harmless after a fault, since nothing is built any more). `attrs` has as many entries as the
   description lists (NULL when none), `dims` only for operations that have them. */
gm_value gm_builder_node(struct gm_builder *builder, enum gm_op op, uint32_t input_count,
                         const gm_value *inputs, const uint64_t *attrs, uint32_t dim_count,
                         const uint64_t *dims);
void gm_builder_output(struct gm_builder *builder, const char *name, gm_value value);
void gm_builder_carry(struct gm_builder *builder, uint32_t output, uint32_t input);
void gm_builder_fail(struct gm_builder *builder, enum gm_status status, const char *format, ...)
    GM_PRINTF(3, 4);

/* GM_OK, or the kind of the first fault. */
enum gm_status gm_builder_status(const struct gm_builder *builder);
/* The description of a value so far; NULL for GM_VALUE_NONE or after a fault. Valid until the next
   node is added. */
const struct gm_tensor_desc *gm_builder_desc(const struct gm_builder *builder, gm_value value);

/* Drops nodes that no output needs, sets the commit bits (all outputs of heavy operations and all
   program outputs), renumbers, and hands the program over. Inputs and outputs keep their order and
   number, inputs that nobody reads included. Frees the builder in every case. */
enum gm_status gm_builder_finish(struct gm_builder *builder, struct gm_program **out,
                                 struct gm_error *err) GM_MUST_USE;

#endif
