#include "net.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gm_test.h"

/* ---- answers ---- */

void net_piece(uint64_t index, uint8_t *out)
{
    uint64_t state = index + 1;
    for (size_t i = 0; i < GM_WIRE_PIECE_BYTES; i += 8) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        gm_store_u64(out + i, state ^ state >> 29);
    }
}

static void job_info(struct gm_request *request)
{
    struct gm_message reply = {.type = GM_MESSAGE_JOB_INFO};
    const struct gm_message *message = gm_request_message(request);
    memcpy(reply.job_info.job, message->job_ask.job, GM_ID_BYTES);
    reply.job_info.name = gm_message_text(NET_JOB_NAME);
    gm_request_reply(request, &reply);
}

static void piece_send(struct gm_request *request)
{
    struct gm_message reply = {.type = GM_MESSAGE_PIECE};
    uint8_t *piece = gm_mem_new(GM_WIRE_PIECE_BYTES, 1);
    if (piece == NULL) {
        gm_request_drop(request);
        return;
    }
    net_piece(gm_request_message(request)->piece_ask.piece_index, piece);
    reply.piece.data = (struct gm_bytes){piece, GM_WIRE_PIECE_BYTES};
    gm_request_reply(request, &reply);
    gm_mem_free(piece);
}

static void piece_take(struct gm_request *request)
{
    const struct gm_msg_put_piece *put = &gm_request_message(request)->put_piece;
    uint8_t *piece = gm_mem_new(GM_WIRE_PIECE_BYTES, 1);
    bool right = piece != NULL && put->data.size_bytes == GM_WIRE_PIECE_BYTES;
    if (right) {
        net_piece(put->piece_index, piece);
        right = memcmp(piece, put->data.data, GM_WIRE_PIECE_BYTES) == 0;
    }
    gm_mem_free(piece);
    if (right)
        gm_request_reply(request, &(struct gm_message){.type = GM_MESSAGE_OK});
    else
        gm_request_refuse(request, GM_UNTRUSTED, 0, "not the piece");
}

static void too_long(struct gm_request *request)
{
    static const uint8_t zeros[GM_WIRE_CONTROL_BYTES_MAX] = {0};
    struct gm_message reply = {.type = GM_MESSAGE_LEASE};
    reply.lease.token = (struct gm_bytes){zeros, 4096};
    reply.lease.task = (struct gm_bytes){zeros, sizeof zeros - 4096};
    gm_request_reply(request, &reply);
}

static void heard_count(struct gm_request *request, uint64_t heard)
{
    struct gm_message reply = {.type = GM_MESSAGE_BROKER_INFO};
    reply.broker_info.workers = heard;
    gm_request_reply(request, &reply);
}

static void request_arrived(void *ctx, struct gm_request *request)
{
    struct net *net = ctx;
    enum gm_message_type type = gm_request_message(request)->type;
    (void)pthread_mutex_lock(&net->lock);
    uint64_t heard = ++net->heard;
    net->peer = *gm_request_peer(request);
    bool park = type == GM_MESSAGE_LEASE_ASK && net->parked_count < NET_PARKED_MAX;
    if (park)
        net->parked[net->parked_count++] = request;
    (void)pthread_cond_broadcast(&net->heard_one);
    (void)pthread_mutex_unlock(&net->lock);
    if (park)
        return;
    if (type == GM_MESSAGE_JOB_ASK)
        job_info(request);
    else if (type == GM_MESSAGE_PIECE_ASK)
        piece_send(request);
    else if (type == GM_MESSAGE_PUT_PIECE)
        piece_take(request);
    else if (type == GM_MESSAGE_STATE_ASK)
        too_long(request);
    else if (type == GM_MESSAGE_BROKER_ASK)
        heard_count(request, heard);
    else
        gm_request_refuse(request, GM_UNSUPPORTED, 0, "not here");
}

uint64_t net_heard(struct net *net, uint64_t at_least)
{
    (void)pthread_mutex_lock(&net->lock);
    while (net->heard < at_least)
        (void)pthread_cond_wait(&net->heard_one, &net->lock);
    uint64_t heard = net->heard;
    (void)pthread_mutex_unlock(&net->lock);
    return heard;
}

static size_t parked_take(struct net *net, struct gm_request *out[NET_PARKED_MAX])
{
    (void)pthread_mutex_lock(&net->lock);
    size_t count = net->parked_count;
    memcpy(out, net->parked, count * sizeof *out);
    net->parked_count = 0;
    (void)pthread_mutex_unlock(&net->lock);
    return count;
}

void net_release(struct net *net)
{
    struct gm_request *parked[NET_PARKED_MAX];
    size_t count = parked_take(net, parked);
    for (size_t i = 0; i < count; i++)
        gm_request_reply(parked[i], &(struct gm_message){.type = GM_MESSAGE_LEASE_NONE});
}

/* ---- life ---- */

static void server_start(struct net *net, const char *address)
{
    struct gm_error err = {.status = GM_OK};
    struct gm_server_config config = {.key = &net->key,
                                      .address = address,
                                      .handler = request_arrived,
                                      .ctx = net,
                                      .open_bytes_max = 64 << 20};
    enum gm_status status = gm_server_open(&config, &net->server, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
}

void net_open(struct net *net)
{
    *net = (struct net){0};
    gm_key_from_seed(&net->key, (const uint8_t[GM_KEY_SIZE]){1});
    gm_key_from_seed(&net->worker, (const uint8_t[GM_KEY_SIZE]){2});
    cr_assert_eq(pthread_mutex_init(&net->lock, NULL), 0);
    cr_assert_eq(pthread_cond_init(&net->heard_one, NULL), 0);
    server_start(net, "tcp://127.0.0.1:0");
    (void)snprintf(net->address, sizeof net->address, "tcp://127.0.0.1:%u",
                   gm_server_port(net->server, GM_PORT_CONTROL));
}

void net_shut(struct net *net)
{
    struct gm_request *parked[NET_PARKED_MAX];
    gm_server_stop(net->server);
    size_t count = parked_take(net, parked);
    for (size_t i = 0; i < count; i++)
        gm_request_drop(parked[i]);
    gm_server_close(net->server);
    net->server = NULL;
}

void net_reopen(struct net *net)
{
    server_start(net, net->address);
}

void net_close(struct net *net)
{
    if (net->server != NULL)
        net_shut(net);
    (void)pthread_cond_destroy(&net->heard_one);
    (void)pthread_mutex_destroy(&net->lock);
}

struct gm_client *net_client(const struct net *net, const char *address)
{
    struct gm_client *client = NULL;
    struct gm_client_config config = {address[0] == '\0' ? net->address : address, &net->worker,
                                      net->key.public_key};
    cr_assert_eq(gm_client_open(&config, &client, NULL), GM_OK);
    return client;
}

enum gm_status net_try_job(struct gm_client *client, enum gm_port port, uint8_t name,
                           struct gm_error *err)
{
    struct gm_message request = {.type = GM_MESSAGE_JOB_ASK};
    struct gm_reply reply;
    memset(request.job_ask.job, name, GM_ID_BYTES);
    enum gm_status status =
        gm_client_ask(client, port, &request, NET_WAIT_MS, GM_MESSAGE_JOB_INFO, &reply, NULL, err);
    if (status != GM_OK)
        return status;
    cr_assert_arr_eq(reply.message.job_info.job, request.job_ask.job, GM_ID_BYTES);
    cr_assert(gm_bytes_equal(reply.message.job_info.name, gm_message_text(NET_JOB_NAME)));
    gm_reply_fini(&reply);
    return GM_OK;
}

void net_ask_job(struct gm_client *client, enum gm_port port, uint8_t name)
{
    struct gm_error err = {.status = GM_OK};
    cr_assert_eq(net_try_job(client, port, name, &err), GM_OK, "%s", err.text);
}
