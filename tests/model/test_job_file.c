/* The job file: mistakes are refused with file, line, field, value and what was expected. */
#include "gm_test.h"

#include "gm_folder.h"
#include "model/job_file.h"

/* One good job, a line per field, so that a mistake can be put on any of them. */
static const char *const good[] = {
    "{ \"name\": \"bytes-gpt\",",                                        /* 1 */
    "  \"model\":   { \"config\": \"config.json\", \"init_seed\": 5 },", /* 2 */
    "  \"data\":    { \"kind\": \"bytes\", \"path\": \"c/*\",",          /* 3 */
    "               \"validation\": 0.05 },",                            /* 4 */
    "  \"train\":   { \"steps\": 200,",                                  /* 5 */
    "               \"batch\": 32,",                                     /* 6 */
    "               \"seq\": 128,",                                      /* 7 */
    "               \"shards\": 4, \"dropout\": 0,",                     /* 8 */
    "     \"optimizer\": { \"name\": \"adamw\", \"lr\": 3e-4,",          /* 9 */
    "                    \"betas\": [0.9, 0.95] },",                     /* 10 */
    "     \"schedule\": { \"name\": \"cosine\", \"min_lr\": 3e-5,",      /* 11 */
    "                   \"warmup\": 20 } },",                            /* 12 */
    "  \"verify\":  { \"replay\": 0.5 },",                               /* 13 */
    "  \"profile\": \"exact-f32/1\" }",                                  /* 14 */
};
enum { LINES = sizeof good / sizeof *good };

/* The good job with line `line` (from 1; 0: none) replaced. */
static enum gm_status parse(unsigned line, const char *replacement, struct gm_job **out,
                            struct gm_error *err)
{
    char text[4096] = "";
    size_t size = 0;
    for (unsigned i = 0; i < LINES; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s\n",
                                 i + 1 == line ? replacement : good[i]);
    return gm_job_parse("jobs/job.json", (struct gm_bytes){(const uint8_t *)text, size}, out, err);
}

Test(job_file, a_good_job_is_read_with_its_defaults)
{
    struct gm_error err = {0};
    struct gm_job *job;
    cr_assert_eq(parse(0, NULL, &job, &err), GM_OK, "%s", err.text);
    cr_assert_str_eq(job->name, "bytes-gpt");
    cr_assert_eq(job->model.init_seed, 5);
    cr_assert_null(job->model.weights);
    cr_assert_eq(job->data.kind, GM_DATA_BYTES);
    cr_assert_float_eq(job->data.validation, 0.05, 0);
    cr_assert_eq(job->train.steps, 200);
    cr_assert_eq(job->train.shards, 4);
    cr_assert_eq(job->train.seed, 1);
    cr_assert_eq(job->train.eval_every, 10);
    cr_assert(job->train.dropout_off);
    const struct gm_update_config *update = &job->train.update;
    cr_assert_eq(update->optimizer.kind, GM_OPTIMIZER_ADAMW);
    cr_assert_float_eq(update->optimizer.beta2, 0.95, 0);
    cr_assert_float_eq(update->optimizer.eps, 1e-8, 0);
    cr_assert_eq(update->schedule.kind, GM_SCHEDULE_COSINE);
    cr_assert_eq(update->schedule.total_steps, 200);
    cr_assert_float_eq(update->clip_norm, 0, 0);
    cr_assert_float_eq(job->verify.replicate, 0.01, 0);
    char *path = gm_job_path(job, "config.json");
    cr_assert_str_eq(path, "jobs/config.json");
    free(path);
    path = gm_job_path(job, "/abs");
    cr_assert_str_eq(path, "/abs");
    free(path);
    gm_job_free(job);
}

Test(job_file, mistakes_are_refused_with_their_line)
{
    /* clang-format off */
    static const struct {
        unsigned line;
        const char *text, *message;
    } cases[] = {
        {6, "\"batch\": 0,",
         "jobs/job.json:6: train.batch: 0 is out of range (expected 1 to 65536)"},
        {6, "\"batch\": -3,",
         "jobs/job.json:6: train.batch: -3 is out of range (expected 1 to 65536)"},
        {6, "\"batch\": \"32\",", "jobs/job.json:6: train.batch: \"32\" is not a whole number"},
        {6, "\"bacth\": 32,",
         "jobs/job.json:6: train.bacth: unknown field, did you mean \"batch\"?"},
        {6, "", "jobs/job.json:5: train.batch: is missing"},
        {6, "\"batch\": 30,", "jobs/job.json:8: train.shards: 4 does not divide train.batch, 30"},
        {6, "\"batch\": 32, \"batch\": 32,",
         "jobs/job.json:6: not valid JSON: duplicate object key near '\"batch\"'"},
        {6, "\"batch\": 32 32,", "jobs/job.json:6: not valid JSON: '}' expected near '32'"},
        {1, "{ \"name\": \"../x\",",
         "jobs/job.json:1: name: \"../x\" is not a name (expected 1 to 64 letters, digits, "
         "'.', '_', '-', starting with a letter, digit or '_')"},
        {2, "\"model\": { \"config\": \"c\", \"weights\": \"w\", \"init_seed\": 1 },",
         "jobs/job.json:2: model.init_seed: has no use beside \"weights\"; leave one of them "
         "out"},
        {2, "\"model\": 5,", "jobs/job.json:2: model: expected an object: { ... }"},
        {3, "\"data\": { \"kind\": \"text\", \"path\": \"c\",",
         "jobs/job.json:3: data.kind: \"text\" is not supported (expected bytes|tokens|arrays)"},
        {3, "\"data\": { \"kind\": \"bytes\",", "jobs/job.json:3: data.path: is missing"},
        {3, "\"data\": { \"kind\": \"bytes\", \"path\": \"c\", \"x\": \"x.npy\",",
         "jobs/job.json:3: data.x: does not fit this kind of data (expected path)"},
        {3, "\"data\": { \"kind\": \"arrays\", \"x\": \"x.npy\", \"y\": \"y.npy\",",
         "jobs/job.json:7: train.seq: has no meaning for arrays"},
        {4, "\"validation\": 0.9 },",
         "jobs/job.json:4: data.validation: 0.9 is out of range (expected 0 to 0.5)"},
        {7, "", "jobs/job.json:5: train.seq: is missing"},
        {8, "\"dropout\": 0.1,",
         "jobs/job.json:8: train.dropout: 0.1 is not supported (expected 0)"},
        {9, "\"optimizer\": { \"name\": \"adam\", \"lr\": 1,",
         "jobs/job.json:9: train.optimizer.name: \"adam\" is no optimizer (expected adamw or "
         "sgd)"},
        {9, "\"optimizer\": { \"name\": \"sgd\", \"lr\": 1,",
         "jobs/job.json:10: train.optimizer.betas: unknown field"},
        {9, "\"optimizer\": { \"name\": \"adamw\",",
         "jobs/job.json:9: train.optimizer.lr: is missing"},
        {10, "\"betas\": [0.9, 1.0] },",
         "jobs/job.json:10: train.optimizer.betas: expected [beta1, beta2], both from 0 to "
         "0.9999999"},
        {11, "\"schedule\": { \"name\": \"cosine\", \"min_lr\": 3e-3,",
         "jobs/job.json:11: train.schedule.min_lr: 0.003 is out of range (expected 0 to "
         "0.0003)"},
        {12, "\"warmup\": 201 } },",
         "jobs/job.json:12: train.schedule.warmup: 201 is out of range (expected 0 to 200)"},
        {13, "\"verify\": { \"replay\": true },",
         "jobs/job.json:13: verify.replay: true is not a number"},
        {14, "\"profile\": \"fast/1\" }",
         "jobs/job.json:14: profile: \"fast/1\" is not supported (expected \"exact-f32/1\")"},
        {14, "\"profil\": 1 }",
         "jobs/job.json:14: profil: unknown field, did you mean \"profile\"?"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gm_error err = {0};
        struct gm_job *job;
        cr_assert_neq(parse(cases[i].line, cases[i].text, &job, &err), GM_OK, "%s", cases[i].text);
        cr_assert_null(job);
        cr_assert_str_eq(err.text, cases[i].message);
    }
}

Test(job_file, job_and_model_must_fit)
{
    /* clang-format off */
    static const struct {
        const char *config, *message;
    } cases[] = {
        {"{\"model_type\":\"gradmill-mlp\",\"inputs\":4,\"outputs\":2}",
         "/job.json:3: data.kind: \"bytes\" does not fit the model (expected arrays)"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":1,\"n_head\":1,\"n_embd\":2,\"n_positions\":64"
         ",\"vocab_size\":256}",
         "/job.json:7: train.seq: 128 is more than the model's 64 positions"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":1,\"n_head\":1,\"n_embd\":2,\"n_positions\":12"
         "8,\"vocab_size\":255}",
         "/job.json:3: data.kind: \"bytes\" needs a vocabulary of 256 or more, the model has "
         "255"},
        {"{\"model_type\":\"gpt2\",\"n_layer\":1,\"n_head\":1,\"n_embd\":2,\"n_positions\":12"
         "8,\"vocab_size\":256}", NULL},
    };
    /* clang-format on */
    struct gm_folder folder = gm_folder_new();
    char text[4096] = "";
    for (unsigned i = 0; i < LINES; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n", good[i]);
    gm_folder_write(&folder, "job.json", text, strlen(text));
    struct gm_error err = {0};
    struct gm_job *job;
    cr_assert_eq(gm_job_load(gm_folder_path(&folder, "job.json"), &job, &err), GM_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gm_model *model;
        gm_folder_write(&folder, "config.json", cases[i].config, strlen(cases[i].config));
        enum gm_status status = gm_job_model_load(job, &model, &err);
        cr_assert_eq(status == GM_OK, cases[i].message == NULL, "%s", err.text);
        if (status != GM_OK)
            cr_assert_str_eq(strrchr(err.text, '/'), cases[i].message);
        gm_model_free(model);
    }
    gm_job_free(job);
    gm_folder_free(&folder);
}
