/* COSE_Sign1 against a published signature and a message worked out apart from this code. */
#include <string.h>

#include "gm_test.h"
#include "trust/cose.h"

static const char seed_hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
static const char payload_hex[] =
    "a9061a6955b9000a582011111111111111111111111111111111111111111111111111111111111111111901"
    "0058210199999999999999999999999999999999999999999999999999999999999999991901097828746167"
    "3a6578616d706c652e6f72672c323032363a67726164776f726b2f6561742d737465702f3119010e69677261"
    "64776f726b6419010f8165302e312e303a00010000a901502222222222222222222222222222222202070358"
    "2033333333333333333333333333333333333333333333333333333333333333330458204444444444444444"
    "4444444444444444444444444444444444444444444444440558205555555555555555555555555555555555"
    "5555555555555555555555555555550658206666666666666666666666666666666666666666666666666666"
    "6666666666660768783332666d612f31081b00000574fbde60000919019c3a00010001a70101021b000049e1"
    "e59004cb031b000049e1e5918cb8041b000049e23ba8a94e051b18867251f555cd15061a02faf080071a52db"
    "6de93a0001000282182958207777777777777777777777777777777777777777777777777777777777777777";
static const char message_hex[] =
    "d83dd284583ba30132045820866eefbd6718c8846cd7ddfe43fc74ab1daac4538ff8514ea2ec2d410a415743"
    "10736170706c69636174696f6e2f6561742b637774a05901b8a9061a6955b9000a5820111111111111111111"
    "1111111111111111111111111111111111111111111111190100582101999999999999999999999999999999"
    "999999999999999999999999999999999919010978287461673a6578616d706c652e6f72672c323032363a67"
    "726164776f726b2f6561742d737465702f3119010e6967726164776f726b6419010f8165302e312e303a0001"
    "0000a90150222222222222222222222222222222220207035820333333333333333333333333333333333333"
    "3333333333333333333333333333045820444444444444444444444444444444444444444444444444444444"
    "4444444444055820555555555555555555555555555555555555555555555555555555555555555506582066"
    "666666666666666666666666666666666666666666666666666666666666660768783332666d612f31081b00"
    "000574fbde60000919019c3a00010001a70101021b000049e1e59004cb031b000049e1e5918cb8041b000049"
    "e23ba8a94e051b18867251f555cd15061a02faf080071a52db6de93a00010002821829582077777777777777"
    "777777777777777777777777777777777777777777777777775840511d155b4ea554b830392e27228ff2e9dd"
    "43a97d372ffd649dc1257d8d6102cc0eb5355422af1abd618682ef2a16f013153c851bf637c26b773b3c426e"
    "56e50d";

struct message {
    uint8_t data[1024];
    size_t size_bytes;
};

static struct gm_bytes message_of(struct message *message, const char *hex)
{
    message->size_bytes = strlen(hex) / 2;
    cr_assert(message->size_bytes <= sizeof message->data);
    cr_assert(gm_hex_decode(message->data, message->size_bytes, hex));
    return (struct gm_bytes){message->data, message->size_bytes};
}

static void key_of_rfc(struct gm_key *key)
{
    uint8_t seed[GM_KEY_SIZE];
    cr_assert(gm_hex_decode(seed, sizeof seed, seed_hex));
    gm_key_from_seed(key, seed);
}

/* cose-wg/Examples, eddsa-sig-01: the signature over this ToBeSigned by the same key. It uses the
   older algorithm number -8, whose signatures are the same. */
Test(cose, the_signature_is_the_one_of_the_working_group)
{
    struct gm_key key;
    struct message signed_bytes, signature;
    key_of_rfc(&key);
    struct gm_bytes text = message_of(
        &signed_bytes,
        "846a5369676e61747572653145a2012703004054546869732069732074686520636f6e74656e742e");
    (void)message_of(&signature,
                     "7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb87"
                     "11497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d");
    cr_assert(gm_key_verify(&key.public_key, text, signature.data));
}

Test(cose, signs_the_known_message)
{
    struct gm_key key;
    struct message payload;
    struct gm_buf out;
    char hex[2048];
    key_of_rfc(&key);
    gm_buf_init(&out, 1024);
    cr_assert_eq(
        gm_cose_sign(&key, "application/eat+cwt", message_of(&payload, payload_hex), &out, NULL),
        GM_OK);
    gm_hex_encode(hex, out.data, out.size_bytes);
    cr_assert_str_eq(hex, message_hex);
    gm_buf_fini(&out);
}

Test(cose, reads_and_verifies_the_known_message)
{
    struct gm_key key, other;
    struct message message, payload;
    struct gm_cose cose;
    struct gm_error err;
    key_of_rfc(&key);
    cr_assert_eq(gm_cose_parse(&cose, message_of(&message, message_hex), &err), GM_OK);
    cr_assert_str_eq(cose.typ, "application/eat+cwt");
    cr_assert(gm_bytes_equal(cose.payload, message_of(&payload, payload_hex)));
    cr_assert_eq(gm_cose_verify(&cose, &key.public_key, &err), GM_OK);
    cr_assert_eq(gm_key_generate(&other, NULL), GM_OK);
    cr_assert_eq(gm_cose_verify(&cose, &other.public_key, &err), GM_UNTRUSTED);
    cose.signature[40] ^= 1;
    cr_assert_eq(gm_cose_verify(&cose, &key.public_key, &err), GM_UNTRUSTED);
    cr_assert_str_eq(err.text, "token: the signature is wrong");
}

/* Replaces the bytes at `at`, so that each test names what was changed. */
static void refuse_with(size_t at, const char *hex, const char *complaint)
{
    struct message message, change;
    struct gm_cose cose;
    struct gm_error err = {.text = ""};
    struct gm_bytes view = message_of(&message, message_hex);
    struct gm_bytes bytes = message_of(&change, hex);
    memcpy(message.data + at, bytes.data, bytes.size_bytes);
    cr_assert_eq(gm_cose_parse(&cose, view, &err), GM_INVALID, "%s at %zu", hex, at);
    cr_assert_not_null(strstr(err.text, complaint), "%s", err.text);
}

Test(cose, refuses_every_other_form)
{
    refuse_with(1, "3c", "expected tag 61");
    refuse_with(2, "d1", "expected tag 18");
    refuse_with(3, "83", "expected 4 parts, found 3");
    refuse_with(3, "9f", "indefinite");
    refuse_with(8, "27", "expected -19"); /* the polymorphic EdDSA */
    refuse_with(7, "02", "expected key 1 (alg)");
    refuse_with(9, "03", "expected key 4 (kid)");
    refuse_with(44, "11", "expected key 16 (typ)");
    refuse_with(65, "f6", "unprotected header: expected a map");
    refuse_with(65, "a1", ""); /* anything in the unprotected header */
}
