#include "lab.h"

#include "gm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/train_programs.h"
#include "trust/blake3.h"

static const char model_text[] = "{\"model_type\": \"gradmill-mlp\", \"inputs\": 3, \"hidden\": [],"
                                 " \"outputs\": 2, \"loss\": \"mse\"}";

static struct gm_hash file_add(struct gm_lab *lab, struct gm_bytes bytes)
{
    struct gm_lab_file *file = &lab->files[lab->file_count++];
    cr_assert(lab->file_count <= GM_LAB_FILES_MAX);
    file->data = malloc(bytes.size_bytes);
    file->size_bytes = bytes.size_bytes;
    memcpy(file->data, bytes.data, bytes.size_bytes);
    file->root = gm_blake3(bytes.data, bytes.size_bytes);
    return file->root;
}

static struct gm_hash program_add(struct gm_lab *lab, struct gm_program *program)
{
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_PROGRAM_ENCODED_MAX);
    cr_assert_eq(gm_program_encode(program, &bytes), GM_OK);
    struct gm_hash root = file_add(lab, gm_buf_view(&bytes));
    gm_buf_fini(&bytes);
    gm_program_free(program);
    return root;
}

/* A data set: its name's text, and zeros up to the size asked for. */
static struct gm_hash data_add(struct gm_lab *lab, const char *what, size_t size_bytes)
{
    char text[160];
    int length = snprintf(text, sizeof text, "%s %s", lab->options.name, what);
    if (size_bytes < (size_t)length)
        size_bytes = (size_t)length;
    uint8_t *bytes = calloc(1, size_bytes);
    memcpy(bytes, text, (size_t)length);
    struct gm_hash root = file_add(lab, (struct gm_bytes){bytes, size_bytes});
    free(bytes);
    return root;
}

static struct gm_slice slice_make(struct gm_lab *lab, const char *what, size_t size_bytes,
                                  uint64_t width)
{
    uint64_t dims[2] = {1000, width};
    return (struct gm_slice){
        .kind = GM_SLICE_ROWS,
        .root = data_add(lab, what, size_bytes),
        .desc = gm_tensor_desc_make(GM_DTYPE_F32, 2, dims),
        .samples_total = 900,
        .count = 4,
        .shuffle = true,
        .order_seed = 7,
    };
}

/* Which reductions the graph needs. */
static void reductions_add(struct gm_lab *lab, const struct gm_model *model)
{
    struct gm_recipe *recipe = &lab->recipe;
    for (uint32_t level = 1; level <= gm_graph_levels(recipe); level++) {
        for (uint32_t i = 0; i < gm_graph_width(recipe, level); i++) {
            struct gm_task_id id = {GM_TASK_REDUCE, 0, level, i};
            struct gm_program *program;
            static const struct gm_hash none;
            uint32_t first;
            uint32_t count;
            gm_graph_operands(recipe, id, &first, &count);
            if (count < 2 || !gm_hash_equal(&recipe->reduce_programs[count], &none))
                continue;
            cr_assert_eq(gm_train_reduce_program(model, count, &program, NULL), GM_OK);
            recipe->reduce_programs[count] = program_add(lab, program);
        }
    }
}

static void programs_add(struct gm_lab *lab, const struct gm_model *model)
{
    struct gm_recipe *recipe = &lab->recipe;
    struct gm_update_config update = {.optimizer = {.kind = GM_OPTIMIZER_SGD, .lr = 0.1}};
    struct gm_program *program;
    struct gm_error err = {.text = ""};
    uint64_t batch = recipe->samples_per_step / recipe->shard_count;
    update.schedule.total_steps = recipe->step_count;
    cr_assert_eq(gm_train_init_program(model, GM_OPTIMIZER_SGD, lab->options.given, &program, &err),
                 GM_OK, "%s", err.text);
    recipe->init_program = program_add(lab, program);
    cr_assert_eq(gm_train_grad_program(model, batch, 0, &program, &err), GM_OK, "%s", err.text);
    recipe->gradient_program = program_add(lab, program);
    cr_assert_eq(gm_train_update_program(model, &update, &program, &err), GM_OK, "%s", err.text);
    recipe->update_program = program_add(lab, program);
    if (recipe->evaluate_every != 0) {
        cr_assert_eq(gm_train_eval_program(model, 4, 0, &program, &err), GM_OK, "%s", err.text);
        recipe->evaluate_program = program_add(lab, program);
    }
    reductions_add(lab, model);
}

static enum gm_status lookup(void *ctx, const struct gm_hash *name, struct gm_bytes *out,
                             struct gm_error *err)
{
    const struct gm_lab *lab = ctx;
    for (size_t i = 0; i < lab->file_count; i++) {
        if (gm_hash_equal(&lab->files[i].root, name)) {
            *out = (struct gm_bytes){lab->files[i].data, lab->files[i].size_bytes};
            return GM_OK;
        }
    }
    return gm_error_set(err, GM_NOT_FOUND, "no such file");
}

static void recipe_add(struct gm_lab *lab)
{
    struct gm_error err = {.text = ""};
    struct gm_buf bytes;
    gm_buf_init(&bytes, GM_RECIPE_ENCODED_MAX);
    cr_assert_eq(gm_recipe_check(&lab->recipe, &err), GM_OK, "%s", err.text);
    cr_assert_eq(gm_recipe_encode(&lab->recipe, &bytes), GM_OK);
    lab->recipe_root = file_add(lab, gm_buf_view(&bytes));
    gm_buf_fini(&bytes);
    struct gm_blob_lookup files = {lab, lookup};
    cr_assert_eq(gm_recipe_programs_load(&lab->recipe, &files, &lab->programs, &err), GM_OK, "%s",
                 err.text);
}

void gm_lab_init(struct gm_lab *lab, const struct gm_lab_options *options)
{
    struct gm_json *json;
    struct gm_model *model;
    struct gm_error err = {.text = ""};
    struct gm_bytes text = {(const uint8_t *)model_text, sizeof model_text - 1};
    memset(lab, 0, sizeof *lab);
    lab->options = *options;
    cr_assert_eq(gm_json_parse("model", text, &json, &err), GM_OK, "%s", err.text);
    cr_assert_eq(gm_model_new(json, false, &model, &err), GM_OK, "%s", err.text);
    gm_json_free(json);
    struct gm_recipe *recipe = &lab->recipe;
    snprintf(recipe->name, sizeof recipe->name, "%s", options->name);
    recipe->seed = options->seed;
    recipe->step_count = options->step_count;
    recipe->shard_count = options->shard_count;
    recipe->fanin = GM_RECIPE_FANIN;
    recipe->fanin = options->fanin != 0 ? options->fanin : 8;
    recipe->samples_per_step = options->shard_count * 2;
    recipe->param_count = model->param_count;
    recipe->state_count = model->param_count * 2;
    recipe->checkpoint_every = options->checkpoint_every;
    recipe->evaluate_every = options->evaluate_every;
    recipe->tokens_per_sample = 1;
    recipe->replay_ppm = options->replay_ppm;
    recipe->train[0] = slice_make(lab, "x", options->data_bytes, 3);
    recipe->train[1] = slice_make(lab, "y", 0, 2);
    recipe->evaluate[0] = recipe->train[0];
    recipe->evaluate[1] = recipe->train[1];
    if (options->given) {
        recipe->given_count = recipe->param_count;
        recipe->given = calloc(recipe->given_count, sizeof *recipe->given);
        for (uint32_t i = 0; i < recipe->given_count; i++) {
            char what[40];
            snprintf(what, sizeof what, "parameter %u", i);
            recipe->given[i] = data_add(lab, what, 0);
        }
    }
    programs_add(lab, model);
    gm_model_free(model);
    recipe_add(lab);
}

void gm_lab_fini(struct gm_lab *lab)
{
    for (size_t i = 0; i < lab->file_count; i++)
        free(lab->files[i].data);
    gm_recipe_programs_fini(&lab->programs);
    gm_recipe_fini(&lab->recipe);
}

struct gm_hash gm_lab_output(const struct gm_hash *task, uint32_t index, uint64_t liar)
{
    uint8_t text[GM_HASH_SIZE + 12];
    memcpy(text, task->bytes, GM_HASH_SIZE);
    gm_store_u32(text + GM_HASH_SIZE, index);
    gm_store_u64(text + GM_HASH_SIZE + 4, liar);
    return gm_blake3(text, sizeof text);
}

const struct gm_program *gm_lab_program(const struct gm_lab *lab, const struct gm_hash *name)
{
    const struct gm_recipe *recipe = &lab->recipe;
    if (gm_hash_equal(name, &recipe->init_program))
        return lab->programs.init;
    if (gm_hash_equal(name, &recipe->gradient_program))
        return lab->programs.gradient;
    if (gm_hash_equal(name, &recipe->update_program))
        return lab->programs.update;
    if (gm_hash_equal(name, &recipe->evaluate_program))
        return lab->programs.evaluate;
    for (int i = 0; i <= GM_RECIPE_FANIN; i++) {
        if (lab->programs.reduce[i] != NULL && gm_hash_equal(name, &recipe->reduce_programs[i]))
            return lab->programs.reduce[i];
    }
    return NULL;
}

bool gm_lab_diverges(const struct gm_lab *lab, const struct gm_task *task)
{
    const struct gm_recipe *recipe = &lab->recipe;
    if (!gm_hash_equal(&task->program, &recipe->gradient_program) ||
        task->step != lab->options.diverge_step)
        return false;
    for (uint32_t i = 0; i < task->input_count; i++) {
        if (task->inputs[i].kind == GM_TASK_INPUT_SLICE)
            return task->inputs[i].slice.position ==
                   (uint64_t)task->step * recipe->samples_per_step;
    }
    return false;
}

/* ---- the job alone ---- */

struct results {
    struct gm_hash *roots;
    size_t count;
};

static struct results run(const struct gm_lab *lab, struct gm_task_id id,
                          const struct results *inputs)
{
    const struct gm_program *program = gm_graph_program(&lab->recipe, &lab->programs, id);
    struct results results = {calloc(program->output_count, sizeof(struct gm_hash)),
                              program->output_count};
    struct gm_task task;
    struct gm_hash name;
    cr_assert_eq(
        gm_graph_task(&lab->recipe, &lab->programs, id, inputs->roots, inputs->count, &task),
        GM_OK);
    cr_assert_eq(gm_task_hash(&task, &name), GM_OK);
    gm_task_fini(&task);
    for (uint32_t i = 0; i < program->output_count; i++)
        results.roots[i] = gm_lab_output(&name, i, 0);
    return results;
}

static void join(struct results *to, const struct gm_hash *roots, size_t count)
{
    to->roots = realloc(to->roots, (to->count + count) * sizeof *roots);
    memcpy(to->roots + to->count, roots, count * sizeof *roots);
    to->count += count;
}

/* Result (level, index) of a step, by recursion over the tree. */
static struct results result(const struct gm_lab *lab, uint32_t step, const struct results *params,
                             uint32_t level, uint32_t index)
{
    struct gm_task_id id = gm_graph_result(&lab->recipe, step, level, index);
    if (id.kind == GM_TASK_GRADIENT)
        return run(lab, id, params);
    struct results operands = {NULL, 0};
    uint32_t first;
    uint32_t count;
    gm_graph_operands(&lab->recipe, id, &first, &count);
    for (uint32_t i = first; i < first + count; i++) {
        struct results operand = result(lab, step, params, id.level - 1, i);
        join(&operands, operand.roots, operand.count);
        free(operand.roots);
    }
    struct results reduced = run(lab, id, &operands);
    free(operands.roots);
    return reduced;
}

void gm_lab_alone(const struct gm_lab *lab, uint32_t step, struct gm_hash *out)
{
    const struct gm_recipe *recipe = &lab->recipe;
    struct results none = {NULL, 0};
    struct results made = run(lab, (struct gm_task_id){GM_TASK_INIT, 0, 0, 0}, &none);
    for (uint32_t i = 0; i < recipe->state_count; i++)
        out[i] = i < recipe->given_count ? recipe->given[i] : made.roots[i - recipe->given_count];
    free(made.roots);
    for (uint32_t s = 0; s < step; s++) {
        struct results params = {out, recipe->param_count};
        struct results reduced = result(lab, s, &params, gm_graph_levels(recipe), 0);
        struct results inputs = {NULL, 0};
        join(&inputs, out, recipe->state_count);
        join(&inputs, reduced.roots, reduced.count);
        struct results updated = run(lab, (struct gm_task_id){GM_TASK_UPDATE, s, 0, 0}, &inputs);
        memcpy(out, updated.roots, recipe->state_count * sizeof *out);
        free(reduced.roots);
        free(inputs.roots);
        free(updated.roots);
    }
}
