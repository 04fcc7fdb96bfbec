/* Model configs, up to the gradient program that a small one gives. */
#include "again.h"
#include "model/train_programs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* A model that is accepted has programs, or a reason why not. */
static void program_try(const struct gm_model *model)
{
    struct gm_error err = {0};
    struct gm_program *program = NULL;
    for (uint32_t i = 0; i < model->param_count; i++)
        assert(gm_model_param_find(model, model->params[i].name) == i);
    if (model->param_count > 64) /* a matter of time alone */
        return;
    enum gm_status status = gm_train_grad_program(model, 2, 2, &program, &err);
    if (status == GM_OK)
        assert(program->output_count == 2 + model->param_count);
    else
        fuzz_refused(status, &err);
    gm_program_free(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_json *doc = NULL;
    enum gm_status status = gm_json_parse("config.json", input, &doc, &err);
    if (status != GM_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    struct gm_model *model = NULL;
    status = gm_model_new(doc, true, &model, &err);
    if (status == GM_OK)
        program_try(model);
    else
        fuzz_refused(status, &err);
    gm_model_free(model);
    gm_json_free(doc);
    return 0;
}
