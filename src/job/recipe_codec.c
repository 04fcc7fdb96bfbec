/* A recipe's bytes: one CBOR map, keys in the order of the struct. */
#include <string.h>

#include "base/mem.h"
#include "job/recipe.h"
#include "trust/cbor.h"

enum recipe_key {
    KEY_VERSION = 0,
    KEY_NAME,
    KEY_SEED,
    KEY_STEPS,
    KEY_SHARDS,
    KEY_SAMPLES,
    KEY_PARAMS,
    KEY_STATE,
    KEY_INIT,
    KEY_GRADIENT,
    KEY_REDUCE,
    KEY_UPDATE,
    KEY_EVALUATE,
    KEY_GIVEN,
    KEY_TRAIN_SLICES,
    KEY_EVALUATE_SLICES,
    KEY_EVALUATE_EVERY,
    KEY_CHECKPOINT_EVERY,
    KEY_TOKENS,
    KEY_REPLAY,
    KEY_REPLICATE,
    KEY_CONFIG,
    KEY_FANIN,
    KEY_COUNT
};

enum { RECIPE_VERSION = 1 };

static void number_put(struct gm_buf *out, enum recipe_key key, uint64_t value)
{
    gm_cbor_put_u64(out, (uint64_t)key);
    gm_cbor_put_u64(out, value);
}

static void hash_put(struct gm_buf *out, enum recipe_key key, const struct gm_hash *hash)
{
    gm_cbor_put_u64(out, (uint64_t)key);
    gm_cbor_put_bytes(out, hash->bytes, GM_HASH_SIZE);
}

static void hashes_put(struct gm_buf *out, enum recipe_key key, const struct gm_hash *hashes,
                       size_t count)
{
    gm_cbor_put_u64(out, (uint64_t)key);
    gm_cbor_put_bytes(out, hashes, count * GM_HASH_SIZE);
}

static enum gm_status slices_put(struct gm_buf *out, enum recipe_key key,
                                 const struct gm_slice slices[GM_RECIPE_DATA_FIELDS])
{
    gm_cbor_put_u64(out, (uint64_t)key);
    gm_cbor_put_array(out, GM_RECIPE_DATA_FIELDS);
    for (size_t i = 0; i < GM_RECIPE_DATA_FIELDS; i++)
        gm_slice_encode(&slices[i], out);
    return out->status;
}

enum gm_status gm_recipe_encode(const struct gm_recipe *recipe, struct gm_buf *out)
{
    gm_cbor_put_map(out, KEY_COUNT);
    number_put(out, KEY_VERSION, RECIPE_VERSION);
    gm_cbor_put_u64(out, KEY_NAME);
    gm_cbor_put_text(out, recipe->name);
    number_put(out, KEY_SEED, recipe->seed);
    number_put(out, KEY_STEPS, recipe->step_count);
    number_put(out, KEY_SHARDS, recipe->shard_count);
    number_put(out, KEY_SAMPLES, recipe->samples_per_step);
    number_put(out, KEY_PARAMS, recipe->param_count);
    number_put(out, KEY_STATE, recipe->state_count);
    hash_put(out, KEY_INIT, &recipe->init_program);
    hash_put(out, KEY_GRADIENT, &recipe->gradient_program);
    hashes_put(out, KEY_REDUCE, recipe->reduce_programs, GM_RECIPE_FANIN + 1);
    hash_put(out, KEY_UPDATE, &recipe->update_program);
    hash_put(out, KEY_EVALUATE, &recipe->evaluate_program);
    hashes_put(out, KEY_GIVEN, recipe->given, recipe->given_count);
    GM_TRY(slices_put(out, KEY_TRAIN_SLICES, recipe->train));
    GM_TRY(slices_put(out, KEY_EVALUATE_SLICES, recipe->evaluate));
    number_put(out, KEY_EVALUATE_EVERY, recipe->evaluate_every);
    number_put(out, KEY_CHECKPOINT_EVERY, recipe->checkpoint_every);
    number_put(out, KEY_TOKENS, recipe->tokens_per_sample);
    number_put(out, KEY_REPLAY, recipe->replay_ppm);
    number_put(out, KEY_REPLICATE, recipe->replicate_ppm);
    hash_put(out, KEY_CONFIG, &recipe->config);
    number_put(out, KEY_FANIN, recipe->fanin);
    return out->status;
}

static enum gm_status number_read(struct gm_cbor_reader *reader, enum recipe_key key,
                                  const char *field, uint32_t *out)
{
    uint64_t value;
    GM_TRY(gm_cbor_map_key(reader, key, field));
    GM_TRY(gm_cbor_read_u64_max(reader, field, UINT32_MAX, &value));
    *out = (uint32_t)value;
    return GM_OK;
}

static enum gm_status hash_read(struct gm_cbor_reader *reader, enum recipe_key key,
                                const char *field, struct gm_hash *out)
{
    GM_TRY(gm_cbor_map_key(reader, key, field));
    return gm_cbor_read_exact(reader, field, out->bytes, GM_HASH_SIZE);
}

static enum gm_status given_read(struct gm_cbor_reader *reader, struct gm_recipe *out)
{
    struct gm_bytes roots;
    GM_TRY(gm_cbor_map_key(reader, KEY_GIVEN, "given"));
    GM_TRY(gm_cbor_read_bytes(reader, "given", &roots));
    if (roots.size_bytes % GM_HASH_SIZE != 0 ||
        roots.size_bytes / GM_HASH_SIZE > GM_RECIPE_TENSORS_MAX)
        return gm_error_set(reader->err, GM_INVALID,
                            "recipe: given: %zu bytes are no list of roots", roots.size_bytes);
    out->given_count = (uint32_t)(roots.size_bytes / GM_HASH_SIZE);
    out->given = gm_mem_new(out->given_count, sizeof *out->given);
    if (out->given == NULL)
        return gm_error_set(reader->err, GM_NO_MEMORY, "recipe: not enough memory");
    if (roots.size_bytes > 0)
        memcpy(out->given, roots.data, roots.size_bytes);
    return GM_OK;
}

static enum gm_status slices_read(struct gm_cbor_reader *reader, enum recipe_key key,
                                  const char *field, struct gm_slice *out)
{
    uint64_t count;
    GM_TRY(gm_cbor_map_key(reader, key, field));
    GM_TRY(gm_cbor_array_begin(reader, field, &count));
    if (count != GM_RECIPE_DATA_FIELDS)
        return gm_error_set(reader->err, GM_INVALID, "recipe: %s: %llu slices, expected %d", field,
                            (unsigned long long)count, GM_RECIPE_DATA_FIELDS);
    for (size_t i = 0; i < GM_RECIPE_DATA_FIELDS; i++)
        GM_TRY(gm_slice_decode(reader, &out[i]));
    return gm_cbor_end(reader);
}

static enum gm_status programs_read(struct gm_cbor_reader *reader, struct gm_recipe *out)
{
    GM_TRY(hash_read(reader, KEY_INIT, "init program", &out->init_program));
    GM_TRY(hash_read(reader, KEY_GRADIENT, "gradient program", &out->gradient_program));
    GM_TRY(gm_cbor_map_key(reader, KEY_REDUCE, "reduce programs"));
    GM_TRY(gm_cbor_read_exact(reader, "reduce programs", out->reduce_programs,
                              sizeof out->reduce_programs));
    GM_TRY(hash_read(reader, KEY_UPDATE, "update program", &out->update_program));
    return hash_read(reader, KEY_EVALUATE, "evaluate program", &out->evaluate_program);
}

static enum gm_status fields_read(struct gm_cbor_reader *reader, struct gm_recipe *out)
{
    uint64_t version;
    GM_TRY(gm_cbor_map_begin(reader, "recipe", NULL));
    GM_TRY(gm_cbor_map_key(reader, KEY_VERSION, "version"));
    GM_TRY(gm_cbor_read_u64(reader, "version", &version));
    if (version != RECIPE_VERSION)
        return gm_error_set(reader->err, GM_UNSUPPORTED, "recipe: version %llu, expected %d",
                            (unsigned long long)version, RECIPE_VERSION);
    GM_TRY(gm_cbor_map_key(reader, KEY_NAME, "name"));
    GM_TRY(gm_cbor_read_string(reader, "name", out->name, sizeof out->name));
    GM_TRY(gm_cbor_map_key(reader, KEY_SEED, "seed"));
    GM_TRY(gm_cbor_read_u64(reader, "seed", &out->seed));
    GM_TRY(number_read(reader, KEY_STEPS, "steps", &out->step_count));
    GM_TRY(number_read(reader, KEY_SHARDS, "shards", &out->shard_count));
    GM_TRY(number_read(reader, KEY_SAMPLES, "samples", &out->samples_per_step));
    GM_TRY(number_read(reader, KEY_PARAMS, "parameters", &out->param_count));
    GM_TRY(number_read(reader, KEY_STATE, "state", &out->state_count));
    GM_TRY(programs_read(reader, out));
    GM_TRY(given_read(reader, out));
    GM_TRY(slices_read(reader, KEY_TRAIN_SLICES, "train slices", out->train));
    GM_TRY(slices_read(reader, KEY_EVALUATE_SLICES, "evaluate slices", out->evaluate));
    GM_TRY(number_read(reader, KEY_EVALUATE_EVERY, "evaluate every", &out->evaluate_every));
    GM_TRY(number_read(reader, KEY_CHECKPOINT_EVERY, "checkpoint every", &out->checkpoint_every));
    GM_TRY(number_read(reader, KEY_TOKENS, "tokens", &out->tokens_per_sample));
    GM_TRY(number_read(reader, KEY_REPLAY, "replay", &out->replay_ppm));
    GM_TRY(number_read(reader, KEY_REPLICATE, "replicate", &out->replicate_ppm));
    GM_TRY(hash_read(reader, KEY_CONFIG, "config", &out->config));
    GM_TRY(number_read(reader, KEY_FANIN, "fan-in", &out->fanin));
    GM_TRY(gm_cbor_end(reader));
    return gm_cbor_read_done(reader);
}

enum gm_status gm_recipe_decode(struct gm_bytes bytes, struct gm_recipe *out, struct gm_error *err)
{
    *out = (struct gm_recipe){0};
    if (bytes.size_bytes > GM_RECIPE_ENCODED_MAX)
        return gm_error_set(err, GM_LIMIT, "recipe: %zu bytes, at most %d are allowed",
                            bytes.size_bytes, GM_RECIPE_ENCODED_MAX);
    struct gm_cbor_reader reader;
    gm_cbor_reader_init(&reader, bytes, err);
    enum gm_status status = fields_read(&reader, out);
    if (status == GM_OK)
        status = gm_recipe_check(out, err);
    if (status != GM_OK)
        gm_recipe_fini(out);
    return status;
}
