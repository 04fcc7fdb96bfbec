/* Checkpoints of a job that runs alone: tensors as blobs, then one small file that names them. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/local.h"
#include "trust/cbor.h"
#include "trust/tile.h"

enum { CHECKPOINT_VERSION = 1, COPY_BYTES = 1 << 20, CHECKPOINT_BYTES_MAX = 4 << 20 };
enum { KEY_VERSION, KEY_RECIPE, KEY_STEP, KEY_LOSS_FIRST, KEY_LOSS_LAST, KEY_STATE, KEY_COUNT };

struct checkpoint {
    struct gm_hash recipe;
    uint32_t step;
    uint32_t loss_first; /* bits */
    uint32_t loss_last;
    struct gm_hash *state; /* state_count; owned */
};

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- writing ---- */

static enum gm_status tensor_copy(struct gm_local *local, const struct gm_hash *root,
                                  struct gm_blob_writer *writer, uint64_t size_bytes,
                                  struct gm_error *err)
{
    uint8_t *room = gm_mem_new(COPY_BYTES, 1);
    if (room == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    enum gm_status status = GM_OK;
    for (uint64_t at = 0; at < size_bytes && status == GM_OK; at += COPY_BYTES) {
        uint64_t size = size_bytes - at < COPY_BYTES ? size_bytes - at : COPY_BYTES;
        status = gm_executor_read_blob(local->executor, root, at, room, size, err);
        if (status == GM_OK)
            status = gm_blob_writer_write(writer, room, size, err);
    }
    gm_mem_free(room);
    return status;
}

/* The blob is held once more, whether it was there or not. */
static enum gm_status tensor_save(struct gm_local *local, uint32_t index, struct gm_error *err)
{
    const struct gm_hash *root = &local->state[index];
    const struct gm_tensor_desc *desc = gm_local_state_desc(local, index);
    struct gm_tile_layout layout;
    struct gm_blob_writer *writer;
    struct gm_hash written;
    if (gm_blob_store_has(local->store, root, NULL) && gm_blob_store_hold(local->store, root))
        return GM_OK;
    GM_TRY(gm_tile_layout_init(&layout, (uint32_t)gm_dtype_size_bytes(desc->dtype), desc->rank,
                               desc->dims, err));
    GM_TRY(gm_blob_writer_new(local->store, &writer, err));
    enum gm_status status = tensor_copy(local, root, writer, layout.blob_bytes, err);
    if (status != GM_OK) {
        gm_blob_writer_discard(writer);
        return status;
    }
    return gm_blob_writer_commit(writer, &written, err);
}

static enum gm_status file_write(const struct gm_local *local, const char *path,
                                 struct gm_error *err)
{
    struct gm_buf out;
    gm_buf_init(&out, CHECKPOINT_BYTES_MAX);
    gm_cbor_put_map(&out, KEY_COUNT);
    gm_cbor_put_u64(&out, KEY_VERSION);
    gm_cbor_put_u64(&out, CHECKPOINT_VERSION);
    gm_cbor_put_u64(&out, KEY_RECIPE);
    gm_cbor_put_bytes(&out, local->composed->recipe_name.bytes, GM_HASH_SIZE);
    gm_cbor_put_u64(&out, KEY_STEP);
    gm_cbor_put_u64(&out, local->step);
    gm_cbor_put_u64(&out, KEY_LOSS_FIRST);
    gm_cbor_put_u64(&out, float_bits(local->loss_first));
    gm_cbor_put_u64(&out, KEY_LOSS_LAST);
    gm_cbor_put_u64(&out, float_bits(local->loss_last));
    gm_cbor_put_u64(&out, KEY_STATE);
    gm_cbor_put_bytes(&out, local->state,
                      local->composed->recipe.state_count * sizeof *local->state);
    enum gm_status status = out.status;
    if (status != GM_OK)
        (void)gm_error_set(err, status, "%s: not enough memory", path);
    else
        status = gm_file_write(path, 0644, gm_buf_view(&out), err);
    gm_buf_fini(&out);
    return status;
}

/* ---- reading ---- */

static enum gm_status bits_read(struct gm_cbor_reader *reader, int64_t key, const char *field,
                                uint32_t *out)
{
    uint64_t value;
    GM_TRY(gm_cbor_map_key(reader, key, field));
    GM_TRY(gm_cbor_read_u64_max(reader, field, UINT32_MAX, &value));
    *out = (uint32_t)value;
    return GM_OK;
}

static enum gm_status fields_read(struct gm_cbor_reader *reader, struct checkpoint *out,
                                  uint32_t state_count)
{
    uint64_t version;
    GM_TRY(gm_cbor_map_begin(reader, "checkpoint", NULL));
    GM_TRY(gm_cbor_map_key(reader, KEY_VERSION, "version"));
    GM_TRY(gm_cbor_read_u64_max(reader, "version", CHECKPOINT_VERSION, &version));
    GM_TRY(gm_cbor_map_key(reader, KEY_RECIPE, "recipe"));
    GM_TRY(gm_cbor_read_exact(reader, "recipe", out->recipe.bytes, GM_HASH_SIZE));
    GM_TRY(bits_read(reader, KEY_STEP, "step", &out->step));
    GM_TRY(bits_read(reader, KEY_LOSS_FIRST, "first loss", &out->loss_first));
    GM_TRY(bits_read(reader, KEY_LOSS_LAST, "last loss", &out->loss_last));
    GM_TRY(gm_cbor_map_key(reader, KEY_STATE, "state"));
    GM_TRY(gm_cbor_read_exact(reader, "state", out->state, state_count * sizeof *out->state));
    GM_TRY(gm_cbor_end(reader));
    return gm_cbor_read_done(reader);
}

static enum gm_status file_read(const struct gm_local *local, const char *path,
                                struct checkpoint *out, struct gm_error *err)
{
    struct gm_buf bytes;
    struct gm_cbor_reader reader;
    uint32_t state_count = local->composed->recipe.state_count;
    gm_buf_init(&bytes, CHECKPOINT_BYTES_MAX);
    *out = (struct checkpoint){.state = gm_mem_new(state_count, sizeof *out->state)};
    enum gm_status status =
        out->state != NULL ? GM_OK : gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    if (status == GM_OK)
        status = gm_file_read(path, &bytes, err);
    if (status == GM_OK) {
        gm_cbor_reader_init(&reader, gm_buf_view(&bytes), err);
        status = fields_read(&reader, out, state_count);
        if (status != GM_OK)
            (void)gm_error_at(err, status, "%s", path);
    }
    if (status == GM_OK && !gm_hash_equal(&out->recipe, &local->composed->recipe_name))
        status = gm_error_set(err, GM_STALE,
                              "%s: belongs to another job (the job file, its model, its data or "
                              "its weights have changed)",
                              path);
    gm_buf_fini(&bytes);
    if (status != GM_OK)
        gm_mem_free(out->state);
    return status;
}

/* ---- the two verbs ---- */

/* Lets the blobs of the checkpoint before go. */
static void checkpoint_release(struct gm_local *local, const struct gm_hash *state, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        gm_blob_store_release(local->store, &state[i]);
}

enum gm_status gm_local_save(struct gm_local *local, const char *path, struct gm_error *err)
{
    uint32_t count = local->composed->recipe.state_count;
    struct checkpoint before;
    bool replaces = file_read(local, path, &before, NULL) == GM_OK;
    enum gm_status status = GM_OK;
    uint32_t saved = 0;
    for (; saved < count && status == GM_OK; saved++)
        status = tensor_save(local, saved, err);
    if (status != GM_OK)
        saved--;
    else
        status = gm_blob_store_sync(local->store, err);
    if (status == GM_OK)
        status = file_write(local, path, err);
    if (status != GM_OK)
        checkpoint_release(local, local->state, saved);
    else if (replaces)
        checkpoint_release(local, before.state, count);
    if (replaces)
        gm_mem_free(before.state);
    return status;
}

enum gm_status gm_local_resume(struct gm_local *local, const char *path, struct gm_error *err)
{
    uint32_t count = local->composed->recipe.state_count;
    struct checkpoint checkpoint;
    GM_TRY(file_read(local, path, &checkpoint, err));
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < count && status == GM_OK; i++) {
        if (!gm_blob_store_hold(local->store, &checkpoint.state[i]))
            status = gm_error_set(err, GM_NOT_FOUND, "%s: a tensor that it names is missing", path);
        local->state[i] = checkpoint.state[i];
        if (status == GM_OK)
            status = gm_executor_load(local->executor, &local->state[i],
                                      gm_local_state_desc(local, i), err);
    }
    gm_mem_free(checkpoint.state);
    if (status != GM_OK)
        return status;
    local->state_held = true;
    local->step = checkpoint.step;
    local->loss_first = bits_float(checkpoint.loss_first);
    local->loss_last = bits_float(checkpoint.loss_last);
    return GM_OK;
}
