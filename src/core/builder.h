/* The builder's state, shared by the files that build: builder.c, finish.c, autodiff.c. */
#ifndef GM_CORE_BUILDER_H
#define GM_CORE_BUILDER_H

#include "core/program.h"

/* Who writes a value: input `owner`, or node `owner`. */
struct gm_builder_value {
    struct gm_tensor_desc desc;
    uint32_t owner;
    bool is_input;
};

struct gm_builder_list {
    void *items;
    uint32_t count;
    uint32_t capacity;
};

/* Values are numbered in the order of their making; finish puts the inputs first. */
struct gm_builder {
    struct gm_error fault; /* the first; status GM_OK: none */
    struct gm_builder_list values;
    struct gm_builder_list inputs;       /* struct gm_input */
    struct gm_builder_list input_values; /* gm_value of every input */
    struct gm_builder_list nodes;        /* struct gm_node */
    struct gm_builder_list outputs;      /* struct gm_output */
    struct gm_builder_list carries;      /* struct gm_carry */
};

static inline struct gm_builder_value *gm_builder_values(const struct gm_builder *builder)
{
    return builder->values.items;
}

static inline struct gm_node *gm_builder_nodes(const struct gm_builder *builder)
{
    return builder->nodes.items;
}

/* Checks what a shape rule cannot see: names, sources of fixed shape, carries, counts. Serves
   builder and decoder. */
enum gm_status gm_program_check(const struct gm_program *program, struct gm_error *err) GM_MUST_USE;

/* An empty program with room for these counts; counts are set. NULL without memory. */
struct gm_program *gm_program_new(uint32_t input_count, uint32_t node_count, uint32_t output_count,
                                  uint32_t carry_count, uint32_t value_count);

#endif
