/* What the documents and examples show can be run: every example job with its config, and the job
   that docs/job-file.md prints. */
#include "gm_test.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "model/job_file.h"

Test(examples, every_job_fits_its_model_and_gives_its_programs)
{
    static const char *const names[] = {"bytes-gpt", "bytes-llama", "mlp", "convnet"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        struct gm_error err = {0};
        struct gm_job *job;
        struct gm_model *model;
        struct gm_program *program;
        (void)snprintf(path, sizeof path, "%s/examples/%s/job.json", GM_SOURCE_FOLDER, names[i]);
        cr_assert_eq(gm_job_load(path, &job, &err), GM_OK, "%s", err.text);
        cr_assert_eq(gm_job_model_load(job, &model, &err), GM_OK, "%s", err.text);
        cr_assert_eq(gm_train_grad_program(model, job->train.batch / job->train.shards,
                                           job->train.seq, &program, &err),
                     GM_OK, "%s", err.text);
        gm_program_free(program);
        cr_assert_eq(gm_train_update_program(model, &job->train.update, &program, &err), GM_OK,
                     "%s", err.text);
        gm_program_free(program);
        gm_model_free(model);
        gm_job_free(job);
    }
}

Test(examples, the_documented_job_is_read)
{
    struct gm_error err = {0};
    struct gm_buf page;
    gm_buf_init(&page, 1 << 20);
    cr_assert_eq(gm_file_read(GM_SOURCE_FOLDER "/docs/job-file.md", &page, &err), GM_OK);
    gm_buf_append(&page, "", 1);
    const char *start = strstr((const char *)page.data, "```json\n");
    cr_assert_not_null(start);
    start += strlen("```json\n");
    const char *end = strstr(start, "```");
    cr_assert_not_null(end);
    struct gm_job *job;
    cr_assert_eq(gm_job_parse("job.json",
                              (struct gm_bytes){(const uint8_t *)start, (size_t)(end - start)},
                              &job, &err),
                 GM_OK, "%s", err.text);
    cr_assert_str_eq(job->model.weights, "model.safetensors");
    cr_assert_float_eq(job->train.update.schedule.min_lr, 3e-5, 0);
    gm_job_free(job);
    gm_buf_fini(&page);
}
