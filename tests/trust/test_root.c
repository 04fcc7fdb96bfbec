/* Tensor roots: frozen names, the blob that they are the hash of, and that blob in pieces. */
#include <string.h>

#include "base/mem.h"
#include "gm_test.h"
#include "trust/blake3.h"
#include "trust/blob_tree.h"
#include "trust/root.h"

struct vector {
    uint32_t element_bytes, rank;
    uint64_t dims[GM_TILE_RANK_MAX];
    uint64_t blob_bytes;
    const char *root;
};

#define DIMS(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
static const struct vector vectors[] = {
#define VECTOR(element_bytes, rank, dims, blob_bytes, root)                                        \
    {element_bytes, rank, dims, blob_bytes, root},
#include "root_vectors.inc"
#undef VECTOR
};

enum { VECTOR_COUNT = sizeof vectors / sizeof vectors[0] };

struct sample {
    struct gm_tile_layout layout;
    uint8_t *tensor;
    uint8_t *blob;
};

static void sample_make(struct sample *sample, const struct vector *v)
{
    struct gm_error err;
    cr_assert_eq(gm_tile_layout_init(&sample->layout, v->element_bytes, v->rank, v->dims, &err),
                 GM_OK);
    cr_assert_eq(sample->layout.blob_bytes, v->blob_bytes);
    sample->tensor = gm_mem_new((size_t)sample->layout.data_bytes + 4, 1);
    sample->blob = gm_mem_new((size_t)v->blob_bytes, 1);
    cr_assert_not_null(sample->tensor);
    cr_assert_not_null(sample->blob);
    for (size_t i = 0; 4 * i < sample->layout.data_bytes; i++)
        gm_store_u32(sample->tensor + 4 * i, (uint32_t)(i * 2654435761u));
    gm_tile_pack(&sample->layout, sample->tensor, 0, sample->blob, (size_t)v->blob_bytes);
}

static void sample_free(struct sample *sample)
{
    gm_mem_free(sample->tensor);
    gm_mem_free(sample->blob);
}

Test(root, names_are_the_frozen_ones_and_those_of_the_blob)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct sample sample;
        char hex[GM_HASH_HEX_SIZE];
        sample_make(&sample, &vectors[i]);
        struct gm_hash root = gm_tensor_root(&sample.layout, sample.tensor);
        cr_assert_str_eq(gm_hash_hex(hex, &root), vectors[i].root, "vector %zu", i);
        struct gm_hash of_blob = gm_blake3(sample.blob, (size_t)sample.layout.blob_bytes);
        cr_assert(gm_hash_equal(&of_blob, &root), "vector %zu: the blob has another name", i);
        sample_free(&sample);
    }
}

static void check_cuts(const struct sample *sample, size_t step)
{
    size_t blob_bytes = (size_t)sample->layout.blob_bytes;
    uint8_t *tensor = gm_mem_new((size_t)sample->layout.data_bytes, 1);
    uint8_t part[5000];
    cr_assert(step <= sizeof part);
    for (size_t at = 0; at < blob_bytes; at += step) {
        size_t n = blob_bytes - at < step ? blob_bytes - at : step;
        gm_tile_pack(&sample->layout, sample->tensor, at, part, n);
        cr_assert_arr_eq(part, sample->blob + at, n);
        cr_assert_eq(gm_tile_unpack(&sample->layout, tensor, at, part, n, NULL), GM_OK);
    }
    cr_assert_arr_eq(tensor, sample->tensor, (size_t)sample->layout.data_bytes);
    gm_mem_free(tensor);
}

Test(root, any_range_of_the_blob_can_be_read_and_written_alone)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct sample sample;
        sample_make(&sample, &vectors[i]);
        if (sample.layout.blob_bytes > 0 && sample.layout.blob_bytes < 300000) {
            check_cuts(&sample, 5000);
            check_cuts(&sample, 61);
        }
        sample_free(&sample);
    }
}

Test(root, padding_that_is_not_zero_is_refused)
{
    static const uint64_t dims[2] = {17, 33};
    struct gm_tile_layout layout;
    struct gm_error err;
    uint8_t tensor[17 * 33 * 4], blob[6 * GM_TILE_BYTES] = {0};
    size_t refused = 0;
    cr_assert_eq(gm_tile_layout_init(&layout, 4, 2, dims, &err), GM_OK);
    cr_assert_eq(layout.blob_bytes, sizeof blob);
    for (size_t at = 0; at < sizeof blob; at++) {
        blob[at] = 1;
        refused += gm_tile_unpack(&layout, tensor, 0, blob, sizeof blob, &err) == GM_INVALID;
        blob[at] = 0;
    }
    cr_assert_eq(refused, sizeof blob - sizeof tensor);
    cr_assert_eq(gm_tile_unpack(&layout, tensor, 1, blob, sizeof blob, &err), GM_INVALID);
    cr_assert_eq(gm_tile_unpack(&layout, tensor, UINT64_MAX, blob, 1, &err), GM_INVALID);
}

Test(root, shapes_that_cannot_be_are_refused)
{
    struct gm_tile_layout layout;
    struct gm_error err;
    static const uint64_t huge[3] = {(uint64_t)1 << 40, (uint64_t)1 << 40, 16};
    static const uint64_t wide[2] = {1, (uint64_t)1 << 61};
    static const uint64_t empty[3] = {(uint64_t)1 << 40, (uint64_t)1 << 40, 0};
    static const uint64_t ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    cr_assert_eq(gm_tile_layout_init(&layout, 4, 3, huge, &err), GM_LIMIT);
    cr_assert_eq(gm_tile_layout_init(&layout, 4, 2, wide, &err), GM_LIMIT);
    cr_assert_eq(gm_tile_layout_init(&layout, 4, 9, ones, &err), GM_INVALID);
    cr_assert_eq(gm_tile_layout_init(&layout, 3, 1, ones, &err), GM_INVALID);
    cr_assert_eq(gm_tile_layout_init(&layout, 4, 3, empty, &err), GM_OK);
    cr_assert_eq(layout.blob_bytes, 0);
}

Test(blob, pieces_prove_themselves_against_the_name)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct sample sample;
        struct gm_hash values[4], name;
        sample_make(&sample, &vectors[i]);
        uint64_t size_bytes = sample.layout.blob_bytes;
        uint64_t count = gm_blob_piece_count(size_bytes);
        cr_assert(count <= 4);
        name = gm_tensor_root(&sample.layout, sample.tensor);
        for (uint64_t p = 0; count > 1 && p < count; p++)
            values[p] = gm_tensor_piece_value(&sample.layout, sample.tensor, p);
        cr_assert_eq(gm_blob_list_check(&name, size_bytes, values, count > 1 ? count : 0, NULL),
                     GM_OK);
        for (uint64_t p = 0; p < count; p++) {
            struct gm_bytes piece = {sample.blob + p * GM_BLOB_PIECE_BYTES,
                                     gm_blob_piece_bytes(size_bytes, p)};
            cr_assert_eq(gm_blob_piece_check(&name, size_bytes, values, p, piece, NULL), GM_OK);
            sample.blob[p * GM_BLOB_PIECE_BYTES + piece.size_bytes - 1] ^= 1;
            cr_assert_eq(gm_blob_piece_check(&name, size_bytes, values, p, piece, NULL),
                         GM_UNTRUSTED);
            piece.size_bytes--;
            cr_assert_eq(gm_blob_piece_check(&name, size_bytes, values, p, piece, NULL),
                         GM_INVALID);
        }
        sample_free(&sample);
    }
}

Test(blob, a_list_must_give_the_name_and_fit_the_size)
{
    enum { SIZE = 2 * GM_BLOB_PIECE_BYTES + 1500 };
    uint8_t *blob = gm_mem_new(SIZE, 1);
    struct gm_hash values[4] = {{{0}}};
    struct gm_error err;
    cr_assert_not_null(blob);
    for (size_t i = 0; i < SIZE; i++)
        blob[i] = (uint8_t)(i * 31 >> 3);
    struct gm_hash name = gm_blake3(blob, SIZE);
    for (uint64_t p = 0; p < 3; p++)
        values[p] = gm_blob_piece_value(
            p, (struct gm_bytes){blob + p * GM_BLOB_PIECE_BYTES, gm_blob_piece_bytes(SIZE, p)});
    cr_assert_eq(gm_blob_list_check(&name, SIZE, values, 3, &err), GM_OK);
    cr_assert_eq(gm_blob_list_check(&name, SIZE, values, 2, &err), GM_INVALID);
    cr_assert_eq(gm_blob_list_check(&name, SIZE, values, 4, &err), GM_INVALID);
    cr_assert_eq(gm_blob_list_check(&name, GM_BLOB_PIECE_BYTES, values, 1, &err), GM_INVALID);
    values[1].bytes[31] ^= 1;
    cr_assert_eq(gm_blob_list_check(&name, SIZE, values, 3, &err), GM_UNTRUSTED);
    gm_mem_free(blob);
}
