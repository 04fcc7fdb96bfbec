#include "model/weights.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/family.h"

static const char head_name[] = "lm_head.weight";

static const struct gm_safetensors_entry *entry_find(const struct gm_model *model,
                                                     const struct gm_safetensors *file,
                                                     const char *name)
{
    const struct gm_safetensors_entry *entry = gm_safetensors_find(file, name);
    const char *prefix = model->family->prefix;
    if (entry == NULL && prefix != NULL && strncmp(name, prefix, strlen(prefix)) == 0)
        entry = gm_safetensors_find(file, name + strlen(prefix));
    return entry;
}

static enum gm_status shape_check(const struct gm_safetensors *file,
                                  const struct gm_safetensors_entry *entry,
                                  const struct gm_tensor_desc *expected, struct gm_error *err)
{
    bool same = entry->rank == expected->rank;
    for (uint32_t i = 0; i < expected->rank && same; i++)
        same = entry->dims[i] == expected->dims[i];
    if (same)
        return GM_OK;
    char found[GM_TENSOR_TEXT_CHARS] = "a scalar", wanted[GM_TENSOR_TEXT_CHARS];
    if (entry->rank > 0) {
        struct gm_tensor_desc desc = gm_tensor_desc_make(GM_DTYPE_F32, entry->rank, entry->dims);
        gm_tensor_desc_text(found, &desc);
    }
    gm_tensor_desc_text(wanted, expected);
    return gm_error_set(err, GM_INVALID,
                        "%s: tensor \"%s\" has shape %.80s, the config needs %.80s", file->path,
                        entry->name, strchr(found, ' ') == NULL ? found : strchr(found, ' ') + 1,
                        strchr(wanted, ' ') + 1);
}

static enum gm_status params_find(struct gm_weights *weights, struct gm_error *err)
{
    const struct gm_model *model = weights->model;
    for (uint32_t i = 0; i < model->param_count; i++) {
        const struct gm_param *param = &model->params[i];
        const struct gm_safetensors_entry *entry = entry_find(model, weights->file, param->name);
        if (entry == NULL)
            return gm_error_set(err, GM_INVALID, "%s: tensor \"%s\" is missing",
                                weights->file->path, param->name);
        GM_TRY(shape_check(weights->file, entry, &param->desc, err));
        weights->entries[i] = entry;
    }
    return GM_OK;
}

static bool is_buffer(const struct gm_model *model, const char *name)
{
    const char *at = model->family->buffer_suffixes;
    size_t name_size = strlen(name);
    while (at != NULL && *at != '\0') {
        size_t size = strcspn(at, "|");
        if (name_size >= size && memcmp(name + name_size - size, at, size) == 0)
            return true;
        at += size;
        at += *at == '|';
    }
    return false;
}

/* A head that repeats the tied table is welcome; one that differs would be lost silently. */
static enum gm_status head_check(const struct gm_weights *weights,
                                 const struct gm_safetensors_entry *head, struct gm_error *err)
{
    const struct gm_model *model = weights->model;
    uint32_t table = gm_model_param_find(model, model->family->table);
    const struct gm_safetensors_entry *entry = weights->entries[table];
    GM_TRY(shape_check(weights->file, head, &model->params[table].desc, err));
    enum { PART = 8192 };
    uint64_t count = gm_safetensors_element_count(entry);
    float *values = gm_mem_new(2 * PART, sizeof *values);
    if (values == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", weights->file->path);
    enum gm_status status = GM_OK;
    for (uint64_t first = 0; first < count && status == GM_OK; first += PART) {
        uint64_t part = count - first < PART ? count - first : PART;
        status = gm_safetensors_read_f32(weights->file, entry, first, part, values, err);
        if (status == GM_OK)
            status = gm_safetensors_read_f32(weights->file, head, first, part, values + PART, err);
        if (status == GM_OK && memcmp(values, values + PART, part * sizeof *values) != 0)
            status = gm_error_set(err, GM_INVALID,
                                  "%s: \"%s\" differs from \"%s\", but the config's "
                                  "tie_word_embeddings says that they are one",
                                  weights->file->path, head->name, entry->name);
    }
    gm_mem_free(values);
    return status;
}

static enum gm_status strangers_check(const struct gm_weights *weights, struct gm_error *err)
{
    const struct gm_model *model = weights->model;
    for (uint32_t i = 0; i < weights->file->count; i++) {
        const struct gm_safetensors_entry *entry = &weights->file->entries[i];
        const char *prefix = model->family->prefix;
        char full[GM_SAFETENSORS_NAME_MAX + GM_PARAM_NAME_MAX];
        (void)snprintf(full, sizeof full, "%s%s", prefix == NULL ? "" : prefix, entry->name);
        uint32_t index = gm_model_param_find(model, entry->name);
        if (index == UINT32_MAX)
            index = gm_model_param_find(model, full);
        if (index != UINT32_MAX && weights->entries[index] == entry)
            continue;
        if (is_buffer(model, entry->name))
            continue;
        if (model->family->table != NULL && strcmp(entry->name, head_name) == 0 &&
            index == UINT32_MAX) {
            GM_TRY(head_check(weights, entry, err));
            continue;
        }
        return gm_error_set(err, GM_INVALID, "%s: tensor \"%s\" is no parameter of this model",
                            weights->file->path, entry->name);
    }
    return GM_OK;
}

enum gm_status gm_weights_open(const struct gm_model *model, const char *path,
                               struct gm_weights **out, struct gm_error *err)
{
    *out = NULL;
    struct gm_weights *weights = gm_mem_new(1, sizeof *weights);
    if (weights == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    weights->model = model;
    weights->entries = gm_mem_new(model->param_count, sizeof *weights->entries);
    enum gm_status status = weights->entries == NULL
                                ? gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path)
                                : gm_safetensors_open(path, &weights->file, err);
    if (status == GM_OK)
        status = params_find(weights, err);
    if (status == GM_OK)
        status = strangers_check(weights, err);
    if (status != GM_OK) {
        gm_weights_close(weights);
        return status;
    }
    *out = weights;
    return GM_OK;
}

void gm_weights_close(struct gm_weights *weights)
{
    if (weights == NULL)
        return;
    gm_safetensors_close(weights->file);
    gm_mem_free(weights->entries);
    gm_mem_free(weights);
}

enum gm_status gm_weights_read(const struct gm_weights *weights, uint32_t index, float *out,
                               struct gm_error *err)
{
    const struct gm_safetensors_entry *entry = weights->entries[index];
    return gm_safetensors_read_f32(weights->file, entry, 0, gm_safetensors_element_count(entry),
                                   out, err);
}

enum gm_status gm_weights_writer_new(const struct gm_model *model, const char *path,
                                     struct gm_safetensors_writer **out, struct gm_error *err)
{
    *out = NULL;
    struct gm_safetensors_item *items = gm_mem_new(model->param_count, sizeof *items);
    if (items == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    for (uint32_t i = 0; i < model->param_count; i++)
        items[i] = (struct gm_safetensors_item){model->params[i].name, model->params[i].desc};
    enum gm_status status = gm_safetensors_writer_new(path, model->param_count, items, out, err);
    gm_mem_free(items);
    return status;
}
