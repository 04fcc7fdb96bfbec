/* Sessions over real sockets on loopback: calls, reconnects, restarts, keys, and what somebody on
   the way sees. */
#include "gm_test.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net.h"
#include "relay.h"

/* ---- calls ---- */

static void piece_fetch(struct gm_client *client, uint64_t index)
{
    struct gm_message request = {.type = GM_MESSAGE_PIECE_ASK};
    struct gm_reply reply;
    struct gm_error err = {.status = GM_OK};
    uint8_t *expected = gm_mem_new(GM_WIRE_PIECE_BYTES, 1);
    cr_assert_not_null(expected);
    net_piece(index, expected);
    request.piece_ask.piece_index = index;
    enum gm_status status = gm_client_ask(client, GM_PORT_BLOBS, &request, NET_WAIT_MS,
                                          GM_MESSAGE_PIECE, &reply, NULL, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
    cr_assert_eq(reply.message.piece.data.size_bytes, GM_WIRE_PIECE_BYTES);
    cr_assert_arr_eq(reply.message.piece.data.data, expected, GM_WIRE_PIECE_BYTES);
    gm_reply_fini(&reply);
    gm_mem_free(expected);
}

static void piece_send(struct gm_client *client, uint64_t index)
{
    struct gm_message request = {.type = GM_MESSAGE_PUT_PIECE};
    struct gm_reply reply;
    struct gm_error err = {.status = GM_OK};
    uint8_t *piece = gm_mem_new(GM_WIRE_PIECE_BYTES, 1);
    cr_assert_not_null(piece);
    net_piece(index, piece);
    request.put_piece.piece_index = index;
    request.put_piece.data = (struct gm_bytes){piece, GM_WIRE_PIECE_BYTES};
    enum gm_status status = gm_client_ask(client, GM_PORT_BLOBS, &request, NET_WAIT_MS,
                                          GM_MESSAGE_OK, &reply, NULL, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
    gm_reply_fini(&reply);
    gm_mem_free(piece);
}

Test(session, both_ports_answer_whoever_has_the_key)
{
    struct net net;
    net_open(&net);
    struct gm_client *client = net_client(&net, "");
    net_ask_job(client, GM_PORT_CONTROL, 1);
    net_ask_job(client, GM_PORT_BLOBS, 2);
    cr_assert(gm_key_public_equal(&net.peer, &net.worker.public_key), "the server knows who asks");
    piece_fetch(client, 3);
    piece_send(client, 4);
    gm_client_close(client);
    net_close(&net);
}

struct asker {
    struct gm_client *client;
    pthread_t thread;
    uint8_t name;
};

static void *asker_main(void *arg)
{
    struct asker *asker = arg;
    for (uint8_t i = 0; i < 25; i++) {
        net_ask_job(asker->client, i % 3 == 0 ? GM_PORT_BLOBS : GM_PORT_CONTROL,
                    (uint8_t)(asker->name + i));
        if (i % 8 == 0)
            piece_fetch(asker->client, i);
        if (i % 8 == 4)
            piece_send(asker->client, i);
    }
    return NULL;
}

Test(session, threads_that_share_a_client_get_their_own_answers)
{
    enum { ASKERS = 12 };
    struct net net;
    struct asker askers[ASKERS];
    net_open(&net);
    struct gm_client *client = net_client(&net, "");
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.client = client, .name = (uint8_t)(20 * i)};
        cr_assert_eq(pthread_create(&askers[i].thread, NULL, asker_main, &askers[i]), 0);
    }
    for (int i = 0; i < ASKERS; i++)
        cr_assert_eq(pthread_join(askers[i].thread, NULL), 0);
    cr_assert_eq(net_heard(&net, 1), ASKERS * (25 + 7), "every request came once");
    gm_client_close(client);
    net_close(&net);
}

Test(session, an_error_becomes_its_status_and_text)
{
    struct net net;
    struct gm_error err;
    struct gm_reply reply;
    uint64_t retry_ms = 1;
    net_open(&net);
    struct gm_client *client = net_client(&net, "");
    struct gm_message cancel = {.type = GM_MESSAGE_CANCEL};
    cr_assert_eq(gm_client_ask(client, GM_PORT_CONTROL, &cancel, NET_WAIT_MS, GM_MESSAGE_OK, &reply,
                               &retry_ms, &err),
                 GM_UNSUPPORTED);
    cr_assert_str_eq(err.text, "the broker says: not here");
    cr_assert_eq(retry_ms, 0);
    struct gm_message state = {.type = GM_MESSAGE_STATE_ASK};
    cr_assert_eq(gm_client_ask(client, GM_PORT_CONTROL, &state, NET_WAIT_MS, GM_MESSAGE_STATE_INFO,
                               &reply, &retry_ms, &err),
                 GM_LIMIT, "an answer that fits no message is an error, not silence");
    struct gm_message job = {.type = GM_MESSAGE_JOB_ASK};
    cr_assert_eq(gm_client_ask(client, GM_PORT_CONTROL, &job, NET_WAIT_MS, GM_MESSAGE_LEASE, &reply,
                               NULL, &err),
                 GM_PEER, "another kind of answer than was expected");
    cr_assert_not_null(strstr(err.text, "job_info"));
    gm_client_close(client);
    net_close(&net);
}

static void *wait_long(void *arg)
{
    struct gm_message request = {.type = GM_MESSAGE_LEASE_ASK};
    struct gm_reply reply;
    struct asker *asker = arg;
    enum gm_status status =
        gm_client_call(asker->client, GM_PORT_CONTROL, &request, 600000, &reply, NULL);
    if (status == GM_OK)
        gm_reply_fini(&reply);
    asker->name = (uint8_t)status;
    return NULL;
}

Test(session, a_long_wait_holds_nobody_up_and_too_many_are_sent_away)
{
    enum { PARKED = 16 };
    struct net net;
    struct asker askers[PARKED];
    struct gm_error err;
    net_open(&net);
    struct gm_client *client = net_client(&net, "");
    for (int i = 0; i < PARKED; i++) {
        askers[i] = (struct asker){.client = client};
        cr_assert_eq(pthread_create(&askers[i].thread, NULL, wait_long, &askers[i]), 0);
    }
    cr_assert_eq(net_heard(&net, PARKED), PARKED);
    cr_assert_eq(net_try_job(client, GM_PORT_BLOBS, 1, &err), GM_BUSY, "one session, 16 requests");
    struct gm_client *other = net_client(&net, "");
    net_ask_job(other, GM_PORT_CONTROL, 2);
    net_release(&net);
    for (int i = 0; i < PARKED; i++) {
        cr_assert_eq(pthread_join(askers[i].thread, NULL), 0);
        cr_assert_eq(askers[i].name, GM_OK);
    }
    net_ask_job(client, GM_PORT_BLOBS, 3);
    gm_client_close(other);
    gm_client_close(client);
    net_close(&net);
}

Test(session, stopping_a_client_ends_its_calls)
{
    struct net net;
    net_open(&net);
    struct gm_client *client = net_client(&net, "");
    struct asker asker = {.client = client};
    cr_assert_eq(pthread_create(&asker.thread, NULL, wait_long, &asker), 0);
    (void)net_heard(&net, 1);
    gm_client_stop(client);
    cr_assert_eq(pthread_join(asker.thread, NULL), 0);
    cr_assert_eq(asker.name, GM_CANCELLED);
    cr_assert_eq(net_try_job(client, GM_PORT_BLOBS, 1, NULL), GM_CANCELLED);
    gm_client_close(client);
    net_close(&net); /* drops the request that nobody waits for */
}

/* ---- absence ---- */

Test(session, an_absent_broker_is_a_timeout_that_names_the_address)
{
    struct net net;
    struct gm_error err;
    struct gm_reply reply;
    struct gm_message request = {.type = GM_MESSAGE_JOB_LIST};
    net_open(&net);
    net_shut(&net);
    struct gm_client *client = net_client(&net, "");
    cr_assert_eq(gm_client_call(client, GM_PORT_CONTROL, &request, 50, &reply, &err), GM_TIMEOUT);
    cr_assert_not_null(strstr(err.text, net.address));
    net_reopen(&net);
    net_ask_job(client, GM_PORT_CONTROL, 1);
    gm_client_close(client);
    net_close(&net);
}

Test(session, a_client_makes_a_new_session_when_the_broker_was_restarted)
{
    struct net net;
    struct gm_error err = {.status = GM_OK};
    net_open(&net);
    struct gm_client *client = net_client(&net, "");
    net_ask_job(client, GM_PORT_CONTROL, 1);
    net_ask_job(client, GM_PORT_BLOBS, 1);
    for (int round = 0; round < 2; round++) {
        net_shut(&net);
        net_reopen(&net);
        /* The loss of the old connection may be noticed by the first calls. */
        enum gm_status status = GM_PEER;
        for (int i = 0; i < 10 && status == GM_PEER; i++)
            status = net_try_job(client, round == 0 ? GM_PORT_CONTROL : GM_PORT_BLOBS, 2, &err);
        cr_assert_eq(status, GM_OK, "%s", err.text);
    }
    gm_client_close(client);
    net_close(&net);
}

static const uint8_t first_frame[] = {'G', 'M', 1, 1}; /* opens a handshake */

Test(session, a_session_outlives_its_connection)
{
    struct net net;
    struct relay relay;
    struct gm_error err = {.status = GM_OK};
    net_open(&net);
    relay_open(&relay, gm_server_port(net.server, GM_PORT_CONTROL));
    struct gm_client *client = net_client(&net, relay.address);
    net_ask_job(client, GM_PORT_CONTROL, 1);
    net_ask_job(client, GM_PORT_BLOBS, 1);
    for (uint8_t cut = 0; cut < 3; cut++) {
        relay_cut(&relay);
        for (int port = 0; port < GM_PORT_COUNT; port++) {
            enum gm_status status = GM_PEER;
            for (int i = 0; i < 10 && status == GM_PEER; i++)
                status = net_try_job(client, (enum gm_port)port, cut, &err);
            cr_assert_eq(status, GM_OK, "%s", err.text);
        }
    }
    cr_assert_eq(relay_saw(&relay, first_frame, sizeof first_frame), 1, "one handshake in all");
    gm_client_close(client);
    relay_close(&relay);
    net_close(&net);
}

/* ---- keys ---- */

Test(session, another_key_than_the_pinned_one_is_named)
{
    struct net net;
    struct gm_key other;
    struct gm_error err;
    char hex[GM_KEY_HEX_SIZE];
    net_open(&net);
    gm_key_from_seed(&other, (const uint8_t[GM_KEY_SIZE]){9});
    struct gm_client *client;
    struct gm_client_config config = {net.address, &net.worker, other.public_key};
    cr_assert_eq(gm_client_open(&config, &client, NULL), GM_OK);
    cr_assert_eq(net_try_job(client, GM_PORT_CONTROL, 1, &err), GM_UNTRUSTED);
    cr_assert_not_null(strstr(err.text, "does not hold the pinned key"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, gm_key_public_hex(hex, &other.public_key)));
    cr_assert_not_null(strstr(err.text, net.address));
    gm_client_close(client);
    client = net_client(&net, "");
    net_ask_job(client, GM_PORT_CONTROL, 1);
    cr_assert_eq(net_heard(&net, 1), 1, "nothing of the stranger's came through");
    gm_client_close(client);
    net_close(&net);
}

/* ---- addresses ---- */

static enum gm_status open_at(const struct net *net, const char *address, struct gm_server **out,
                              struct gm_error *err)
{
    struct gm_server_config config = {.key = &net->key, .address = address};
    return gm_server_open(&config, out, err);
}

Test(session, a_port_in_use_is_named)
{
    struct net net;
    struct gm_server *second;
    struct gm_error err;
    char address[64];
    net_open(&net);
    cr_assert_eq(open_at(&net, net.address, &second, &err), GM_IO);
    cr_assert_not_null(strstr(err.text, net.address), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "in use"), "%s", err.text);
    /* The blob port alone: the one before it is free or not, but this one is taken. */
    (void)snprintf(address, sizeof address, "tcp://127.0.0.1:%u",
                   gm_server_port(net.server, GM_PORT_BLOBS));
    cr_assert_eq(open_at(&net, address, &second, &err), GM_IO);
    cr_assert_not_null(strstr(err.text, address), "%s", err.text);
    cr_assert_eq(open_at(&net, "tcp://127.0.0.1:65535", &second, &err), GM_USAGE);
    cr_assert_eq(open_at(&net, "127.0.0.1:7700", &second, &err), GM_USAGE);
    struct gm_client *client = net_client(&net, "");
    net_ask_job(client, GM_PORT_CONTROL, 1);
    gm_client_close(client);
    net_close(&net);
}

Test(session, two_brokers_with_one_port_number_at_two_addresses_are_two_brokers)
{
    struct net net;
    struct gm_server *second = NULL;
    struct gm_error err;
    struct gm_client *client;
    struct gm_key other;
    char address[64];
    net_open(&net);
    gm_key_from_seed(&other, (const uint8_t[GM_KEY_SIZE]){9});
    (void)snprintf(address, sizeof address, "tcp://127.0.0.2:%u",
                   gm_server_port(net.server, GM_PORT_CONTROL));
    struct gm_server_config server = {.key = &other, .address = address};
    if (gm_server_open(&server, &second, &err) != GM_OK)
        cr_skip_test("no second loopback address here");
    struct gm_client_config config = {address, &net.worker, net.key.public_key};
    cr_assert_eq(gm_client_open(&config, &client, NULL), GM_OK);
    cr_assert_eq(net_try_job(client, GM_PORT_CONTROL, 1, &err), GM_UNTRUSTED);
    gm_client_close(client);
    client = net_client(&net, "");
    net_ask_job(client, GM_PORT_CONTROL, 2);
    gm_client_close(client);
    gm_server_close(second);
    net_close(&net);
}

/* ---- who listens on the way ---- */

enum { WINDOW = 16, SLOTS = 1 << 22 };

static uint32_t window_slot(const uint8_t *at)
{
    uint64_t a = gm_load_u64(at);
    uint64_t b = gm_load_u64(at + 8);
    return (uint32_t)((a * 0x9e3779b97f4a7c15u ^ b * 0xc2b2ae3d27d4eb4fu) >> 42);
}

/* Whether any 16 bytes in a row of `plain` stand in `log`: by a table of places in `plain`, those
   with the same hash in a chain. */
static bool window_shown(struct gm_bytes log, struct gm_bytes plain)
{
    uint32_t *first = gm_mem_new(SLOTS, sizeof *first); /* a place + 1; 0: none */
    uint32_t *next = gm_mem_new(plain.size_bytes, sizeof *next);
    bool shown = false;
    cr_assert(first != NULL && next != NULL);
    for (uint32_t i = 0; i + WINDOW <= plain.size_bytes; i++) {
        uint32_t slot = window_slot(plain.data + i);
        next[i] = first[slot];
        first[slot] = i + 1;
    }
    for (size_t at = 0; at + WINDOW <= log.size_bytes && !shown; at++) {
        for (uint32_t i = first[window_slot(log.data + at)]; i != 0 && !shown; i = next[i - 1])
            shown = memcmp(plain.data + i - 1, log.data + at, WINDOW) == 0;
    }
    gm_mem_free(next);
    gm_mem_free(first);
    return shown;
}

Test(session, who_listens_sees_no_weight_and_no_job_name)
{
    struct net net;
    struct relay relay;
    net_open(&net);
    relay_open(&relay, gm_server_port(net.server, GM_PORT_CONTROL));
    struct gm_client *client = net_client(&net, relay.address);
    net_ask_job(client, GM_PORT_CONTROL, 1);
    piece_send(client, 7);  /* a gradient goes up */
    piece_fetch(client, 8); /* weights come down */
    gm_client_close(client);
    uint8_t *weights = gm_mem_new(GM_WIRE_PIECE_BYTES, 1);
    cr_assert_not_null(weights);
    (void)pthread_mutex_lock(&relay.lock);
    struct gm_bytes log = gm_buf_view(&relay.log);
    cr_assert_eq(relay.log.status, GM_OK);
    cr_assert_gt(log.size_bytes, 2 * GM_WIRE_PIECE_BYTES, "all of it went this way");
    for (uint64_t index = 7; index <= 8; index++) {
        net_piece(index, weights);
        cr_assert_not(window_shown(log, (struct gm_bytes){weights, GM_WIRE_PIECE_BYTES}));
    }
    cr_assert_not(window_shown(log, gm_message_text(NET_JOB_NAME)));
    /* And it would be seen. */
    memcpy(relay.log.data + GM_WIRE_PIECE_BYTES, weights + 12345, WINDOW);
    cr_assert(window_shown(log, (struct gm_bytes){weights, GM_WIRE_PIECE_BYTES}));
    memcpy(relay.log.data + GM_WIRE_PIECE_BYTES, NET_JOB_NAME, WINDOW);
    cr_assert(window_shown(log, gm_message_text(NET_JOB_NAME)));
    (void)pthread_mutex_unlock(&relay.lock);
    gm_mem_free(weights);
    relay_close(&relay);
    net_close(&net);
}
