/* Data sets from files: what becomes of bytes, tokens and arrays, and what is refused with file,
   position and value. */
#include "gm_test.h"

#include "data/dataset.h"
#include "data/slice.h"
#include "gm_folder.h"
#include "trust/blake3.h"

struct place {
    struct gm_folder folder;
    struct gm_blob_store *store;
};

static struct place place_open(void)
{
    struct place place = {.folder = gm_folder_new()};
    cr_assert_eq(gm_blob_store_open(gm_folder_path(&place.folder, "blobs"), 0, &place.store, NULL),
                 GM_OK);
    return place;
}

static void place_close(struct place *place)
{
    cr_assert_eq(gm_blob_store_used_bytes(place->store), 0, "blobs are left");
    gm_blob_store_close(place->store);
    gm_folder_free(&place->folder);
}

/* The field's root is that of the tensor's bytes, as b3sum would show it. */
static void field_check(const struct gm_dataset_field *field, enum gm_dtype dtype, uint64_t rows,
                        uint64_t cols, const void *tensor)
{
    const struct gm_tensor_desc wanted = {dtype, cols == 0 ? 1 : 2, {rows, cols}};
    cr_assert(gm_tensor_desc_equal(&field->desc, &wanted));
    struct gm_hash root = gm_blake3(tensor, gm_tensor_size_bytes(&wanted));
    cr_assert(gm_hash_equal(&field->root, &root));
}

Test(dataset, bytes_are_all_files_in_the_order_of_their_paths)
{
    struct place place = place_open();
    gm_folder_write(&place.folder, "b.txt", "second", 6);
    gm_folder_write(&place.folder, "a.txt", "first ", 6);
    gm_folder_write(&place.folder, "c.md", "no", 2);
    gm_folder_write(&place.folder, "B.txt", "(", 1);
    struct gm_dataset set;
    struct gm_error err = {0};
    cr_assert_eq(
        gm_dataset_import_bytes(place.store, gm_folder_path(&place.folder, "*.txt"), &set, &err),
        GM_OK, "%s", err.text);
    field_check(&set.fields[0], GM_DTYPE_U8, 13, 0, "(first second");
    cr_assert_eq(gm_dataset_sample_count(&set, 4), 3);
    cr_assert_eq(gm_dataset_sample_count(&set, 5), 2);
    gm_dataset_fini(&set);

    cr_assert_eq(
        gm_dataset_import_bytes(place.store, gm_folder_path(&place.folder, "*.html"), &set, &err),
        GM_NOT_FOUND);
    cr_assert_str_eq(strrchr(err.text, '/'), "/*.html: no file matches");
    gm_folder_write(&place.folder, "e.html", "", 0);
    cr_assert_eq(
        gm_dataset_import_bytes(place.store, gm_folder_path(&place.folder, "*.html"), &set, &err),
        GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'), "/*.html: all files are empty");
    place_close(&place);
}

Test(dataset, tokens_come_plain_or_behind_llmcs_header)
{
    struct place place = place_open();
    const uint16_t plain[3] = {7, 50256, 1};
    struct {
        uint32_t header[256];
        uint16_t tokens[2];
    } llmc = {{20240520, 1, 2}, {9, 8}};
    gm_folder_write(&place.folder, "1.bin", plain, sizeof plain);
    gm_folder_write(&place.folder, "2.bin", &llmc, 1024 + 4);
    const struct gm_dataset_needs needs = {.vocab = 50257};
    const char *pattern = gm_folder_path(&place.folder, "?.bin");
    struct gm_dataset set;
    struct gm_error err = {0};
    cr_assert_eq(gm_dataset_import_tokens(place.store, pattern, &needs, &set, &err), GM_OK, "%s",
                 err.text);
    field_check(&set.fields[0], GM_DTYPE_U16, 5, 0, (const uint16_t[5]){7, 50256, 1, 9, 8});
    gm_dataset_fini(&set);

    const struct gm_dataset_needs small = {.vocab = 50256};
    cr_assert_eq(gm_dataset_import_tokens(place.store, pattern, &small, &set, &err), GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'),
                     "/1.bin: token 1 is 50256, the model's vocabulary ends at 50255");
    llmc.header[2] = 3;
    gm_folder_write(&place.folder, "2.bin", &llmc, 1024 + 4);
    cr_assert_eq(gm_dataset_import_tokens(place.store, pattern, &needs, &set, &err), GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'),
                     "/2.bin: its header says 3 tokens, 6 bytes, but 4 bytes follow");
    const uint32_t wide[2] = {70000, 5};
    gm_folder_write(&place.folder, "2.bin", plain, 5);
    cr_assert_eq(gm_dataset_import_tokens(place.store, pattern, &needs, &set, &err), GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'),
                     "/2.bin: 5 bytes are no whole number of u16 tokens (plain files named "
                     "*.u32.bin hold u32, others u16)");
    gm_folder_write(&place.folder, "3.u32.bin", wide, sizeof wide);
    const struct gm_dataset_needs large = {.vocab = 70001};
    const char *wide_path = gm_folder_path(&place.folder, "3.u32.bin");
    cr_assert_eq(gm_dataset_import_tokens(place.store, wide_path, &large, &set, &err), GM_OK);
    field_check(&set.fields[0], GM_DTYPE_U32, 2, 0, wide);
    gm_dataset_fini(&set);
    place_close(&place);
}

/* An array file, version 1. */
static void npy_write(const struct place *place, const char *name, const char *descr,
                      const char *order, const char *shape, const void *data, size_t size_bytes)
{
    uint8_t bytes[8192] = "\x93NUMPY\x01";
    int size = snprintf((char *)bytes + 10, 1000,
                        "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape);
    while ((10 + size + 1) % 64 != 0)
        bytes[10 + size++] = ' ';
    bytes[10 + size++] = '\n';
    bytes[8] = (uint8_t)size;
    bytes[9] = (uint8_t)(size >> 8);
    memcpy(bytes + 10 + size, data, size_bytes);
    gm_folder_write(&place->folder, name, bytes, 10 + (size_t)size + size_bytes);
}

static enum gm_status arrays_import(struct place *place, const struct gm_dataset_needs *needs,
                                    struct gm_dataset *set, struct gm_error *err)
{
    return gm_dataset_import_arrays(place->store, gm_folder_path(&place->folder, "x.npy"),
                                    gm_folder_path(&place->folder, "y.npy"), needs, set, err);
}

static const struct gm_dataset_needs needs_classes = {
    .vocab = 3, .x = {GM_DTYPE_F32, 2, {1, 20}}, .y = {GM_DTYPE_U32, 1, {1}}};

Test(dataset, arrays_become_what_the_model_takes)
{
    struct place place = place_open();
    double doubles[17 * 20];
    float floats[17 * 20];
    for (int i = 0; i < 17 * 20; i++)
        floats[i] = (float)(doubles[i] = 1.0 / (i + 3));
    int64_t labels[17];
    uint32_t classes[17];
    for (int i = 0; i < 17; i++)
        classes[i] = (uint32_t)(labels[i] = i % 3);
    npy_write(&place, "x.npy", "<f8", "False", "(17, 20)", doubles, sizeof doubles);
    npy_write(&place, "y.npy", "<i8", "False", "(17,)", labels, sizeof labels);
    struct gm_dataset set;
    struct gm_error err = {0};
    cr_assert_eq(arrays_import(&place, &needs_classes, &set, &err), GM_OK, "%s", err.text);
    field_check(&set.fields[0], GM_DTYPE_F32, 17, 20, floats);
    field_check(&set.fields[1], GM_DTYPE_U32, 17, 0, classes);
    cr_assert_eq(gm_dataset_sample_count(&set, 0), 17);

    /* The last rows, read back through a slice of the validation part. */
    struct gm_split split;
    cr_assert_eq(gm_split_make(17, 0.2, 4, &split, &err), GM_OK);
    cr_assert_eq(split.validation_count, 3);
    struct gm_slice slice = gm_dataset_slice(&set, &split, 0, true, 0, 1);
    slice.count = 3;
    const struct gm_slice_reader reader = {place.store, gm_blob_store_reader};
    const struct gm_tensor_desc three = {GM_DTYPE_F32, 2, {3, 20}};
    float rows[60];
    cr_assert_eq(gm_slice_read(&slice, &reader, &three, rows, &err), GM_OK, "%s", err.text);
    cr_assert_arr_eq(rows, floats + 14 * 20, sizeof rows);
    gm_dataset_fini(&set);

    const uint8_t bytes[17 * 20] = {1, 2, 3};
    npy_write(&place, "x.npy", "|u1", "False", "(17, 20)", bytes, sizeof bytes);
    cr_assert_eq(arrays_import(&place, &needs_classes, &set, &err), GM_OK, "%s", err.text);
    field_check(&set.fields[0], GM_DTYPE_U8, 17, 20, bytes);
    gm_dataset_fini(&set);
    place_close(&place);
}

Test(dataset, arrays_that_do_not_fit_are_refused)
{
    /* clang-format off */
    static const struct {
        const char *x_descr, *x_order, *x_shape;
        size_t x_bytes;
        int64_t last_label;
        enum gm_status status;
        const char *message;
    } cases[] = {
        {"<f4", "False", "(2, 20)", 160, 3, GM_INVALID,
         "/y.npy: element 1 is 3, the model has the classes 0 to 2"},
        {"<f4", "False", "(2, 20)", 160, -1, GM_INVALID,
         "/y.npy: element 1 is -1, the model has the classes 0 to 2"},
        {"<f4", "False", "(2, 19)", 152, 0, GM_INVALID,
         "/x.npy: holds f32 (2, 19), the model needs f32 (2, 20)"},
        {"<f4", "False", "(1, 20)", 80, 0, GM_INVALID, NULL},
        {"<f4", "False", "(2, 20)", 156, 0, GM_INVALID,
         "/x.npy: its shape needs 40 elements of 4 bytes, but 156 bytes of data are there"},
        {"<f4", "True", "(2, 20)", 160, 0, GM_UNSUPPORTED,
         "/x.npy: its fortran_order is not False (save it in C order)"},
        {">f4", "False", "(2, 20)", 160, 0, GM_UNSUPPORTED,
         "/x.npy: its element type is not supported (expected '<f4', '<f8', '|u1', '<i4', "
         "'<i8' or '<u4')"},
        {"<i4", "False", "(2, 20)", 160, 0, GM_INVALID,
         "/x.npy: expected f32, f64 or u8 elements"},
        {"<f4", "False", "(18446744073709551615, 20)", 160, 0, GM_INVALID,
         "/x.npy: its shape is not a tuple of 1 to 8 whole numbers"},
    };
    /* clang-format on */
    struct place place = place_open();
    const uint8_t zeros[160] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t labels[2] = {0, cases[i].last_label};
        npy_write(&place, "x.npy", cases[i].x_descr, cases[i].x_order, cases[i].x_shape, zeros,
                  cases[i].x_bytes);
        npy_write(&place, "y.npy", "<i8", "False", "(2,)", labels, sizeof labels);
        struct gm_dataset set;
        struct gm_error err = {0};
        cr_assert_eq(arrays_import(&place, &needs_classes, &set, &err), cases[i].status,
                     "case %zu: %s", i, err.text);
        if (cases[i].message != NULL)
            cr_assert_str_eq(strrchr(err.text, '/'), cases[i].message);
        else
            cr_assert_not_null(strstr(err.text, "y.npy has 2"), "%s", err.text);
        cr_assert_eq(set.field_count, 0);
    }
    gm_folder_write(&place.folder, "x.npy", "\x93NUMPY\x03", 8);
    struct gm_dataset set;
    struct gm_error err = {0};
    cr_assert_eq(arrays_import(&place, &needs_classes, &set, &err), GM_INVALID);
    cr_assert_str_eq(strrchr(err.text, '/'), "/x.npy: not a .npy file");
    place_close(&place);
}

Test(dataset, data_shorter_than_a_batch_is_refused)
{
    struct gm_split split;
    struct gm_error err = {0};
    cr_assert_eq(gm_split_make(100, 0.05, 95, &split, &err), GM_OK);
    cr_assert_eq(split.train_count, 95);
    cr_assert_eq(split.validation_first, 95);
    cr_assert_eq(split.validation_count, 5);
    cr_assert_eq(gm_split_make(100, 0.05, 96, &split, &err), GM_INVALID);
    cr_assert_str_eq(err.text,
                     "the data gives 100 samples, less 5 for validation: 95 are fewer than "
                     "one batch of 96");
    cr_assert_eq(gm_split_make(0, 0.05, 1, &split, &err), GM_INVALID);
    cr_assert_eq(gm_split_make(3, 0.01, 2, &split, &err), GM_OK);
    cr_assert_eq(split.validation_count, 1, "a share above 0 holds at least one sample back");
}
