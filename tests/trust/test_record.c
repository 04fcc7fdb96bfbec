/* Trace records and the roots over them: frozen bytes, one order only. */
#include <string.h>

#include "gm_test.h"
#include "trust/record.h"

static struct gm_record record_of(uint64_t iteration, uint64_t op, uint64_t output, uint8_t root)
{
    struct gm_record record = {
        .iteration = iteration, .op = op, .output = output, .dtype = 1, .rank = 2, .dims = {2, 3}};
    memset(record.root.bytes, root, sizeof record.root.bytes);
    return record;
}

static void list_make(struct gm_record list[3])
{
    list[0] = record_of(0, 0, 0, 0x11);
    list[1] = record_of(0, 0, 1, 0x22);
    list[1].dtype = 2;
    list[1].rank = 0;
    memset(list[1].dims, 0, sizeof list[1].dims);
    list[2] = record_of(0, 0, 2, 0x33);
    list[2].rank = 8;
    for (uint64_t d = 0; d < 8; d++)
        list[2].dims[d] = d + 1;
}

static void expect(const struct gm_hash *root, const char *wanted)
{
    char hex[GM_HASH_HEX_SIZE];
    cr_assert_str_eq(gm_hash_hex(hex, root), wanted);
}

Test(record, bytes_are_frozen)
{
    static const char wanted[] =
        "00000000000000000000000000000000020000000000000001000000080000000100000000000000"
        "02000000000000000300000000000000040000000000000005000000000000000600000000000000"
        "070000000000000008000000000000003333333333333333333333333333333333333333333333333333333333"
        "333333";
    uint8_t bytes[GM_RECORD_BYTES], again[GM_RECORD_BYTES];
    char hex[2 * GM_RECORD_BYTES + 1];
    struct gm_record list[3], decoded;
    list_make(list);
    gm_record_encode(bytes, &list[2]);
    gm_hex_encode(hex, bytes, sizeof bytes);
    cr_assert_str_eq(hex, wanted);
    cr_assert_eq(gm_record_decode(&decoded, bytes, NULL), GM_OK);
    gm_record_encode(again, &decoded);
    cr_assert_arr_eq(again, bytes, sizeof bytes);
    bytes[28] = 9;
    cr_assert_eq(gm_record_decode(&decoded, bytes, NULL), GM_INVALID);
    bytes[28] = 7;
    cr_assert_eq(gm_record_decode(&decoded, bytes, NULL), GM_INVALID,
                 "a dimension beyond the rank");
}

Test(record, roots_are_frozen_and_apart_by_purpose)
{
    struct gm_record list[3];
    struct gm_record trace[4] = {record_of(0, 3, 0, 0x11), record_of(0, 3, 1, 0x22),
                                 record_of(0, 4, 0, 0x33), record_of(1, 0, 0, 0x44)};
    struct gm_hash root;
    list_make(list);
    cr_assert_eq(gm_trace_root(list, 3, &root, NULL), GM_OK);
    expect(&root, "00f5a002deacf518d8261b5e575ac6c87e4aed1a19c61fc4c9d2208578914f0b");
    cr_assert_eq(gm_tensor_list_root(list, 3, &root, NULL), GM_OK);
    expect(&root, "6301f08fc188898c2d36a8735d1619badb5f9f5e08365c8ce5f77646a78694bc");
    cr_assert_eq(gm_trace_root(NULL, 0, &root, NULL), GM_OK);
    expect(&root, "c88d4c794bb6a83addf54875dd7a317bf9b15f43a879a19c320ed2d006c2bd04");
    cr_assert_eq(gm_trace_root(trace, 4, &root, NULL), GM_OK);
    expect(&root, "b13d3882c6e84340e4b07d34d66b339afc510b541342282f6fec8cfc1495014d");
}

Test(record, any_other_order_is_refused)
{
    struct gm_record list[3];
    struct gm_hash root;
    struct gm_error err;
    list_make(list);
    list[1].output = 2;
    cr_assert_eq(gm_trace_root(list, 3, &root, &err), GM_INVALID, "the same place twice");
    cr_assert_eq(gm_tensor_list_root(list, 3, &root, &err), GM_INVALID);
    list_make(list);
    list[0].iteration = 1;
    cr_assert_eq(gm_trace_root(list, 3, &root, &err), GM_INVALID);
    list_make(list);
    list[0].op = 1;
    cr_assert_eq(gm_trace_root(list, 1, &root, &err), GM_OK);
    cr_assert_eq(gm_tensor_list_root(list, 1, &root, &err), GM_INVALID);
}
