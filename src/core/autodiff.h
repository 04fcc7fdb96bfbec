/* Reverse-mode differentiation on the builder: adds the backward operations to the program that is
   being built. Operation descriptions contribute their rule through struct gm_grad. */
#ifndef GM_CORE_AUTODIFF_H
#define GM_CORE_AUTODIFF_H

#include "core/program.h"

/* Gradients of `loss` (f32 (1)) with respect to `wanted_count` values, in `gradients`; a value that
   does not influence the loss gets a FILL of zeros.

   Part of the exact result: nodes are visited last to first, inputs of one node in their order;
   where a value is used more than once its gradients are added in that order, each as
   ADD(sum so far, next). One exception: when the uses that lead to the loss are 1 to 8 SLICE_COLS
   that, in the order of the program, cover the value from its first column to its last, the
   gradient is one CONCAT_COLS of theirs (for a single slice: that itself), without zeros to add.

   Only f32 values have gradients. Faults (a loss that is not f32 (1), an operation on the way that
   has no rule) go to the builder. */
void gm_autodiff(struct gm_builder *builder, gm_value loss, uint32_t wanted_count,
                 const gm_value *wanted, gm_value *gradients);

/* What a rule sees: the node, and the gradient of each of its outputs. It answers every input that
   is wanted with a value of the input's shape, or fails; answers that are not wanted are ignored.
 */
struct gm_grad {
    struct gm_builder *builder;
    const struct gm_node *node;
    gm_value output_gradients[GM_OP_OUTPUTS_MAX]; /* GM_VALUE_NONE: no influence on the loss */
    gm_value input_gradients[GM_OP_INPUTS_MAX];   /* the rule's answer; NONE where there is none */
    bool wanted[GM_OP_INPUTS_MAX];                /* false: nobody needs this input's gradient */
};

#endif
