/* Noise IK: a published exchange byte for byte, then what must not work. */
#include <string.h>

#include "gm_test.h"
#include "trust/noise.h"
#include "trust/noise_state.h"

/* The vector for Noise_IK_25519_ChaChaPoly_BLAKE2b that noise-c publishes (tests/vector). */
static const char prologue_hex[] = "50726f6c6f677565313233";
static const char init_static[] =
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
static const char init_ephemeral[] =
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
static const char init_remote_static[] =
    "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
static const char resp_static[] =
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
static const char resp_ephemeral[] =
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
static const char handshake_hash[] =
    "00e51d2aac81a9b8ebe441d6af3e1c8efc0f030cc608332edcb42588ff6a0ce2"
    "6415ddc106e95277a5e6d54132f1e5245976b89caf96d262f1fe5a7f0c55c078";

/* Message i goes from the initiator when i is even. The first two are the handshake. */
enum { MESSAGE_COUNT = 6 };

static const char *const payloads[MESSAGE_COUNT] = {"4c756477696720766f6e204d69736573",
                                                    "4d757272617920526f746862617264",
                                                    "462e20412e20486179656b",
                                                    "4361726c204d656e676572",
                                                    "4a65616e2d426170746973746520536179",
                                                    "457567656e2042f6686d20766f6e2042617765726b"};

static const char *const ciphertexts[MESSAGE_COUNT] = {
    ("ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944ba83a447b38c83e3"
     "27ad936929812f624884847b7831e95e197b2f797088efdd232fe541af156ec6d0657602902a8c3e"
     "e64e470f4b6fcd9298ce0b56fe20f86e60d9d933ec6e103ffb09e6001d6abb64"),
    ("95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088439f069b267a06b3de"
     "3ecb1043bcb09807c6cd101f3826192a65f11ef3fe4317"),
    "cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07",
    "a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2",
    "49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02fc7",
    "8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d56f30e935d3"};

struct hex {
    uint8_t data[256];
    struct gm_bytes view;
};

static struct gm_bytes hex(struct hex *out, const char *text)
{
    out->view = (struct gm_bytes){out->data, strlen(text) / 2};
    cr_assert(out->view.size_bytes <= sizeof out->data);
    cr_assert(gm_hex_decode(out->data, out->view.size_bytes, text));
    return out->view;
}

static void expect_bytes(struct gm_bytes found, const char *wanted, const char *what)
{
    struct hex bytes;
    cr_assert(gm_bytes_equal(found, hex(&bytes, wanted)), "%s differs", what);
}

static void exchange(struct gm_noise_handshake *from, struct gm_noise_handshake *to,
                     const char *ephemeral, size_t i)
{
    struct hex secret, payload;
    struct gm_buf message, got;
    gm_buf_init(&message, 1024);
    gm_buf_init(&got, 1024);
    cr_assert_eq(gm_noise_write_with(from, hex(&secret, ephemeral).data, hex(&payload, payloads[i]),
                                     &message, NULL),
                 GM_OK);
    expect_bytes(gm_buf_view(&message), ciphertexts[i], "handshake message");
    cr_assert_eq(gm_noise_read(to, gm_buf_view(&message), &got, NULL), GM_OK);
    expect_bytes(gm_buf_view(&got), payloads[i], "handshake payload");
    gm_buf_fini(&message);
    gm_buf_fini(&got);
}

Test(noise, speaks_the_published_exchange)
{
    struct hex prologue, secret, remote, text;
    struct gm_noise_handshake initiator, responder;
    struct gm_noise_session sides[2];
    gm_noise_start(&initiator, hex(&secret, init_static).data,
                   hex(&remote, init_remote_static).data, hex(&prologue, prologue_hex));
    gm_noise_start(&responder, hex(&secret, resp_static).data, NULL, prologue.view);
    exchange(&initiator, &responder, init_ephemeral, 0);
    exchange(&responder, &initiator, resp_ephemeral, 1);
    gm_noise_split(&initiator, &sides[0]);
    gm_noise_split(&responder, &sides[1]);
    for (int i = 0; i < 2; i++)
        expect_bytes((struct gm_bytes){sides[i].handshake_hash, GM_NOISE_HASH_BYTES},
                     handshake_hash, "handshake hash");
    for (size_t i = 2; i < MESSAGE_COUNT; i++) {
        uint8_t sealed[64], opened[64];
        uint64_t counter = i / 2 - 1;
        struct gm_bytes plain = hex(&text, payloads[i]);
        struct gm_bytes view = {sealed, plain.size_bytes + GM_NOISE_TAG_BYTES};
        gm_noise_seal(&sides[i % 2].send, counter, (struct gm_bytes){NULL, 0}, plain, sealed);
        expect_bytes(view, ciphertexts[i], "transport message");
        cr_assert(gm_noise_open(&sides[1 - i % 2].receive, counter, (struct gm_bytes){NULL, 0},
                                view, opened));
        cr_assert_arr_eq(opened, plain.data, plain.size_bytes);
    }
}

/* HMAC by a definition that shares nothing with ours but BLAKE2b: values of Python's hmac module.
 */
Test(noise, hmac_is_that_of_rfc_2104)
{
    uint8_t out[GM_NOISE_HASH_BYTES], key[200];
    const struct gm_bytes text = {(const uint8_t *)"what do ya want for nothing?", 28};
    const struct gm_bytes tail = {text.data + 10, 18};
    memset(key, 0xaa, sizeof key);
    gm_noise_hmac(out, (struct gm_bytes){(const uint8_t *)"Jefe", 4}, text,
                  (struct gm_bytes){NULL, 0});
    expect_bytes((struct gm_bytes){out, sizeof out},
                 "6ff884f8ddc2a6586b3c98a4cd6ebdf14ec10204b6710073eb5865ade37a2643b8807c1335d107ecd"
                 "b9ffeaeb6828c4625ba172c66379efcd222c2de11727ab4",
                 "short key");
    gm_noise_hmac(out, (struct gm_bytes){key, sizeof key}, (struct gm_bytes){text.data, 10}, tail);
    expect_bytes((struct gm_bytes){out, sizeof out},
                 "93bbbf00b4b1d2ae6ecb4e3b58701722dea28ad8512444f443bd6fe63d1268367ffed525668d372d3"
                 "67dddd4daeda642e1fb4afd185c9bdfa412928ebb021e5e",
                 "key above a block");
}

struct pair {
    struct gm_key worker, broker;
    struct gm_noise_handshake initiator, responder;
    struct gm_buf message, payload;
};

static const struct gm_bytes protocol = {(const uint8_t *)"test/1", 6};

static void pair_make(struct pair *pair)
{
    cr_assert_eq(gm_key_generate(&pair->worker, NULL), GM_OK);
    cr_assert_eq(gm_key_generate(&pair->broker, NULL), GM_OK);
    gm_buf_init(&pair->message, GM_NOISE_MESSAGE_BYTES_MAX);
    gm_buf_init(&pair->payload, GM_NOISE_MESSAGE_BYTES_MAX);
    cr_assert_eq(gm_noise_initiator_init(&pair->initiator, &pair->worker, &pair->broker.public_key,
                                         protocol, NULL),
                 GM_OK);
    cr_assert_eq(gm_noise_responder_init(&pair->responder, &pair->broker, protocol, NULL), GM_OK);
    cr_assert_eq(gm_noise_write(&pair->initiator, (struct gm_bytes){(const uint8_t *)"hello", 5},
                                &pair->message, NULL),
                 GM_OK);
}

static void pair_free(struct pair *pair)
{
    gm_buf_fini(&pair->message);
    gm_buf_fini(&pair->payload);
}

Test(noise, both_sides_know_whom_they_speak_with)
{
    struct pair pair;
    struct gm_noise_session worker, broker;
    pair_make(&pair);
    cr_assert_eq(gm_noise_read(&pair.responder, gm_buf_view(&pair.message), &pair.payload, NULL),
                 GM_OK);
    cr_assert_arr_eq(pair.payload.data, "hello", 5);
    cr_assert(gm_noise_peer_is(&pair.responder, &pair.worker.public_key));
    cr_assert(!gm_noise_peer_is(&pair.responder, &pair.broker.public_key));
    pair.message.size_bytes = 0;
    pair.payload.size_bytes = 0;
    cr_assert_eq(gm_noise_write(&pair.responder, (struct gm_bytes){NULL, 0}, &pair.message, NULL),
                 GM_OK);
    cr_assert_eq(pair.message.size_bytes, GM_NOISE_SECOND_BYTES);
    cr_assert_eq(gm_noise_read(&pair.initiator, gm_buf_view(&pair.message), &pair.payload, NULL),
                 GM_OK);
    cr_assert_eq(pair.payload.size_bytes, 0);
    gm_noise_split(&pair.initiator, &worker);
    gm_noise_split(&pair.responder, &broker);
    cr_assert_arr_eq(worker.handshake_hash, broker.handshake_hash, GM_NOISE_HASH_BYTES);
    cr_assert_arr_eq(worker.send.key, broker.receive.key, GM_NOISE_KEY_BYTES);
    cr_assert_arr_eq(worker.receive.key, broker.send.key, GM_NOISE_KEY_BYTES);
    pair_free(&pair);
}

Test(noise, a_wrong_broker_key_or_protocol_opens_nothing)
{
    struct pair pair;
    struct gm_noise_handshake other;
    struct gm_error err;
    pair_make(&pair);
    cr_assert_eq(gm_noise_responder_init(&other, &pair.worker, protocol, &err), GM_OK);
    cr_assert_eq(gm_noise_read(&other, gm_buf_view(&pair.message), &pair.payload, &err),
                 GM_UNTRUSTED);
    cr_assert_not_null(strstr(err.text, "another key"));
    cr_assert_eq(other.step, GM_NOISE_FAILED);
    cr_assert_eq(gm_noise_responder_init(&other, &pair.broker,
                                         (struct gm_bytes){(const uint8_t *)"test/2", 6}, &err),
                 GM_OK);
    cr_assert_eq(gm_noise_read(&other, gm_buf_view(&pair.message), &pair.payload, &err),
                 GM_UNTRUSTED);
    cr_assert_eq(pair.payload.size_bytes, 0);
    pair_free(&pair);
}

Test(noise, a_message_changed_anywhere_or_cut_opens_nothing)
{
    struct pair pair;
    struct gm_noise_handshake other;
    pair_make(&pair);
    for (size_t i = 0; i < pair.message.size_bytes; i++) {
        cr_assert_eq(gm_noise_responder_init(&other, &pair.broker, protocol, NULL), GM_OK);
        pair.message.data[i] ^= 0x40;
        cr_assert_eq(gm_noise_read(&other, gm_buf_view(&pair.message), &pair.payload, NULL),
                     GM_UNTRUSTED, "byte %zu", i);
        pair.message.data[i] ^= 0x40;
        cr_assert_eq(gm_noise_responder_init(&other, &pair.broker, protocol, NULL), GM_OK);
        struct gm_bytes cut = {pair.message.data, i};
        enum gm_status wanted = i < GM_NOISE_FIRST_BYTES ? GM_PEER : GM_UNTRUSTED;
        cr_assert_eq(gm_noise_read(&other, cut, &pair.payload, NULL), wanted, "cut to %zu", i);
    }
    /* An ephemeral key of small order would make the shared secret known to everyone. */
    memset(pair.message.data, 0, GM_NOISE_KEY_BYTES);
    cr_assert_eq(gm_noise_responder_init(&other, &pair.broker, protocol, NULL), GM_OK);
    cr_assert_eq(gm_noise_read(&other, gm_buf_view(&pair.message), &pair.payload, NULL),
                 GM_UNTRUSTED);
    pair_free(&pair);
}

Test(noise, a_sealed_message_is_bound_to_its_counter_and_header)
{
    struct gm_noise_cipher cipher = {{7}};
    uint8_t sealed[32] = "sixteen letters!";
    const struct gm_bytes header = {(const uint8_t *)"h", 1}, view = {sealed, sizeof sealed};
    gm_noise_seal(&cipher, 5, header, (struct gm_bytes){sealed, 16}, sealed);
    uint8_t plain[16];
    cr_assert(!gm_noise_open(&cipher, 6, header, view, plain));
    cr_assert(!gm_noise_open(&cipher, 5, (struct gm_bytes){NULL, 0}, view, plain));
    cr_assert(!gm_noise_open(&cipher, UINT64_MAX, header, view, plain));
    cr_assert(!gm_noise_open(&cipher, 5, header, (struct gm_bytes){sealed, 15}, plain));
    cr_assert(gm_noise_open(&cipher, 5, header, view, sealed));
    cr_assert_arr_eq(sealed, "sixteen letters!", 16);
}

Test(noise, a_counter_is_taken_once_in_any_order)
{
    enum { W = GM_NOISE_WINDOW_COUNTERS };
    struct gm_noise_window window = {0};
    cr_assert(gm_noise_window_take(&window, 3));
    cr_assert(gm_noise_window_take(&window, 0));
    cr_assert(!gm_noise_window_take(&window, 3));
    cr_assert(!gm_noise_window_take(&window, 0));
    cr_assert(gm_noise_window_take(&window, W + 2));
    cr_assert(!gm_noise_window_fits(&window, 2), "just too old");
    cr_assert(!gm_noise_window_fits(&window, 3), "known");
    cr_assert(gm_noise_window_take(&window, 4), "late, but new");
    cr_assert(gm_noise_window_take(&window, (uint64_t)1 << 40));
    cr_assert(!gm_noise_window_fits(&window, W + 1), "far too old");
    cr_assert(gm_noise_window_take(&window, ((uint64_t)1 << 40) - W + 1));
    cr_assert(!gm_noise_window_fits(&window, ((uint64_t)1 << 40) - W));
    cr_assert(!gm_noise_window_fits(&window, UINT64_MAX));
    cr_assert(gm_noise_window_take(&window, UINT64_MAX - 1));
    cr_assert(!gm_noise_window_fits(&window, UINT64_MAX - 1));
}

/* The same question answered by a plain list of everything seen. */
Test(noise, the_window_agrees_with_a_list_of_all_counters)
{
    enum { STEPS = 20000, RANGE = 40000 };
    static bool seen[RANGE];
    struct gm_noise_window window = {0};
    uint64_t random = 1, next = 0;
    memset(seen, 0, sizeof seen);
    for (int step = 0; step < STEPS; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t low = next > 1500 ? next - 1500 : 0;
        uint64_t draw = random >> 33;
        uint64_t counter = draw % 4 == 0 ? next + draw / 4 % 3 : low + draw / 4 % (next - low + 1);
        bool wanted = counter < RANGE && !seen[counter] &&
                      (counter >= next || next - counter <= GM_NOISE_WINDOW_COUNTERS);
        cr_assert(counter < RANGE);
        cr_assert_eq(gm_noise_window_take(&window, counter), wanted, "counter %llu, next %llu",
                     (unsigned long long)counter, (unsigned long long)next);
        seen[counter] = seen[counter] || wanted;
        next = wanted && counter >= next ? counter + 1 : next;
    }
    cr_assert(next > 2000, "the window has moved far");
}
