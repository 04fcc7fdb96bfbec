/* A job's weights, from the broker's blobs to a file that transformers loads. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/file_hash.h"
#include "cli/market.h"
#include "job/recipe.h"
#include "model/safetensors.h"
#include "trust/tile.h"

enum { CONFIG_BYTES_MAX = 1 << 20 };

struct fetch {
    struct gm_market *market;
    struct gm_recipe recipe;
    struct gm_program *gradient; /* its first inputs are the parameters, with names and shapes */
    struct gm_hash *roots;
    uint64_t step;
};

static enum gm_status blob_get(struct fetch *fetch, const struct gm_hash *root, size_t bytes_max,
                               struct gm_buf *out, struct gm_error *err)
{
    gm_buf_init(out, bytes_max);
    enum gm_status status = gm_transfer_get(&fetch->market->transfer, root, out, err);
    if (status != GM_OK)
        gm_buf_fini(out);
    return status;
}

static enum gm_status state_get(struct fetch *fetch, const uint8_t *id, struct gm_hash *recipe_name,
                                struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_STATE_ASK};
    struct gm_reply reply;
    memcpy(request.state_ask.job, id, GM_ID_BYTES);
    GM_TRY(gm_market_ask(fetch->market, &request, GM_MESSAGE_STATE_INFO, &reply, err));
    const struct gm_msg_state_info *info = &reply.message.state_info;
    fetch->step = info->step;
    memcpy(recipe_name->bytes, info->recipe, GM_HASH_SIZE);
    fetch->roots = gm_mem_new(info->roots.size_bytes + 1, 1);
    enum gm_status status = GM_OK;
    if (fetch->roots == NULL)
        status = gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    else
        memcpy(fetch->roots, info->roots.data, info->roots.size_bytes);
    if (status == GM_OK && info->roots.size_bytes == 0)
        status = gm_error_set(err, GM_NOT_FOUND, "the job has no weights yet");
    uint64_t root_count = info->roots.size_bytes / GM_HASH_SIZE;
    gm_reply_fini(&reply);
    if (status != GM_OK)
        return status;

    struct gm_buf bytes;
    GM_TRY(blob_get(fetch, recipe_name, GM_RECIPE_ENCODED_MAX, &bytes, err));
    status = gm_recipe_decode(gm_buf_view(&bytes), &fetch->recipe, err);
    gm_buf_fini(&bytes);
    if (status == GM_OK && root_count != fetch->recipe.state_count)
        status = gm_error_set(err, GM_PEER, "the broker's list of weights does not fit the job");
    return status;
}

static enum gm_status program_get(struct fetch *fetch, struct gm_error *err)
{
    struct gm_buf bytes;
    GM_TRY(blob_get(fetch, &fetch->recipe.gradient_program, GM_PROGRAM_ENCODED_MAX, &bytes, err));
    enum gm_status status = gm_program_decode(gm_buf_view(&bytes), &fetch->gradient, err);
    gm_buf_fini(&bytes);
    if (status == GM_OK && fetch->gradient->input_count < fetch->recipe.param_count)
        status = gm_error_set(err, GM_PEER, "the broker's program does not fit the job");
    return status;
}

static enum gm_status param_write(struct fetch *fetch, uint32_t index,
                                  struct gm_safetensors_writer *writer, struct gm_error *err)
{
    const struct gm_tensor_desc *desc = &fetch->gradient->inputs[index].desc;
    struct gm_tile_layout layout;
    struct gm_buf blob;
    GM_TRY(gm_tile_layout_init(&layout, (uint32_t)gm_dtype_size_bytes(desc->dtype), desc->rank,
                               desc->dims, err));
    GM_TRY(blob_get(fetch, &fetch->roots[index], layout.blob_bytes, &blob, err));
    void *data = gm_mem_new(layout.data_bytes, 1);
    enum gm_status status =
        data != NULL ? GM_OK : gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    if (status == GM_OK && blob.size_bytes != layout.blob_bytes)
        status = gm_error_set(err, GM_PEER, "%s: the broker's tensor has another size",
                              fetch->gradient->inputs[index].name);
    if (status == GM_OK)
        status = gm_tile_unpack(&layout, data, 0, blob.data, blob.size_bytes, err);
    if (status == GM_OK)
        status = gm_safetensors_writer_write(writer, data, layout.data_bytes, err);
    gm_mem_free(data);
    gm_buf_fini(&blob);
    return status;
}

static enum gm_status model_write(struct fetch *fetch, const char *path, struct gm_error *err)
{
    uint32_t count = fetch->recipe.param_count;
    struct gm_safetensors_writer *writer;
    struct gm_safetensors_item *items = gm_mem_new(count, sizeof *items);
    if (items == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    for (uint32_t i = 0; i < count; i++)
        items[i] = (struct gm_safetensors_item){fetch->gradient->inputs[i].name,
                                                fetch->gradient->inputs[i].desc};
    enum gm_status status = gm_safetensors_writer_new(path, count, items, &writer, err);
    gm_mem_free(items);
    if (status != GM_OK)
        return status;
    for (uint32_t i = 0; i < count && status == GM_OK; i++)
        status = param_write(fetch, i, writer, err);
    if (status != GM_OK) {
        gm_safetensors_writer_discard(writer);
        return status;
    }
    return gm_safetensors_writer_commit(writer, err);
}

static enum gm_status config_write(struct fetch *fetch, const char *path, struct gm_error *err)
{
    static const struct gm_hash none = {{0}};
    struct gm_buf text;
    if (gm_hash_equal(&fetch->recipe.config, &none))
        return GM_OK;
    GM_TRY(blob_get(fetch, &fetch->recipe.config, CONFIG_BYTES_MAX, &text, err));
    enum gm_status status = gm_file_write(path, 0644, gm_buf_view(&text), err);
    gm_buf_fini(&text);
    return status;
}

static enum gm_status files_write(struct fetch *fetch, const char *dir, struct gm_hash *name,
                                  struct gm_error *err)
{
    char *model = gm_path_join(dir, "model.safetensors");
    char *config = gm_path_join(dir, "config.json");
    enum gm_status status = model != NULL && config != NULL
                                ? gm_dir_make(dir, 0755, err)
                                : gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    if (status == GM_OK)
        status = config_write(fetch, config, err);
    if (status == GM_OK)
        status = model_write(fetch, model, err);
    if (status == GM_OK)
        status = gm_file_hash(model, name, err);
    gm_mem_free(model);
    gm_mem_free(config);
    return status;
}

enum gm_status gm_market_fetch(struct gm_market *market, const uint8_t id[static GM_ID_BYTES],
                               const char *dir, struct gm_hash *name, uint64_t *step,
                               struct gm_error *err)
{
    struct fetch fetch = {.market = market};
    struct gm_hash recipe_name;
    enum gm_status status = state_get(&fetch, id, &recipe_name, err);
    if (status == GM_OK)
        status = program_get(&fetch, err);
    if (status == GM_OK)
        status = files_write(&fetch, dir, name, err);
    *step = fetch.step;
    gm_program_free(fetch.gradient);
    gm_recipe_fini(&fetch.recipe);
    gm_mem_free(fetch.roots);
    return status;
}
