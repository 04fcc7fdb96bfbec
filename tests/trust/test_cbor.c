/* The strict CBOR layer: what one value's one encoding is, and that everything else is refused. */
#include <stdlib.h>
#include <string.h>

#include "gm_test.h"
#include "trust/cbor.h"

struct input {
    uint8_t data[256];
    struct gm_bytes view;
};

static struct gm_bytes from_hex(struct input *input, const char *hex)
{
    size_t size_bytes = strlen(hex) / 2;
    cr_assert(size_bytes <= sizeof input->data);
    cr_assert(gm_hex_decode(input->data, size_bytes, hex), "%s is not hex", hex);
    return (struct gm_bytes){input->data, size_bytes};
}

static void check(const char *hex, bool wanted)
{
    struct input input;
    struct gm_error err = {.text = ""};
    enum gm_status status = gm_cbor_check(from_hex(&input, hex), &err);
    cr_assert_eq(status, wanted ? GM_OK : GM_INVALID, "%s: %s", hex, err.text);
    cr_assert(wanted || err.text[0] != '\0', "%s is refused without a word", hex);
}

Test(cbor, encodes_the_examples_of_the_standard)
{
    static const char wanted[] = "001718181903e81a000f42401b000000e8d4a510001bffffffffffffffff"
                                 "2038633903e73b7fffffffffffffff"
                                 "4044010203046161"
                                 "62c3bc8083010203a201020304c11a514b67b0f4f5f6";
    char hex[512];
    struct gm_buf buf;
    gm_buf_init(&buf, 1024);
    static const uint64_t numbers[] = {0, 23, 24, 1000, 1000000, 1000000000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        gm_cbor_put_u64(&buf, numbers[i]);
    gm_cbor_put_i64(&buf, -1);
    gm_cbor_put_i64(&buf, -100);
    gm_cbor_put_i64(&buf, -1000);
    gm_cbor_put_i64(&buf, INT64_MIN);
    gm_cbor_put_bytes(&buf, "", 0);
    gm_cbor_put_bytes(&buf, "\1\2\3\4", 4);
    gm_cbor_put_text(&buf, "a");
    gm_cbor_put_text(&buf, "\xc3\xbc");
    gm_cbor_put_array(&buf, 0);
    gm_cbor_put_array(&buf, 3);
    for (uint64_t i = 1; i <= 3; i++)
        gm_cbor_put_u64(&buf, i);
    gm_cbor_put_map(&buf, 2);
    for (uint64_t i = 1; i <= 4; i++)
        gm_cbor_put_u64(&buf, i);
    gm_cbor_put_tag(&buf, 1);
    gm_cbor_put_u64(&buf, 1363896240);
    gm_cbor_put_bool(&buf, false);
    gm_cbor_put_bool(&buf, true);
    gm_cbor_put_null(&buf);
    cr_assert_eq(buf.status, GM_OK);
    cr_assert(2 * buf.size_bytes < sizeof hex);
    gm_hex_encode(hex, buf.data, buf.size_bytes);
    cr_assert_str_eq(hex, wanted);
    gm_buf_fini(&buf);
}

Test(cbor, accepts_what_is_deterministic)
{
    static const char *const good[] = {"00",
                                       "1818",
                                       "190100",
                                       "1a00010000",
                                       "1b0000000100000000",
                                       "3b7fffffffffffffff",
                                       "40",
                                       "62c3bc",
                                       "64f0908080",
                                       "64f48fbfbf",
                                       "80",
                                       "a0",
                                       "8301820203820405",
                                       "a20001616100",
                                       "a3001a000f424020f46161f6",
                                       "d83dd2820102",
                                       "c1c201",
                                       "8181818181818180",
                                       "f4",
                                       "f5",
                                       "f6",
                                       "a201a0200a"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        check(good[i], true);
}

Test(cbor, refuses_what_is_not)
{
    static const char *const bad[] = {"", /* nothing */
                                      "1800",
                                      "1817",
                                      "1900ff",
                                      "1a0000ffff", /* heads longer than needed */
                                      "1b00000000ffffffff",
                                      "3800",
                                      "5800",
                                      "7800",
                                      "9800",
                                      "b800",
                                      "d817", /* in every kind */
                                      "18",
                                      "19ff",
                                      "1a000000",
                                      "1b00000000000000", /* cut heads */
                                      "1c",
                                      "1d",
                                      "1e",
                                      "3c",
                                      "fc", /* reserved */
                                      "5f4101ff",
                                      "7f6161ff",
                                      "9f01ff",
                                      "bf0102ff",
                                      "1f",
                                      "ff", /* indefinite */
                                      "4201",
                                      "6261",
                                      "8201",
                                      "a1",
                                      "a101",
                                      "c1", /* cut items */
                                      "5affffffff",
                                      "5bffffffffffffffff",
                                      "9bffffffffffffffff",
                                      "bbffffffffffffffff",
                                      "9a00ffffff00",
                                      "ba00ffffff00", /* claims beyond the input */
                                      "a201000100",
                                      "a2616100616100", /* a key twice */
                                      "a201000000",
                                      "a220000000",
                                      "a2616200616100", /* keys out of order */
                                      "a26161000100",   /* a text before an integer */
                                      "f7",
                                      "f0",
                                      "f800",
                                      "f820",
                                      "e0", /* undefined, other simple values */
                                      "f93c00",
                                      "fa3f800000",
                                      "fb3ff0000000000000", /* floats */
                                      "61ff",
                                      "61c3",
                                      "62c080",
                                      "63eda080",
                                      "64f4908080",
                                      "63e08080",
                                      "6180", /* not UTF-8 */
                                      "0000",
                                      "8000",                 /* bytes after the end */
                                      "818181818181818180",   /* nine levels */
                                      "c1c1c1c1c1c1c1c1c100", /* nine tags */
                                      "3bffffffffffffffff"};  /* below every 64-bit integer */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check(bad[i], false);
}

/* {1: 7, 2: h'0102', 4: "hi", -1: null} */
static const char fields[] = "a40107024201020462686920f6";

Test(cbor, reads_a_map_field_by_field)
{
    struct input input;
    struct gm_cbor_reader reader;
    struct gm_error err = {.text = ""};
    uint64_t number = 0, count = 0;
    uint8_t two[2];
    char text[8];
    gm_cbor_reader_init(&reader, from_hex(&input, fields), &err);
    cr_assert_eq(gm_cbor_map_begin(&reader, "thing", &count), GM_OK);
    cr_assert_eq(count, 4);
    cr_assert_eq(gm_cbor_map_key(&reader, 1, "number"), GM_OK);
    cr_assert_eq(gm_cbor_read_u64(&reader, "number", &number), GM_OK);
    cr_assert_eq(number, 7);
    cr_assert_eq(gm_cbor_map_key(&reader, 2, "two"), GM_OK);
    cr_assert_eq(gm_cbor_read_exact(&reader, "two", two, sizeof two), GM_OK);
    cr_assert_arr_eq(two, "\1\2", 2);
    cr_assert(!gm_cbor_map_try_key(&reader, 3));
    cr_assert(gm_cbor_map_try_key(&reader, 4));
    cr_assert_eq(gm_cbor_read_string(&reader, "text", text, sizeof text), GM_OK);
    cr_assert_str_eq(text, "hi");
    cr_assert_eq(gm_cbor_items_left(&reader), 1);
    cr_assert_eq(gm_cbor_map_key(&reader, -1, "nothing"), GM_OK);
    cr_assert_eq(gm_cbor_read_null(&reader, "nothing"), GM_OK);
    cr_assert_eq(gm_cbor_peek(&reader), GM_CBOR_NOTHING);
    cr_assert_eq(gm_cbor_end(&reader), GM_OK);
    cr_assert_eq(gm_cbor_read_done(&reader), GM_OK);
}

Test(cbor, names_the_field_that_is_wrong)
{
    struct input input;
    struct gm_cbor_reader reader;
    struct gm_error err = {.text = ""};
    uint64_t number;
    char text[2];
    gm_cbor_reader_init(&reader, from_hex(&input, fields), &err);
    cr_assert_eq(gm_cbor_map_begin(&reader, "thing", NULL), GM_OK);
    cr_assert_eq(gm_cbor_map_key(&reader, 0, "version"), GM_INVALID);
    cr_assert_str_eq(err.text, "thing: expected key 0 (version), found key 1");

    gm_cbor_reader_init(&reader, from_hex(&input, fields), &err);
    cr_assert_eq(gm_cbor_map_begin(&reader, "thing", NULL), GM_OK);
    cr_assert_eq(gm_cbor_end(&reader), GM_INVALID);
    cr_assert_str_eq(err.text, "thing: unknown key 1 at byte 1");
    cr_assert_eq(gm_cbor_map_key(&reader, 1, "number"), GM_OK);
    cr_assert_eq(gm_cbor_read_string(&reader, "number", text, sizeof text), GM_INVALID);
    cr_assert_str_eq(err.text, "number: expected a text at byte 2, found an unsigned integer");
    cr_assert_eq(gm_cbor_read_u64_max(&reader, "number", 6, &number), GM_INVALID);
    cr_assert_str_eq(err.text, "number: 7 at byte 2 is above the largest allowed, 6");

    gm_cbor_reader_init(&reader, from_hex(&input, "6161"), &err);
    cr_assert_eq(gm_cbor_read_string(&reader, "name", text, 1), GM_INVALID);
    cr_assert_str_eq(err.text, "name: a text of 1 bytes, at most 0 allowed");
    gm_cbor_reader_init(&reader, from_hex(&input, "6100"), &err);
    cr_assert_eq(gm_cbor_read_string(&reader, "name", text, 2), GM_INVALID);
    cr_assert_str_eq(err.text, "name: the text holds a zero byte");
}

Test(cbor, gives_an_array_no_more_items_than_it_has)
{
    struct input input;
    struct gm_cbor_reader reader;
    struct gm_bytes inner;
    uint64_t number;
    gm_cbor_reader_init(&reader, from_hex(&input, "82810203"), NULL);
    cr_assert_eq(gm_cbor_array_begin(&reader, "outer", NULL), GM_OK);
    cr_assert_eq(gm_cbor_array_begin(&reader, "inner", NULL), GM_OK);
    cr_assert_eq(gm_cbor_read_u64(&reader, "first", &number), GM_OK);
    cr_assert_eq(gm_cbor_read_u64(&reader, "second", &number), GM_INVALID);
    cr_assert_eq(gm_cbor_end(&reader), GM_OK);
    cr_assert_eq(gm_cbor_skip(&reader, "last", &inner), GM_OK);
    cr_assert_eq(inner.size_bytes, 1);
    cr_assert_eq(gm_cbor_end(&reader), GM_OK);
    cr_assert_eq(gm_cbor_read_done(&reader), GM_OK);
}
