/* Weights files: what we write has one form, to the byte; what we read is refused, with the tensor
   and the byte counts, whenever header and data do not cover each other exactly. */
#include "gm_test.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "gm_folder.h"
#include "model/safetensors.h"

static const struct gm_tensor_desc two_by_three = {GM_DTYPE_F32, 2, {2, 3}};
static const struct gm_tensor_desc one_word = {GM_DTYPE_U32, 1, {1}};

static enum gm_status parse(const char *header, uint64_t data_bytes, struct gm_error *err)
{
    struct gm_safetensors *file;
    enum gm_status status = gm_safetensors_parse(
        "m.safetensors", (struct gm_bytes){(const uint8_t *)header, strlen(header)}, data_bytes,
        &file, err);
    gm_safetensors_close(file);
    return status;
}

Test(safetensors, written_files_have_one_form)
{
    struct gm_folder folder = gm_folder_new();
    const char *path = gm_folder_path(&folder, "m.safetensors");
    const float weights[6] = {1, 2, 3, 4, 5, 6};
    const uint32_t step = 7;
    const struct gm_safetensors_item items[2] = {{"a.weight", two_by_three}, {"step", one_word}};
    struct gm_error err = {0};
    cr_assert_eq(gm_safetensors_write(path, 2, items, (const void *[]){weights, &step}, &err),
                 GM_OK, "%s", err.text);

    struct gm_buf bytes;
    gm_buf_init(&bytes, 4096);
    cr_assert_eq(gm_file_read(path, &bytes, &err), GM_OK);
    const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"step\":{\"dtype\":\"U32\",\"shape\":[1],\"data_offsets\":[24,28]}}";
    uint64_t header_bytes = gm_load_u64(bytes.data);
    cr_assert_eq(header_bytes % 8, 0);
    cr_assert_arr_eq(bytes.data + 8, header, sizeof header - 1);
    for (size_t i = 8 + sizeof header - 1; i < 8 + header_bytes; i++)
        cr_assert_eq(bytes.data[i], ' ');
    cr_assert_eq(bytes.size_bytes, 8 + header_bytes + 28);
    cr_assert_arr_eq(bytes.data + 8 + header_bytes, weights, sizeof weights);
    gm_buf_fini(&bytes);

    struct gm_safetensors *file;
    cr_assert_eq(gm_safetensors_open(path, &file, &err), GM_OK, "%s", err.text);
    const struct gm_safetensors_entry *entry = gm_safetensors_find(file, "a.weight");
    cr_assert_not_null(entry);
    cr_assert_eq(gm_safetensors_element_count(entry), 6);
    float middle[3];
    cr_assert_eq(gm_safetensors_read_f32(file, entry, 2, 3, middle, &err), GM_OK);
    cr_assert_arr_eq(middle, weights + 2, sizeof middle);
    cr_assert_null(gm_safetensors_find(file, "b"));
    cr_assert_eq(
        gm_safetensors_read_f32(file, gm_safetensors_find(file, "step"), 0, 1, middle, &err),
        GM_UNSUPPORTED);
    cr_assert_str_eq(strrchr(err.text, '/'), "/m.safetensors: tensor \"step\": dtype U32 holds no "
                                             "weights (expected F32, F16, BF16 or F64)");
    gm_safetensors_close(file);
    gm_folder_free(&folder);
}

/* binary16 by its definition (IEEE 754, 3.6), in double arithmetic. */
static double f16_value(uint32_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023);
    double value = exponent == 31  ? (fraction == 0 ? INFINITY : NAN)
                   : exponent == 0 ? ldexp(fraction, -24)
                                   : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 != 0 ? -value : value;
}

static void half_file_write(const struct gm_folder *folder, const char *dtype)
{
    static uint8_t bytes[8 + 128 + 2 * 65536];
    memset(bytes, ' ', 8 + 128);
    gm_store_u64(bytes, 128);
    int size =
        snprintf((char *)bytes + 8, 128,
                 "{\"h\":{\"dtype\":\"%s\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", dtype);
    bytes[8 + size] = ' ';
    for (uint32_t i = 0; i < 65536; i++) {
        bytes[136 + 2 * i] = (uint8_t)i;
        bytes[137 + 2 * i] = (uint8_t)(i >> 8);
    }
    gm_folder_write(folder, "h.safetensors", bytes, sizeof bytes);
}

Test(safetensors, half_precision_becomes_f32_exactly_for_every_value)
{
    struct gm_folder folder = gm_folder_new();
    float *values = gm_mem_new(65536, sizeof *values);
    for (int brain = 0; brain < 2; brain++) {
        half_file_write(&folder, brain ? "BF16" : "F16");
        struct gm_error err = {0};
        struct gm_safetensors *file;
        cr_assert_eq(gm_safetensors_open(gm_folder_path(&folder, "h.safetensors"), &file, &err),
                     GM_OK, "%s", err.text);
        cr_assert_eq(gm_safetensors_read_f32(file, &file->entries[0], 0, 65536, values, &err),
                     GM_OK);
        gm_safetensors_close(file);
        for (uint32_t i = 0; i < 65536; i++) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            if (brain)
                cr_assert_eq(bits, i << 16);
            else if (isnan(f16_value(i)))
                cr_assert(isnan(values[i]));
            else
                cr_assert((double)values[i] == f16_value(i) &&
                              !signbit(values[i]) == !signbit(f16_value(i)),
                          "%#x becomes %g", i, (double)values[i]);
        }
    }
    gm_mem_free(values);
    gm_folder_free(&folder);
}

Test(safetensors, headers_that_do_not_cover_the_data_are_refused)
{
    /* clang-format off */
    static const struct {
        const char *header;
        uint64_t data_bytes;
        enum gm_status status;
        const char *text;
    } cases[] = {
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, GM_INVALID,
         "m.safetensors: tensor \"w\": its bytes end at 8 but the file holds 4 bytes of data "
         "(truncated?)"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12, GM_INVALID,
         "m.safetensors: the tensors take 8 bytes but 12 bytes of data follow the header"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, GM_INVALID,
         "m.safetensors: tensor \"w\": data_offsets span 8 bytes but its shape and dtype need "
         "12"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, GM_INVALID,
         "m.safetensors: tensor \"w\": starts at byte 4 of the data, expected 0 (gap)"},
        {"{\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"w\":{\"dtype\":\""
         "F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, GM_INVALID,
         "m.safetensors: tensor \"w\": starts at byte 4 of the data, expected 8 (overlap)"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, GM_INVALID,
         "m.safetensors: tensor \"w\": shape holds what is not a whole number"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offse"
         "ts\":[0,8]}}", 8, GM_INVALID,
         "m.safetensors: tensor \"w\": shape is larger than 2^48 bytes"},
        {"{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2,
         GM_UNSUPPORTED,
         "m.safetensors: tensor \"w\": dtype F8_E4M3 is not supported (expected F32, F16, "
         "BF16 or F64)"},
        {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, GM_INVALID,
         "m.safetensors: tensor \"w\": expected dtype, shape and data_offsets"},
        {"{\"w\":1}", 0, GM_INVALID,
         "m.safetensors: tensor \"w\": expected dtype, shape and data_offsets"},
        {"{\"__metadata__\":{\"n\":1}}", 0, GM_INVALID,
         "m.safetensors: __metadata__ is not an object of texts"},
        {"[1]", 0, GM_INVALID,
         "m.safetensors: not a safetensors file: its header is not a JSON object"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gm_error err = {0};
        cr_assert_eq(parse(cases[i].header, cases[i].data_bytes, &err), cases[i].status, "%s: %s",
                     cases[i].header, err.text);
        cr_assert_str_eq(err.text, cases[i].text);
    }
    struct gm_error err = {0};
    cr_assert_eq(parse("{\"w\":{},\"w\":{}}", 0, &err), GM_INVALID);
    cr_assert_not_null(strstr(err.text, "duplicate"), "%s", err.text);
}

/* Every way to cut a good file short is noticed when it is opened. */
Test(safetensors, a_truncated_file_is_refused_at_every_length)
{
    struct gm_folder folder = gm_folder_new();
    const char *path = gm_folder_path(&folder, "m.safetensors");
    const float weights[6] = {0};
    const struct gm_safetensors_item item = {"w", two_by_three};
    struct gm_error err = {0};
    cr_assert_eq(gm_safetensors_write(path, 1, &item, (const void *[]){weights}, &err), GM_OK);
    struct gm_buf whole;
    gm_buf_init(&whole, 4096);
    cr_assert_eq(gm_file_read(path, &whole, &err), GM_OK);
    for (size_t size = 0; size < whole.size_bytes; size++) {
        struct gm_safetensors *file;
        cr_assert_eq(truncate(path, (off_t)size), 0);
        cr_assert_eq(gm_safetensors_open(path, &file, &err), GM_INVALID, "%zu bytes", size);
        cr_assert_not_null(strstr(err.text, "m.safetensors: "));
        gm_folder_write(&folder, "m.safetensors", whole.data, whole.size_bytes);
    }
    uint8_t claim[16] = {0};
    gm_store_u64(claim, UINT64_MAX);
    gm_folder_write(&folder, "claim", claim, sizeof claim);
    struct gm_safetensors *file;
    cr_assert_eq(gm_safetensors_open(gm_folder_path(&folder, "claim"), &file, &err), GM_INVALID);
    cr_assert_not_null(strstr(err.text, "a header of 18446744073709551615 bytes"), "%s", err.text);
    cr_assert_eq(gm_safetensors_open(gm_folder_path(&folder, "absent"), &file, &err), GM_NOT_FOUND);
    cr_assert_eq(gm_safetensors_open(folder.path, &file, &err), GM_INVALID);
    gm_buf_fini(&whole);
    gm_folder_free(&folder);
}

Test(safetensors, a_full_disk_leaves_the_old_file_and_no_other)
{
    struct gm_folder folder = gm_folder_new();
    gm_folder_write(&folder, "m.safetensors", "old", 3);
    const char *path = gm_folder_path(&folder, "m.safetensors");
    pid_t child = fork();
    cr_assert_ge(child, 0);
    if (child == 0) {
        static const float weights[65536];
        const struct gm_safetensors_item item = {"w", {GM_DTYPE_F32, 1, {65536}}};
        const struct rlimit limit = {65536, 65536};
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        struct gm_error err = {0};
        enum gm_status status =
            gm_safetensors_write(path, 1, &item, (const void *[]){weights}, &err);
        _exit(status == GM_NO_SPACE && strstr(err.text, path) != NULL ? 0 : 1);
    }
    int how;
    cr_assert_eq(waitpid(child, &how, 0), child);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    cr_assert_eq(gm_folder_files(folder.path, 0), 1);
    struct gm_buf bytes;
    gm_buf_init(&bytes, 16);
    cr_assert_eq(gm_file_read(path, &bytes, NULL), GM_OK);
    cr_assert_eq(bytes.size_bytes, 3);
    gm_buf_fini(&bytes);
    gm_folder_free(&folder);
}
