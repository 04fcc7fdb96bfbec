/* Messages and frames: what encodes decodes to the same bytes, and nothing else does. The field
   tables say what a message holds, so a new message is covered the moment it is in message.def. */
#include "gm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "trust/cbor.h"
#include "wire/address.h"
#include "wire/frame.h"
#include "wire/message_fields.h"

static const uint64_t message_types[] = {
#define GM_MESSAGE(number, NAME, name) number,
#include "wire/message.def"
#undef GM_MESSAGE
};

enum { TYPES = sizeof message_types / sizeof *message_types, SAMPLES = 40, FIELD_BYTES_MAX = 200 };

/* ---- random messages ---- */

/* splitmix64 */
static uint64_t draw(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t draw_number(uint64_t *seed)
{
    return draw(seed) >> draw(seed) % 64; /* every head size of CBOR */
}

/* `room` has FIELD_BYTES_MAX bytes. */
static struct gm_bytes draw_bytes(uint64_t *seed, const struct gm_field *field, uint8_t *room)
{
    size_t units_max = FIELD_BYTES_MAX / field->unit;
    size_t size = draw(seed) % (units_max + 1) * field->unit;
    for (size_t i = 0; i < size; i++)
        room[i] = (uint8_t)(field->kind == GM_FIELD_TEXT ? ' ' + draw(seed) % 90 : draw(seed));
    return (struct gm_bytes){room, size};
}

struct sample {
    struct gm_message message;
    uint8_t room[16][FIELD_BYTES_MAX]; /* what its views point to */
};

static void sample_draw(struct sample *sample, uint64_t type, uint64_t *seed)
{
    const struct gm_field *fields = gm_message_fields(type);
    memset(sample, 0, sizeof *sample);
    sample->message.type = (enum gm_message_type)type;
    for (size_t i = 0; fields[i].kind != GM_FIELD_END; i++) {
        char *at = (char *)&sample->message + fields[i].offset;
        cr_assert_lt(i, 16);
        if (fields[i].kind == GM_FIELD_U64) {
            uint64_t number = draw_number(seed);
            memcpy(at, &number, sizeof number);
        } else if (fields[i].kind == GM_FIELD_EXACT) {
            for (size_t b = 0; b < fields[i].max; b++)
                at[b] = (char)draw(seed);
        } else {
            struct gm_bytes bytes = draw_bytes(seed, &fields[i], sample->room[i]);
            memcpy(at, &bytes, sizeof bytes);
        }
    }
}

static void fields_compare(const struct gm_message *a, const struct gm_message *b)
{
    const struct gm_field *fields = gm_message_fields(a->type);
    for (size_t i = 0; fields[i].kind != GM_FIELD_END; i++) {
        const char *at_a = (const char *)a + fields[i].offset;
        const char *at_b = (const char *)b + fields[i].offset;
        if (fields[i].kind == GM_FIELD_U64) {
            cr_assert_arr_eq(at_a, at_b, sizeof(uint64_t));
        } else if (fields[i].kind == GM_FIELD_EXACT) {
            cr_assert_arr_eq(at_a, at_b, fields[i].max);
        } else {
            struct gm_bytes bytes_a;
            struct gm_bytes bytes_b;
            memcpy(&bytes_a, at_a, sizeof bytes_a);
            memcpy(&bytes_b, at_b, sizeof bytes_b);
            cr_assert(gm_bytes_equal(bytes_a, bytes_b), "%s.%s", gm_message_name(a->type),
                      fields[i].name);
        }
    }
}

static void encode(const struct gm_message *message, struct gm_buf *out)
{
    gm_buf_init(out, GM_WIRE_BLOB_BYTES_MAX);
    cr_assert_eq(gm_message_encode(message, out), GM_OK, "%s", gm_message_name(message->type));
}

/* Decoded and encoded again gives the same bytes; or it is refused, with a reason. */
static bool bytes_accepted(struct gm_bytes bytes)
{
    struct gm_message message;
    struct gm_error err = {.status = GM_OK};
    struct gm_buf again;
    if (gm_message_decode(bytes, &message, &err) != GM_OK) {
        cr_assert_eq(err.status, GM_INVALID);
        cr_assert_neq(err.text[0], '\0');
        return false;
    }
    encode(&message, &again);
    cr_assert(gm_bytes_equal(gm_buf_view(&again), bytes), "two encodings of one %s",
              gm_message_name(message.type));
    gm_buf_fini(&again);
    return true;
}

Test(message, every_kind_survives_encoding_and_decoding)
{
    static struct sample sample;
    uint64_t seed = 1;
    for (size_t t = 0; t < TYPES; t++) {
        for (int i = 0; i < SAMPLES; i++) {
            struct gm_buf bytes;
            struct gm_message found;
            struct gm_error err = {.status = GM_OK};
            sample_draw(&sample, message_types[t], &seed);
            encode(&sample.message, &bytes);
            cr_assert_eq(gm_message_decode(gm_buf_view(&bytes), &found, &err), GM_OK, "%s: %s",
                         gm_message_name(message_types[t]), err.text);
            cr_assert_eq((uint64_t)found.type, message_types[t]);
            fields_compare(&sample.message, &found);
            cr_assert(bytes_accepted(gm_buf_view(&bytes)));
            gm_buf_fini(&bytes);
        }
    }
}

Test(message, a_changed_or_cut_message_is_refused_or_is_another_whole_one)
{
    static struct sample sample;
    uint64_t seed = 2;
    size_t refused = 0;
    for (size_t t = 0; t < TYPES; t++) {
        struct gm_buf bytes;
        sample_draw(&sample, message_types[t], &seed);
        encode(&sample.message, &bytes);
        for (size_t bit = 0; bit < 8 * bytes.size_bytes; bit++) {
            bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            refused += bytes_accepted(gm_buf_view(&bytes)) ? 0 : 1;
            bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        /* Copied, so that a sanitizer sees a read beyond the cut. */
        for (size_t size = 0; size < bytes.size_bytes; size++) {
            uint8_t *cut = gm_mem_new(size, 1);
            memcpy(cut, bytes.data, size);
            cr_assert_not(bytes_accepted((struct gm_bytes){cut, size}));
            gm_mem_free(cut);
        }
        gm_buf_append(&bytes, "", 1);
        cr_assert_not(bytes_accepted(gm_buf_view(&bytes)), "a byte too many");
        gm_buf_fini(&bytes);
    }
    cr_assert_gt(refused, 1000);
}

/* ---- bounds ---- */

/* The message with one field of `size` zero bytes or spaces, written without the encoder's checks.
 */
static void field_sized(struct gm_buf *out, uint64_t type, size_t field, const uint8_t *data,
                        size_t size)
{
    const struct gm_field *fields = gm_message_fields(type);
    static const uint8_t zeros[GM_ROOT_BYTES] = {0};
    size_t count = 0;
    while (fields[count].kind != GM_FIELD_END)
        count++;
    gm_buf_init(out, 4 * GM_WIRE_BLOB_BYTES_MAX);
    gm_cbor_put_map(out, count + 1);
    gm_cbor_put_u64(out, 0);
    gm_cbor_put_u64(out, type);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = i == field ? size : fields[i].kind == GM_FIELD_EXACT ? fields[i].max : 0;
        const uint8_t *from = i == field ? data : zeros;
        gm_cbor_put_u64(out, i + 1);
        if (fields[i].kind == GM_FIELD_U64)
            gm_cbor_put_u64(out, 0);
        else if (fields[i].kind == GM_FIELD_TEXT && i == field)
            gm_cbor_put_text(out, (const char *)from);
        else if (fields[i].kind == GM_FIELD_TEXT)
            gm_cbor_put_text(out, "");
        else
            gm_cbor_put_bytes(out, from, bytes);
    }
    cr_assert_eq(out->status, GM_OK);
}

static bool size_accepted(uint64_t type, size_t field, bool text, size_t size)
{
    struct gm_buf bytes;
    uint8_t *data = gm_mem_new(size + 1, 1);
    cr_assert_not_null(data);
    if (text)
        memset(data, ' ', size);
    field_sized(&bytes, type, field, data, size);
    bool accepted = bytes_accepted(gm_buf_view(&bytes));
    gm_buf_fini(&bytes);
    gm_mem_free(data);
    return accepted;
}

Test(message, every_fields_bound_holds_to_the_byte)
{
    size_t bounds = 0;
    for (size_t t = 0; t < TYPES; t++) {
        uint64_t type = message_types[t];
        const struct gm_field *fields = gm_message_fields(type);
        for (size_t i = 0; fields[i].kind != GM_FIELD_END; i++) {
            bool text = fields[i].kind == GM_FIELD_TEXT;
            const char *name = fields[i].name;
            if (fields[i].kind == GM_FIELD_U64)
                continue;
            bounds++;
            cr_assert(size_accepted(type, i, text, fields[i].max), "%s", name);
            cr_assert_not(size_accepted(type, i, text, fields[i].max + fields[i].unit), "%s", name);
            if (fields[i].unit > 1 || fields[i].kind == GM_FIELD_EXACT)
                cr_assert_not(size_accepted(type, i, text, fields[i].max - 1), "%s", name);
        }
    }
    cr_assert_gt(bounds, 40);
}

Test(message, what_exceeds_a_bound_is_not_sent_either)
{
    static uint8_t much[GM_WIRE_PIECE_BYTES + 1];
    struct gm_buf out;
    gm_buf_init(&out, 4 * GM_WIRE_BLOB_BYTES_MAX);
    struct gm_message message = {.type = GM_MESSAGE_PIECE};
    message.piece.data = (struct gm_bytes){much, sizeof much};
    cr_assert_eq(gm_message_encode(&message, &out), GM_LIMIT);
    message = (struct gm_message){.type = GM_MESSAGE_ATTEST};
    message.attest.roots = (struct gm_bytes){much, GM_ROOT_BYTES + 1};
    cr_assert_eq(gm_message_encode(&message, &out), GM_LIMIT);
    message = (struct gm_message){.type = GM_MESSAGE_ERROR};
    message.error.text = (struct gm_bytes){much, GM_WIRE_TEXT_MAX + 1};
    cr_assert_eq(gm_message_encode(&message, &out), GM_LIMIT);
    gm_buf_fini(&out);
}

Test(message, strangers_are_refused_with_a_reason)
{
    struct gm_buf out;
    struct gm_message message;
    struct gm_error err;
    gm_buf_init(&out, 64);
    gm_cbor_put_map(&out, 1);
    gm_cbor_put_u64(&out, 0);
    gm_cbor_put_u64(&out, 999);
    cr_assert_eq(gm_message_decode(gm_buf_view(&out), &message, &err), GM_INVALID);
    cr_assert_not_null(strstr(err.text, "999"));
    cr_assert_str_eq(gm_message_name(999), "?");
    cr_assert_str_eq(gm_message_name(GM_MESSAGE_LEASE_ASK), "lease_ask");
    gm_buf_fini(&out);
}

Test(message, a_text_is_cut_where_a_field_could_not_take_it)
{
    char text[2 * GM_WIRE_TEXT_MAX];
    cr_assert_eq(gm_message_text("plain").size_bytes, 5);
    cr_assert_eq(gm_message_text("").size_bytes, 0);
    cr_assert_eq(gm_message_text("bad \xff byte").size_bytes, 4);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    cr_assert_eq(gm_message_text(text).size_bytes, GM_WIRE_TEXT_MAX);
    memcpy(text + GM_WIRE_TEXT_MAX - 1, "\xc3\xa4", 2); /* the cut would split this character */
    cr_assert_eq(gm_message_text(text).size_bytes, GM_WIRE_TEXT_MAX - 1);
}

/* ---- frames ---- */

Test(frame, a_header_reads_back)
{
    uint8_t bytes[GM_FRAME_HEADER_BYTES + 3] = {0};
    struct gm_frame put = {.type = GM_FRAME_DATA, .session = 0x0123456789abcdef, .counter = 77};
    struct gm_frame got;
    gm_frame_header_put(bytes, &put);
    cr_assert_eq(gm_frame_decode((struct gm_bytes){bytes, sizeof bytes}, &got), GM_OK);
    cr_assert_eq(got.type, put.type);
    cr_assert_eq(got.session, put.session);
    cr_assert_eq(got.counter, put.counter);
    cr_assert_eq(got.payload.size_bytes, 3);
    cr_assert_eq(got.header.size_bytes, GM_FRAME_HEADER_BYTES);
}

Test(frame, what_is_not_of_this_version_is_no_frame)
{
    uint8_t bytes[GM_FRAME_HEADER_BYTES];
    struct gm_frame got;
    struct gm_frame put = {.type = GM_FRAME_REFUSED};
    gm_frame_header_put(bytes, &put);
    for (size_t size = 0; size < sizeof bytes; size++)
        cr_assert_eq(gm_frame_decode((struct gm_bytes){bytes, size}, &got), GM_PEER);
    /* Magic, version, flags, header length and the reserved word allow no other value. */
    static const uint8_t fixed[] = {0, 1, 2, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31};
    for (size_t i = 0; i < sizeof fixed; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[fixed[i]] ^= (uint8_t)(1 << bit);
            cr_assert_eq(gm_frame_decode((struct gm_bytes){bytes, sizeof bytes}, &got), GM_PEER);
            bytes[fixed[i]] ^= (uint8_t)(1 << bit);
        }
    }
    for (int type = 0; type < 256; type++) {
        bytes[3] = (uint8_t)type;
        bool known = type >= GM_FRAME_HANDSHAKE_1 && type <= GM_FRAME_REFUSED;
        cr_assert_eq(gm_frame_decode((struct gm_bytes){bytes, sizeof bytes}, &got),
                     known ? GM_OK : GM_PEER);
    }
}

/* ---- addresses ---- */

Test(address, the_blob_port_is_the_next_one)
{
    char out[GM_ADDRESS_CHARS];
    uint32_t port;
    cr_assert_eq(gm_address_port("tcp://[::1]:7700", &port, NULL), GM_OK);
    cr_assert_eq(port, 7700);
    cr_assert_eq(gm_address_with_port("tcp://host.example:7700", 7701, out, NULL), GM_OK);
    cr_assert_str_eq(out, "tcp://host.example:7701");
    cr_assert(gm_address_port_is_free("tcp://127.0.0.1:0"));
    cr_assert_not(gm_address_port_is_free("tcp://127.0.0.1:1"));
}

Test(address, mistakes_are_named)
{
    static const char *const wrong[] = {
        "",           "host:7700",     "tcp://",      "tcp://host", "tcp://:7700", "tcp://host:",
        "tcp://h:-1", "tcp://h:65536", "tcp://h:77x", "udp://h:1",  "http://h:80", "tcp://h: 7"};
    char out[GM_ADDRESS_CHARS];
    struct gm_error err;
    uint32_t port;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_eq(gm_address_port(wrong[i], &port, &err), GM_USAGE, "%s", wrong[i]);
        cr_assert_not_null(strstr(err.text, wrong[i]));
    }
    cr_assert_eq(gm_address_with_port("tcp://h:65535", 65536, out, &err), GM_USAGE);
    char longest[2 * GM_ADDRESS_CHARS];
    memset(longest, 'h', sizeof longest);
    memcpy(longest, "tcp://", 6);
    memcpy(longest + sizeof longest - 4, ":77", 4);
    cr_assert_eq(gm_address_with_port(longest, 78, out, &err), GM_USAGE);
}
