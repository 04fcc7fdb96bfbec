/* The graph of tasks that a recipe yields, step after step. Pure: no state of its own. Alone in one
   process or by a market of many, these functions say what there is to do.

   Reductions: level 0 are the gradient results, one per shard; a reduction of level l adds up to
   `fanin` results of level l - 1, aligned blocks in order. A block of one needs no task: it is its
   operand.
 */
#ifndef GM_JOB_GRAPH_H
#define GM_JOB_GRAPH_H

#include "job/recipe.h"

/* Numbers are stable: they are in stored records. */
enum gm_task_kind {
    GM_TASK_INIT = 1,
    GM_TASK_GRADIENT = 2,
    GM_TASK_REDUCE = 3,
    GM_TASK_UPDATE = 4,
    GM_TASK_EVALUATE = 5,
};

struct gm_task_id {
    enum gm_task_kind kind;
    uint32_t step;
    uint32_t level; /* GRADIENT 0, REDUCE 1..., others 0 */
    uint32_t index; /* shard, or block; others 0 */
};

const char *gm_task_kind_name(enum gm_task_kind kind);
bool gm_task_id_equal(struct gm_task_id a, struct gm_task_id b);

/* Levels of reduction: 0 for one shard. Results at a level: shard_count at level 0, 1 at the top.
 */
uint32_t gm_graph_levels(const struct gm_recipe *recipe);
uint32_t gm_graph_width(const struct gm_recipe *recipe, uint32_t level);

/* The task whose outputs are result `index` of `level`: follows blocks of one down to their task.
 */
struct gm_task_id gm_graph_result(const struct gm_recipe *recipe, uint32_t step, uint32_t level,
                                  uint32_t index);
/* Operands of a REDUCE: results first ... first + count - 1 of the level below. */
void gm_graph_operands(const struct gm_recipe *recipe, struct gm_task_id id, uint32_t *first,
                       uint32_t *count);

/* The name of the program that a task runs, the program itself, and its number of outputs. */
const struct gm_hash *gm_graph_program_name(const struct gm_recipe *recipe, struct gm_task_id id);
const struct gm_program *gm_graph_program(const struct gm_recipe *recipe,
                                          const struct gm_recipe_programs *programs,
                                          struct gm_task_id id);

/* Whether the step's state is evaluated: every evaluate_every steps, and after the last step. */
bool gm_graph_evaluates(const struct gm_recipe *recipe, uint32_t step);

/* The task itself. `tensors` are the roots it consumes, in this order:
     GRADIENT, EVALUATE: the parameters;
     REDUCE: every operand's outputs, operand after operand;
     UPDATE: the whole state, then the reduced outputs;
     INIT: none.
   `tensor_count` must be what the program takes, else GM_INTERNAL. */
enum gm_status gm_graph_task(const struct gm_recipe *recipe,
                             const struct gm_recipe_programs *programs, struct gm_task_id id,
                             const struct gm_hash *tensors, size_t tensor_count,
                             struct gm_task *out) GM_MUST_USE;

/* GRADIENT's, REDUCE's and EVALUATE's outputs begin with loss and count. UPDATE's are the new
   state, then the step's mean loss and the squared norm of its gradient. */
enum { GM_OUTPUT_LOSS = 0, GM_OUTPUT_COUNT = 1, GM_OUTPUT_GRADIENTS = 2 };
enum { GM_UPDATE_MEAN_LOSS = 0, GM_UPDATE_GRAD_SQUARES = 1, GM_UPDATE_FIGURES = 2 };

#endif
