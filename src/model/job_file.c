#include "model/job_file.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/hf_fields.h"

enum { NAME_SIZE_MAX = 64, EVALUATIONS = 20 };

#define TEXT(name_, type, required_)                                                               \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_TEXT, .offset = offsetof(type, name_),                    \
        .required = (required_)                                                                    \
    }
#define OBJECT(name_, required_)                                                                   \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_NODE, .offset = offsetof(struct parts, name_),            \
        .required = (required_)                                                                    \
    }
#define COUNT_OF(fields) (sizeof(fields) / sizeof *(fields))

/* The file's top level. */
struct parts {
    const char *name;
    const json_t *model, *data, *train, *verify;
};

static enum gm_status name_check(const struct gm_json *doc, const char *name, struct gm_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-";
    size_t size = strlen(name);
    if (size <= NAME_SIZE_MAX && strspn(name, allowed) == size && name[0] != '.' && name[0] != '-')
        return GM_OK;
    return gm_json_fail(doc, "name", GM_INVALID, err,
                        "\"%.80s\" is not a name (expected 1 to %d letters, digits, '.', '_', '-', "
                        "starting with a letter, digit or '_')",
                        name, NAME_SIZE_MAX);
}

static enum gm_status model_parse(struct gm_job *job, const json_t *object, struct gm_error *err)
{
    static const struct gm_field fields[] = {
        TEXT(config, struct gm_job_model, true),
        TEXT(weights, struct gm_job_model, false),
        GM_COUNT(init_seed, struct gm_job_model, false, 0, INT64_MAX),
    };
    GM_TRY(gm_json_read(job->doc, object, "model", fields, COUNT_OF(fields), &job->model, err));
    if (job->model.weights != NULL && json_object_get(object, "init_seed") != NULL)
        return gm_json_fail(job->doc, "model.init_seed", GM_INVALID, err,
                            "has no use beside \"weights\"; leave one of them out");
    return GM_OK;
}

static enum gm_status data_parse(struct gm_job *job, const json_t *object, struct gm_error *err)
{
    static const struct gm_field fields[] = {
        {.name = "kind",
         .kind = GM_FIELD_CHOICE,
         .offset = offsetof(struct gm_job_data, kind),
         .required = true,
         .choices = "bytes|tokens|arrays"},
        TEXT(path, struct gm_job_data, false),
        TEXT(x, struct gm_job_data, false),
        TEXT(y, struct gm_job_data, false),
        GM_REAL(validation, struct gm_job_data, 0, 0.5),
    };
    _Static_assert(sizeof(enum gm_data_kind) == sizeof(uint32_t), "a choice is read into an enum");
    struct gm_job_data *data = &job->data;
    GM_TRY(gm_json_read(job->doc, object, "data", fields, COUNT_OF(fields), data, err));
    const bool arrays = data->kind == GM_DATA_ARRAYS;
    const char *needed[] = {arrays ? "data.x" : "data.path", arrays ? "data.y" : "data.path"};
    const char *useless[] = {arrays ? "data.path" : "data.x", arrays ? "data.path" : "data.y"};
    const char *texts[] = {data->path, data->x, data->y};
    for (int i = 0; i < 2; i++) {
        if (texts[arrays ? i + 1 : 0] == NULL)
            return gm_json_fail(job->doc, needed[i], GM_INVALID, err, "is missing");
        if (texts[arrays ? 0 : i + 1] != NULL)
            return gm_json_fail(job->doc, useless[i], GM_INVALID, err,
                                "does not fit this kind of data (expected %s)",
                                arrays ? "x and y" : "path");
    }
    return GM_OK;
}

static enum gm_status betas_parse(struct gm_job *job, const json_t *betas,
                                  struct gm_optimizer_config *config, struct gm_error *err)
{
    if (betas == NULL)
        return GM_OK;
    double *targets[2] = {&config->beta1, &config->beta2};
    bool valid = json_is_array(betas) && json_array_size(betas) == 2;
    for (size_t i = 0; i < 2 && valid; i++) {
        const json_t *value = json_array_get(betas, i);
        *targets[i] = json_number_value(value);
        valid = json_is_number(value) && *targets[i] >= 0 && *targets[i] <= 0.9999999;
    }
    if (!valid)
        return gm_json_fail(job->doc, "train.optimizer.betas", GM_INVALID, err,
                            "expected [beta1, beta2], both from 0 to 0.9999999");
    return GM_OK;
}

#define NAME_CHOICE(choices_)                                                                      \
    {                                                                                              \
        .name = "name", .kind = GM_FIELD_CHOICE, .required = true, .choices = (choices_)           \
    }
#define SETTING(name_, low_, high_) GM_REAL(name_, struct gm_optimizer_config, low_, high_)
#define LR                                                                                         \
    {                                                                                              \
        .name = "lr", .kind = GM_FIELD_REAL, .offset = offsetof(struct gm_optimizer_config, lr),   \
        .required = true, .low = 0, .high = 100                                                    \
    }

static enum gm_status adamw_parse(struct gm_job *job, const json_t *object,
                                  struct gm_optimizer_config *config, struct gm_error *err)
{
    static const struct gm_field fields[] = {
        GM_IGNORED("name"),
        LR,
        GM_IGNORED("betas"),
        SETTING(eps, 1e-30, 1),
        SETTING(weight_decay, 0, 100),
    };
    GM_TRY(
        gm_json_read(job->doc, object, "train.optimizer", fields, COUNT_OF(fields), config, err));
    return betas_parse(job, json_object_get(object, "betas"), config, err);
}

static enum gm_status sgd_parse(struct gm_job *job, const json_t *object,
                                struct gm_optimizer_config *config, struct gm_error *err)
{
    static const struct gm_field fields[] = {
        GM_IGNORED("name"),
        LR,
        SETTING(momentum, 0, 0.9999999),
        GM_FLAG(nesterov, struct gm_optimizer_config),
        SETTING(weight_decay, 0, 100),
    };
    GM_TRY(
        gm_json_read(job->doc, object, "train.optimizer", fields, COUNT_OF(fields), config, err));
    if (config->nesterov && config->momentum == 0)
        return gm_json_fail(job->doc, "train.optimizer.nesterov", GM_INVALID, err,
                            "needs a momentum above 0");
    return GM_OK;
}

static enum gm_status optimizer_parse(struct gm_job *job, const json_t *object,
                                      struct gm_error *err)
{
    struct gm_optimizer_config *config = &job->train.update.optimizer;
    const char *name = json_string_value(json_object_get(object, "name"));
    if (!json_is_object(object))
        return gm_json_fail(job->doc, "train.optimizer", GM_INVALID, err,
                            "expected an object: { ... }");
    if (name != NULL && strcmp(name, "adamw") == 0) {
        config->kind = GM_OPTIMIZER_ADAMW;
        return adamw_parse(job, object, config, err);
    }
    if (name != NULL && strcmp(name, "sgd") == 0) {
        config->kind = GM_OPTIMIZER_SGD;
        return sgd_parse(job, object, config, err);
    }
    return gm_json_fail(job->doc, "train.optimizer.name", GM_UNSUPPORTED, err,
                        "\"%.40s\" is no optimizer (expected adamw or sgd)",
                        name == NULL ? "" : name);
}

struct schedule {
    uint32_t name;
    uint64_t warmup;
    double min_lr;
};

static enum gm_status schedule_parse(struct gm_job *job, const json_t *object, struct gm_error *err)
{
    /* In the order of GM_SCHEDULE_... (core/op.h). */
    const struct gm_field fields[] = {
        NAME_CHOICE("constant|linear|cosine"),
        GM_COUNT(warmup, struct schedule, false, 0, job->train.steps),
        GM_REAL(min_lr, struct schedule, 0, job->train.update.optimizer.lr),
    };
    struct schedule schedule = {.name = GM_SCHEDULE_CONSTANT};
    if (object != NULL)
        GM_TRY(gm_json_read(job->doc, object, "train.schedule", fields, COUNT_OF(fields), &schedule,
                            err));
    job->train.update.schedule = (struct gm_schedule_config){.kind = schedule.name,
                                                             .warmup_steps = schedule.warmup,
                                                             .total_steps = job->train.steps,
                                                             .min_lr = schedule.min_lr};
    return GM_OK;
}

struct train {
    struct gm_job_train values;
    double clip_norm;
    const json_t *optimizer, *schedule;
};
#define TRAIN_COUNT(name_, required_, min_, max_)                                                  \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_U64, .offset = offsetof(struct train, values.name_),      \
        .required = (required_), .min = (min_), .max = (max_)                                      \
    }

static enum gm_status train_parse(struct gm_job *job, const json_t *object, struct gm_error *err)
{
    static const struct gm_field fields[] = {
        TRAIN_COUNT(steps, true, 1, 1 << 24), /* the schedule counts exactly up to there */
        TRAIN_COUNT(batch, true, 1, 65536),
        TRAIN_COUNT(seq, false, 1, 1 << 20),
        TRAIN_COUNT(shards, false, 1, 4096),
        TRAIN_COUNT(seed, false, 0, INT64_MAX),
        TRAIN_COUNT(eval_every, false, 1, 1 << 24),
        TRAIN_COUNT(eval_batches, false, 1, 65536),
        GM_REAL(clip_norm, struct train, 0, 1e6),
        GM_FIXED("dropout", "0"),
        {.name = "optimizer",
         .kind = GM_FIELD_NODE,
         .offset = offsetof(struct train, optimizer),
         .required = true},
        GM_NODE(schedule, struct train),
    };
    struct train train = {.values = job->train};
    GM_TRY(gm_json_read(job->doc, object, "train", fields, COUNT_OF(fields), &train, err));
    job->train = train.values;
    job->train.dropout_off = json_is_number(json_object_get(object, "dropout"));
    job->train.update.clip_norm = train.clip_norm;
    if (job->train.eval_every == 0)
        job->train.eval_every = (job->train.steps + EVALUATIONS - 1) / EVALUATIONS;
    if (job->train.batch % job->train.shards != 0)
        return gm_json_fail(job->doc, "train.shards", GM_INVALID, err,
                            "%" PRIu64 " does not divide train.batch, %" PRIu64, job->train.shards,
                            job->train.batch);
    const bool arrays = job->data.kind == GM_DATA_ARRAYS;
    if (arrays != (job->train.seq == 0))
        return gm_json_fail(job->doc, "train.seq", GM_INVALID, err, "%s",
                            arrays ? "has no meaning for arrays" : "is missing");
    GM_TRY(optimizer_parse(job, train.optimizer, err));
    return schedule_parse(job, train.schedule, err);
}

static enum gm_status verify_parse(struct gm_job *job, const json_t *object, struct gm_error *err)
{
    static const struct gm_field fields[] = {
        GM_REAL(replay, struct gm_job_verify, 0, 1),
        GM_REAL(replicate, struct gm_job_verify, 0, 1),
    };
    if (object == NULL)
        return GM_OK;
    return gm_json_read(job->doc, object, "verify", fields, COUNT_OF(fields), &job->verify, err);
}

static enum gm_status job_fill(struct gm_job *job, struct gm_error *err)
{
    static const struct gm_field fields[] = {
        TEXT(name, struct parts, true),
        OBJECT(model, true),
        OBJECT(data, true),
        OBJECT(train, true),
        OBJECT(verify, false),
        GM_FIXED("profile", "\"exact-f32/1\""),
    };
    /* Defaults; docs/job-file.md. */
    job->train = (struct gm_job_train){.shards = 1, .seed = 1, .eval_batches = 4};
    job->train.update.optimizer =
        (struct gm_optimizer_config){.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    job->verify = (struct gm_job_verify){.replay = 0.05, .replicate = 0.01};
    struct parts parts = {0};
    GM_TRY(gm_json_read(job->doc, job->doc->root, "", fields, COUNT_OF(fields), &parts, err));
    job->name = parts.name;
    GM_TRY(name_check(job->doc, job->name, err));
    GM_TRY(model_parse(job, parts.model, err));
    GM_TRY(data_parse(job, parts.data, err));
    GM_TRY(train_parse(job, parts.train, err));
    return verify_parse(job, parts.verify, err);
}

/* Takes `doc` in every case. */
static enum gm_status job_new(const char *path, struct gm_json *doc, struct gm_job **out,
                              struct gm_error *err)
{
    *out = NULL;
    struct gm_job *job = gm_mem_new(1, sizeof *job);
    if (job == NULL) {
        gm_json_free(doc);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    }
    job->doc = doc;
    job->folder = gm_path_folder(path);
    enum gm_status status = job->folder == NULL
                                ? gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path)
                                : job_fill(job, err);
    if (status != GM_OK) {
        gm_job_free(job);
        return status;
    }
    *out = job;
    return GM_OK;
}

enum gm_status gm_job_parse(const char *path, struct gm_bytes text, struct gm_job **out,
                            struct gm_error *err)
{
    *out = NULL;
    struct gm_json *doc;
    GM_TRY(gm_json_parse(path, text, &doc, err));
    return job_new(path, doc, out, err);
}

enum gm_status gm_job_load(const char *path, struct gm_job **out, struct gm_error *err)
{
    *out = NULL;
    struct gm_json *doc;
    GM_TRY(gm_json_load(path, &doc, err));
    return job_new(path, doc, out, err);
}

void gm_job_free(struct gm_job *job)
{
    if (job == NULL)
        return;
    gm_json_free(job->doc);
    gm_mem_free(job->folder);
    gm_mem_free(job);
}

char *gm_job_path(const struct gm_job *job, const char *path)
{
    return path[0] == '/' ? gm_mem_copy_text(path) : gm_path_join(job->folder, path);
}

static enum gm_status fit_check(const struct gm_job *job, const struct gm_model *model,
                                struct gm_error *err)
{
    static const char *const kinds[] = {"bytes", "tokens", "arrays"};
    const char *kind = kinds[job->data.kind];
    if (model->tokens != (job->data.kind != GM_DATA_ARRAYS))
        return gm_json_fail(job->doc, "data.kind", GM_INVALID, err,
                            "\"%s\" does not fit the model (expected %s)", kind,
                            model->tokens ? "bytes or tokens" : "arrays");
    if (model->tokens && job->train.seq > model->positions)
        return gm_json_fail(job->doc, "train.seq", GM_INVALID, err,
                            "%" PRIu64 " is more than the model's %" PRIu32 " positions",
                            job->train.seq, model->positions);
    if (job->data.kind == GM_DATA_BYTES && model->vocab < 256)
        return gm_json_fail(job->doc, "data.kind", GM_INVALID, err,
                            "\"bytes\" needs a vocabulary of 256 or more, the model has %" PRIu32,
                            model->vocab);
    return GM_OK;
}

enum gm_status gm_job_model_load(const struct gm_job *job, struct gm_model **out,
                                 struct gm_error *err)
{
    *out = NULL;
    char *path = gm_job_path(job, job->model.config);
    if (path == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", job->doc->name);
    enum gm_status status = gm_model_load(path, job->train.dropout_off, out, err);
    gm_mem_free(path);
    if (status == GM_OK)
        status = fit_check(job, *out, err);
    if (status != GM_OK) {
        gm_model_free(*out);
        *out = NULL;
    }
    return status;
}
