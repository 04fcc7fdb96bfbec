/* What strangers, liars and the careless may send, and that nobody else notices. */
#include "gm_test.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "raw.h"
#include "wire/frame.h"
#include "wire/session_table.h"

static const struct gm_message job_ask = {.type = GM_MESSAGE_JOB_ASK};

static void job_asked(struct raw *raw, uint32_t request, uint64_t counter)
{
    struct gm_buf frame;
    raw_seal(raw, counter, &job_ask, &frame);
    raw_send_frame(raw, request, gm_buf_view(&frame));
    gm_buf_fini(&frame);
}

/* The next reply answers this request, and well. */
static void job_answered(struct raw *raw, uint32_t request)
{
    struct gm_buf reply;
    cr_assert_eq(raw_reply(raw, &reply), request);
    cr_assert(raw_reply_is(raw, &reply, GM_MESSAGE_JOB_INFO));
    gm_buf_fini(&reply);
}

/* An honest client still gets its answers, on both ports. */
static void all_is_well(const struct net *net)
{
    struct gm_client *client = net_client(net, "");
    net_ask_job(client, GM_PORT_CONTROL, 1);
    net_ask_job(client, GM_PORT_BLOBS, 2);
    gm_client_close(client);
}

Test(hostile, a_replayed_frame_is_not_heard_again)
{
    struct net net;
    struct raw raw;
    net_open(&net);
    raw_open(&raw, &net, GM_PORT_CONTROL);
    for (uint32_t i = 0; i < 20; i++) {
        job_asked(&raw, 100 + i, i);
        job_answered(&raw, 100 + i);
        job_asked(&raw, 500 + i, i); /* the same bytes, as if they were a new request */
    }
    /* Sequence numbers far ahead push the old ones out of the window: those are no good either. */
    job_asked(&raw, 200, 5000);
    job_answered(&raw, 200);
    job_asked(&raw, 600, 30);
    job_asked(&raw, 201, 5001);
    job_answered(&raw, 201);
    cr_assert_eq(net_heard(&net, 1), 22);
    /* On another connection it is the same session. */
    struct raw again;
    raw_greet(&again, gm_server_port(net.server, GM_PORT_BLOBS));
    again.session = raw.session;
    again.noise = raw.noise;
    job_asked(&again, 1, 5001);
    job_asked(&again, 2, 5002);
    job_answered(&again, 2);
    cr_assert_eq(net_heard(&net, 1), 23);
    raw_close(&again);
    raw_close(&raw);
    net_close(&net);
}

Test(hostile, a_changed_frame_is_not_answered)
{
    struct net net;
    struct raw raw;
    struct gm_buf frame;
    struct gm_buf reply;
    net_open(&net);
    raw_open(&raw, &net, GM_PORT_CONTROL);
    job_asked(&raw, 1, 0);
    job_answered(&raw, 1);
    raw_seal(&raw, 1, &job_ask, &frame);
    for (size_t at = 0; at < frame.size_bytes; at++) {
        if (at == 3 || (at >= 8 && at < 16))
            continue; /* the type and the session: below */
        frame.data[at] ^= 0x10;
        raw_send_frame(&raw, 1000 + (uint32_t)at, gm_buf_view(&frame));
        frame.data[at] ^= 0x10;
    }
    for (size_t size = 0; size < frame.size_bytes; size++)
        raw_send_frame(&raw, 3000, (struct gm_bytes){frame.data, size});
    for (int type = 0; type < 256; type++) {
        frame.data[3] = (uint8_t)type;
        if (type != GM_FRAME_DATA && type != GM_FRAME_HANDSHAKE_1)
            raw_send_frame(&raw, 4000, gm_buf_view(&frame));
    }
    frame.data[3] = GM_FRAME_DATA;
    raw_send_frame(&raw, 2, gm_buf_view(&frame)); /* as it was: its counter is not used up */
    job_answered(&raw, 2);
    cr_assert_eq(net_heard(&net, 1), 2);
    /* Another session's number: the answer says that it is not known, and nothing else. */
    gm_buf_fini(&frame);
    raw_seal(&raw, 2, &job_ask, &frame);
    frame.data[15] ^= 1;
    raw_send_frame(&raw, 3, gm_buf_view(&frame));
    cr_assert_eq(raw_reply(&raw, &reply), 3);
    cr_assert_eq(reply.size_bytes, GM_FRAME_HEADER_BYTES);
    cr_assert_eq(reply.data[3], GM_FRAME_NO_SESSION);
    gm_buf_fini(&reply);
    gm_buf_fini(&frame);
    raw_close(&raw);
    net_close(&net);
}

Test(hostile, a_message_that_does_not_decode_is_refused_inside_the_session)
{
    struct net net;
    struct raw raw;
    struct gm_buf frame;
    struct gm_buf reply;
    net_open(&net);
    raw_open(&raw, &net, GM_PORT_CONTROL);
    raw_seal(&raw, 0, &job_ask, &frame);
    uint8_t *body = frame.data + GM_FRAME_HEADER_BYTES;
    size_t plain = frame.size_bytes - GM_FRAME_HEADER_BYTES - GM_NOISE_TAG_BYTES;
    memset(body, 0xff, plain);
    gm_noise_seal(&raw.noise.send, 0, (struct gm_bytes){frame.data, GM_FRAME_HEADER_BYTES},
                  (struct gm_bytes){body, plain}, body);
    raw_send_frame(&raw, 9, gm_buf_view(&frame));
    cr_assert_eq(raw_reply(&raw, &reply), 9);
    cr_assert(raw_reply_is(&raw, &reply, GM_MESSAGE_ERROR));
    cr_assert_eq(net_heard(&net, 0), 0);
    gm_buf_fini(&reply);
    gm_buf_fini(&frame);
    raw_close(&raw);
    net_close(&net);
}

Test(hostile, a_handshake_of_garbage_is_refused)
{
    struct net net;
    struct raw raw;
    struct gm_buf reply;
    uint8_t frame[GM_FRAME_HEADER_BYTES + GM_NOISE_FIRST_BYTES + GM_KEY_SIZE] = {0};
    net_open(&net);
    raw_greet(&raw, gm_server_port(net.server, GM_PORT_CONTROL));
    gm_frame_header_put(frame, &(struct gm_frame){.type = GM_FRAME_HANDSHAKE_1});
    for (size_t size = GM_FRAME_HEADER_BYTES; size <= sizeof frame; size += 8) {
        raw_send_frame(&raw, 7, (struct gm_bytes){frame, size});
        cr_assert_eq(raw_reply(&raw, &reply), 7);
        cr_assert_eq(reply.size_bytes, GM_FRAME_HEADER_BYTES);
        cr_assert_eq(reply.data[3], GM_FRAME_REFUSED);
        gm_buf_fini(&reply);
    }
    all_is_well(&net);
    raw_close(&raw);
    net_close(&net);
}

/* ---- connections ---- */

Test(hostile, a_connection_that_proves_nothing_is_ended_after_the_wait)
{
    enum { STEP_MS = 10, STEPS = 2000 };
    struct net net;
    struct raw honest;
    struct raw silent;
    net_open(&net);
    raw_open(&honest, &net, GM_PORT_CONTROL);
    job_asked(&honest, 1, 0);
    job_answered(&honest, 1);
    raw_greet(&silent, gm_server_port(net.server, GM_PORT_CONTROL));
    uint64_t now_ms = gm_clock_monotonic_ns() / 1000000;
    gm_server_tick(net.server, now_ms);
    cr_assert_not(raw_ready(&silent, 0), "not at once");
    /* The time is made up; the steps only wait until the server has noticed the connection. */
    bool ended = false;
    for (int i = 0; i < STEPS && !ended; i++) {
        gm_server_tick(net.server, now_ms + 60000);
        ended = raw_ready(&silent, STEP_MS);
    }
    cr_assert(ended && raw_ended(&silent));
    job_asked(&honest, 2, 1);
    job_answered(&honest, 2);
    raw_close(&silent);
    raw_close(&honest);
    net_close(&net);
}

Test(hostile, a_session_that_nobody_uses_is_forgotten)
{
    struct net net;
    struct raw raw;
    struct gm_buf reply;
    net_open(&net);
    raw_open(&raw, &net, GM_PORT_CONTROL);
    job_asked(&raw, 1, 0);
    job_answered(&raw, 1);
    uint64_t now_ms = gm_clock_monotonic_ns() / 1000000;
    gm_server_tick(net.server, now_ms + GM_SESSION_IDLE_MS - 60000);
    job_asked(&raw, 2, 1);
    job_answered(&raw, 2);
    gm_server_tick(net.server, now_ms + GM_SESSION_IDLE_MS + 60000);
    job_asked(&raw, 3, 2);
    cr_assert_eq(raw_reply(&raw, &reply), 3);
    cr_assert_eq(reply.data[3], GM_FRAME_NO_SESSION);
    gm_buf_fini(&reply);
    raw_close(&raw);
    net_close(&net);
}

Test(hostile, other_protocols_and_garbage_are_hung_up_on)
{
    static const char http[] = "GET /AAAA%41 HTTP/1.1\r\nHost: broker\r\n\r\n";
    static const uint8_t wrong_kind[8] = {0, 'S', 'P', 0, 0, 0x10, 0, 0}; /* PAIR, not REQ */
    uint8_t garbage[512];
    struct net net;
    struct raw raw;
    net_open(&net);
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (uint8_t)(i * 73 + 1);
    for (int port = 0; port < GM_PORT_COUNT; port++) {
        uint16_t number = gm_server_port(net.server, (enum gm_port)port);
        raw_connect(&raw, number);
        (void)raw_send(&raw, http, sizeof http - 1);
        cr_assert(raw_ended(&raw));
        raw_close(&raw);
        raw_connect(&raw, number);
        (void)raw_send(&raw, garbage, sizeof garbage);
        cr_assert(raw_ended(&raw));
        raw_close(&raw);
        raw_connect(&raw, number);
        (void)raw_send(&raw, wrong_kind, sizeof wrong_kind);
        cr_assert(raw_ended(&raw));
        raw_close(&raw);
    }
    all_is_well(&net);
    net_close(&net);
}

Test(hostile, half_a_frame_and_then_silence_or_the_end_disturbs_nobody)
{
    static const uint8_t promise[12] = {0, 0, 0, 0, 0, 0, 1, 0, 0x80, 0, 0, 1};
    enum { CONNECTIONS = 20 };
    struct net net;
    struct raw silent[CONNECTIONS];
    net_open(&net);
    for (int i = 0; i < CONNECTIONS; i++) {
        raw_greet(&silent[i], gm_server_port(net.server, (enum gm_port)(i % GM_PORT_COUNT)));
        cr_assert(raw_send(&silent[i], promise, (size_t)(i % 12 + 1)));
        if (i % 2 == 0)
            raw_close(&silent[i]);
    }
    all_is_well(&net);
    for (int i = 1; i < CONNECTIONS; i += 2)
        raw_close(&silent[i]);
    all_is_well(&net);
    net_close(&net);
}

Test(hostile, a_frame_that_claims_too_much_ends_its_connection_before_it_comes)
{
    static const uint64_t claims[] = {(uint64_t)8 << 30, UINT64_MAX};
    static const uint64_t most[GM_PORT_COUNT] = {GM_WIRE_CONTROL_BYTES_MAX, GM_WIRE_BLOB_BYTES_MAX};
    struct net net;
    struct raw raw;
    net_open(&net);
    for (int port = 0; port < GM_PORT_COUNT; port++) {
        for (int i = 0; i < 3; i++) {
            uint8_t length[8];
            uint64_t claim = i < 2 ? claims[i] : most[port] + 4096;
            for (int b = 0; b < 8; b++)
                length[b] = (uint8_t)(claim >> (56 - 8 * b));
            raw_greet(&raw, gm_server_port(net.server, (enum gm_port)port));
            cr_assert(raw_send(&raw, length, sizeof length));
            cr_assert(raw_ended(&raw));
            raw_close(&raw);
        }
    }
    all_is_well(&net);
    net_close(&net);
}

Test(hostile, a_peer_that_asks_on_and_on_and_never_reads_delays_nobody)
{
    enum { ASKED = 100 };
    struct net net;
    struct raw raw;
    struct gm_buf frame;
    net_open(&net);
    raw_open(&raw, &net, GM_PORT_BLOBS);
    for (uint32_t i = 0; i < ASKED; i++) {
        struct gm_message ask = {.type = GM_MESSAGE_PIECE_ASK};
        ask.piece_ask.piece_index = i;
        raw_seal(&raw, i, &ask, &frame);
        raw_send_frame(&raw, i + 2, gm_buf_view(&frame));
        gm_buf_fini(&frame);
    }
    (void)net_heard(&net, ASKED);
    all_is_well(&net);
    raw_close(&raw);
    all_is_well(&net);
    net_close(&net);
}

/* ---- the table of sessions ---- */

static uint64_t session_add(struct gm_session_table *table, uint64_t now_ms)
{
    struct gm_noise_session noise = {.send = {{1}}, .receive = {{2}}};
    return gm_session_table_add(table, &noise, &(struct gm_key_public){{3}}, now_ms);
}

/* A message opens in it. */
static enum gm_status session_use(struct gm_session_table *table, uint64_t number, uint64_t counter,
                                  uint64_t now_ms)
{
    struct gm_noise_cipher cipher = {{2}};
    struct gm_key_public peer;
    uint8_t sealed[GM_NOISE_TAG_BYTES + 1] = {5};
    uint8_t plain[1];
    gm_noise_seal(&cipher, counter, (struct gm_bytes){NULL, 0}, (struct gm_bytes){sealed, 1},
                  sealed);
    enum gm_status status =
        gm_session_table_open(table, number, counter, (struct gm_bytes){NULL, 0},
                              (struct gm_bytes){sealed, sizeof sealed}, now_ms, plain, &peer);
    if (status == GM_OK)
        gm_session_table_forget(table, number);
    return status;
}

Test(hostile, a_flood_of_handshakes_does_not_push_out_who_works)
{
    struct gm_session_table table;
    cr_assert_eq(gm_session_table_init(&table), GM_OK);
    uint64_t worker = session_add(&table, 1000);
    cr_assert_eq(session_use(&table, worker, 0, 1000), GM_OK);
    uint64_t last = 0;
    for (int i = 0; i < 2 * GM_SESSION_COUNT_MAX; i++)
        last = session_add(&table, 1001);
    cr_assert_eq(session_use(&table, worker, 1, 1002), GM_OK);
    cr_assert_eq(session_use(&table, last, 0, 1002), GM_OK, "and a newcomer finds a place");
    gm_session_table_fini(&table);
}

Test(hostile, a_table_full_of_proven_sessions_gives_up_the_one_unused_longest)
{
    struct gm_session_table table;
    static uint64_t numbers[GM_SESSION_COUNT_MAX];
    cr_assert_eq(gm_session_table_init(&table), GM_OK);
    for (uint64_t i = 0; i < GM_SESSION_COUNT_MAX; i++) {
        numbers[i] = session_add(&table, 1000 + i);
        cr_assert_eq(session_use(&table, numbers[i], 0, 1000 + i), GM_OK);
    }
    cr_assert_eq(session_use(&table, numbers[0], 1, 9000), GM_OK);
    uint64_t newcomer = session_add(&table, 9001);
    cr_assert_eq(session_use(&table, newcomer, 0, 9001), GM_OK);
    cr_assert_eq(session_use(&table, numbers[0], 2, 9001), GM_OK);
    cr_assert_eq(session_use(&table, numbers[1], 1, 9001), GM_NOT_FOUND);
    cr_assert_eq(session_use(&table, numbers[2], 1, 9001), GM_OK);
    gm_session_table_fini(&table);
}
