/* Slices: which sample stands where, and what its bytes become, for every form that a data set's
   blob can have. */
#include "gm_test.h"

#include "base/mem.h"
#include "data/slice.h"

struct memory {
    uint8_t *blob;
    uint64_t size_bytes;
};

static enum gm_status memory_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                                  void *out, uint64_t size_bytes, struct gm_error *err)
{
    (void)root;
    const struct memory *memory = ctx;
    if (offset_bytes > memory->size_bytes || size_bytes > memory->size_bytes - offset_bytes)
        return gm_error_set(err, GM_INVALID, "read past the blob");
    memcpy(out, memory->blob + offset_bytes, size_bytes);
    return GM_OK;
}

/* A data set's blob is its row-major bytes. */
static struct memory memory_make(const struct gm_tensor_desc *desc, const void *tensor)
{
    struct memory memory = {gm_mem_new(1, gm_tensor_size_bytes(desc)), gm_tensor_size_bytes(desc)};
    memcpy(memory.blob, tensor, memory.size_bytes);
    return memory;
}

static enum gm_status read_slice(const struct gm_slice *slice, struct memory *memory,
                                 struct gm_tensor_desc desc, void *out)
{
    const struct gm_slice_reader reader = {memory, memory_read};
    return gm_slice_read(slice, &reader, &desc, out, NULL);
}

Test(slice, targets_are_the_tokens_one_later)
{
    enum { COUNT = 100, SEQ = 7 };
    uint16_t tokens[COUNT];
    for (uint16_t i = 0; i < COUNT; i++)
        tokens[i] = (uint16_t)(i * 601 + 300);
    struct gm_slice slice = {.kind = GM_SLICE_TOKENS_X,
                             .desc = {GM_DTYPE_U16, 1, {COUNT}},
                             .seq = SEQ,
                             .samples_total = 14, /* the 14th ends with the last token */
                             .position = 12,
                             .count = 3};
    struct memory memory = memory_make(&slice.desc, tokens);
    uint32_t x[3][SEQ], y[3][SEQ];
    cr_assert_eq(read_slice(&slice, &memory, (struct gm_tensor_desc){GM_DTYPE_U32, 2, {3, SEQ}}, x),
                 GM_OK);
    slice.kind = GM_SLICE_TOKENS_Y;
    cr_assert_eq(read_slice(&slice, &memory, (struct gm_tensor_desc){GM_DTYPE_U32, 2, {3, SEQ}}, y),
                 GM_OK);
    const uint32_t samples[3] = {12, 13, 0}; /* the next epoch starts over */
    for (int s = 0; s < 3; s++) {
        for (uint32_t t = 0; t < SEQ; t++) {
            cr_assert_eq(x[s][t], tokens[samples[s] * SEQ + t]);
            cr_assert_eq(y[s][t], tokens[samples[s] * SEQ + t + 1]);
        }
    }
    cr_assert_eq(read_slice(&slice, &memory, (struct gm_tensor_desc){GM_DTYPE_U32, 2, {3, 8}}, x),
                 GM_INVALID);
    slice.samples_total = 15;
    cr_assert_eq(read_slice(&slice, &memory, (struct gm_tensor_desc){GM_DTYPE_U32, 2, {3, SEQ}}, y),
                 GM_INVALID, "a sample that is not whole");
    gm_mem_free(memory.blob);
}

Test(slice, an_epoch_shows_every_sample_once_and_epochs_differ)
{
    enum { TOTAL = 37 };
    struct gm_slice slice = {.kind = GM_SLICE_ROWS,
                             .samples_first = 5,
                             .samples_total = TOTAL,
                             .count = 1,
                             .shuffle = true,
                             .order_seed = 99};
    uint64_t orders[2][TOTAL];
    for (int epoch = 0; epoch < 2; epoch++) {
        bool seen[TOTAL] = {false};
        for (uint64_t i = 0; i < TOTAL; i++) {
            slice.position = (uint64_t)epoch * TOTAL;
            uint64_t sample = gm_slice_sample(&slice, i);
            cr_assert(sample >= 5 && sample < 5 + TOTAL && !seen[sample - 5]);
            seen[sample - 5] = true;
            orders[epoch][i] = sample;
        }
    }
    cr_assert_neq(memcmp(orders[0], orders[1], sizeof orders[0]), 0);
}

Test(slice, rows_of_any_shape_come_whole)
{
    static const struct gm_tensor_desc descs[] = {
        {GM_DTYPE_F32, 2, {35, 50}},
        {GM_DTYPE_F32, 4, {9, 2, 5, 17}},
        {GM_DTYPE_U32, 1, {35}},
    };
    for (size_t d = 0; d < sizeof descs / sizeof *descs; d++) {
        const struct gm_tensor_desc *desc = &descs[d];
        const uint64_t total = gm_tensor_count(desc), rows = desc->dims[0], width = total / rows;
        uint32_t *tensor = gm_mem_new(total, 4), *out = gm_mem_new(total, 4);
        for (uint64_t i = 0; i < total; i++)
            tensor[i] = (uint32_t)(i * 2654435761u) >> 2; /* no NaN among them */
        struct memory memory = memory_make(desc, tensor);
        struct gm_slice slice = {.kind = GM_SLICE_ROWS,
                                 .desc = *desc,
                                 .samples_total = rows,
                                 .count = rows,
                                 .shuffle = true};
        cr_assert_eq(read_slice(&slice, &memory, *desc, out), GM_OK, "shape %zu", d);
        for (uint64_t i = 0; i < rows; i++)
            cr_assert_eq(
                memcmp(out + i * width, tensor + gm_slice_sample(&slice, i) * width, width * 4), 0,
                "shape %zu, sample %d", d, (int)i);
        gm_mem_free(memory.blob);
        gm_mem_free(tensor);
        gm_mem_free(out);
    }
}

Test(slice, bytes_become_shares_or_numbers)
{
    const uint8_t pixels[6] = {0, 255, 51, 102, 204, 1};
    struct gm_slice slice = {
        .kind = GM_SLICE_ROWS, .desc = {GM_DTYPE_U8, 2, {2, 3}}, .samples_total = 2, .count = 2};
    struct memory memory = memory_make(&slice.desc, pixels);
    float reals[6];
    uint32_t words[6];
    cr_assert_eq(
        read_slice(&slice, &memory, (struct gm_tensor_desc){GM_DTYPE_F32, 2, {2, 3}}, reals),
        GM_OK);
    cr_assert_eq(
        read_slice(&slice, &memory, (struct gm_tensor_desc){GM_DTYPE_U32, 2, {2, 3}}, words),
        GM_OK);
    for (int i = 0; i < 6; i++) {
        cr_assert(reals[i] == (float)pixels[i] / 255.0f);
        cr_assert_eq(words[i], pixels[i]);
    }
    cr_assert_eq(
        read_slice(&slice, &memory, (struct gm_tensor_desc){GM_DTYPE_U16, 2, {2, 3}}, words),
        GM_INVALID);
    gm_mem_free(memory.blob);
}
