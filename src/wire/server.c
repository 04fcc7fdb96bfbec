#include "wire/server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "wire/address.h"
#include "wire/frame.h"
#include "wire/session_table.h"
#include "wire/transport.h"

enum {
    STRANGER_WAIT_MS = 5000,
    PORT_TRIES = 16,
    BUSY_RETRY_MS = 250,
};

struct port {
    struct gm_server *server;
    enum gm_port kind;
    struct gm_listener *listener;
};

struct gm_server {
    struct gm_server_config config;
    struct gm_session_table sessions;
    struct port ports[GM_PORT_COUNT];
    _Atomic uint64_t open_bytes;
};

struct gm_request {
    struct port *port;
    struct gm_inbound *inbound;
    uint64_t session;
    struct gm_key_public peer;
    struct gm_message message;
    uint64_t size_bytes; /* counted in open_bytes */
    uint8_t plain[];
};

static size_t frame_bytes_max(enum gm_port kind)
{
    size_t message = kind == GM_PORT_CONTROL ? GM_WIRE_CONTROL_BYTES_MAX : GM_WIRE_BLOB_BYTES_MAX;
    return message + GM_FRAME_HEADER_BYTES + GM_NOISE_TAG_BYTES;
}

static uint64_t now_ms(void)
{
    return gm_clock_monotonic_ns() / 1000000;
}

/* ---- replies in the clear ---- */

static void reply_bare(struct gm_inbound *inbound, enum gm_frame_type type, uint64_t session,
                       struct gm_bytes payload)
{
    struct gm_buf frame;
    gm_buf_init(&frame, GM_FRAME_HEADER_BYTES + payload.size_bytes);
    uint8_t *header = gm_buf_extend(&frame, GM_FRAME_HEADER_BYTES);
    if (header != NULL)
        gm_frame_header_put(header, &(struct gm_frame){.type = type, .session = session});
    gm_buf_append(&frame, payload.data, payload.size_bytes);
    if (frame.status == GM_OK)
        gm_inbound_reply(inbound, gm_buf_view(&frame));
    else
        gm_inbound_drop(inbound);
    gm_buf_fini(&frame);
}

/* ---- handshake ---- */

/* Runs both messages of the responder. On GM_OK `reply` holds message 2 and the session is in the
   table. */
static enum gm_status handshake_answer(struct gm_server *server, struct gm_bytes first,
                                       struct gm_buf *reply, uint64_t *number)
{
    struct gm_noise_handshake handshake;
    struct gm_buf payload;
    struct gm_key_public peer;
    gm_buf_init(&payload, GM_NOISE_MESSAGE_BYTES_MAX);
    enum gm_status status =
        gm_noise_responder_init(&handshake, server->config.key, gm_frame_prologue(), NULL);
    if (status == GM_OK)
        status = gm_noise_read(&handshake, first, &payload, NULL);
    if (status == GM_OK && payload.size_bytes != sizeof peer.bytes)
        status = GM_PEER;
    if (status == GM_OK) {
        memcpy(peer.bytes, payload.data, sizeof peer.bytes);
        status = gm_noise_peer_is(&handshake, &peer) ? GM_OK : GM_UNTRUSTED;
    }
    if (status == GM_OK)
        status = gm_noise_write(&handshake, (struct gm_bytes){NULL, 0}, reply, NULL);
    if (status == GM_OK) {
        struct gm_noise_session noise;
        gm_noise_split(&handshake, &noise);
        *number = gm_session_table_add(&server->sessions, &noise, &peer, now_ms());
    }
    gm_noise_wipe(&handshake);
    gm_buf_fini(&payload);
    return status;
}

static void handshake_receive(struct gm_server *server, struct gm_inbound *inbound,
                              struct gm_bytes first)
{
    struct gm_buf reply;
    uint64_t number = 0;
    gm_buf_init(&reply, GM_NOISE_MESSAGE_BYTES_MAX);
    enum gm_status status = handshake_answer(server, first, &reply, &number);
    if (status == GM_OK)
        reply_bare(inbound, GM_FRAME_HANDSHAKE_2, number, gm_buf_view(&reply));
    else if (status == GM_UNTRUSTED || status == GM_PEER)
        reply_bare(inbound, GM_FRAME_REFUSED, 0, (struct gm_bytes){NULL, 0});
    else
        gm_inbound_drop(inbound); /* our fault, not the peer's: it tries again */
    gm_buf_fini(&reply);
}

/* ---- requests ---- */

static void request_free(struct gm_request *request)
{
    (void)atomic_fetch_sub(&request->port->server->open_bytes, request->size_bytes);
    gm_mem_free(request);
}

static struct gm_request *request_new(struct port *port, struct gm_inbound *inbound,
                                      const struct gm_frame *frame)
{
    struct gm_request *request = gm_mem_new(1, sizeof *request + frame->payload.size_bytes);
    if (request == NULL)
        return NULL;
    request->port = port;
    request->inbound = inbound;
    request->session = frame->session;
    request->size_bytes = frame->payload.size_bytes;
    (void)atomic_fetch_add(&port->server->open_bytes, request->size_bytes);
    return request;
}

/* The request is open in its session: only replies from here on. */
static void request_accept(struct gm_request *request, struct gm_bytes plain, bool busy)
{
    struct gm_server *server = request->port->server;
    struct gm_error err = {.status = GM_OK};
    if (busy || atomic_load(&server->open_bytes) > server->config.open_bytes_max) {
        gm_request_refuse(request, GM_BUSY, BUSY_RETRY_MS, "too many requests at once");
        return;
    }
    if (gm_message_decode(plain, &request->message, &err) != GM_OK) {
        gm_request_refuse(request, GM_INVALID, 0, err.text);
        return;
    }
    server->config.handler(server->config.ctx, request);
}

static void data_receive(struct port *port, struct gm_inbound *inbound,
                         const struct gm_frame *frame)
{
    struct gm_server *server = port->server;
    struct gm_request *request = request_new(port, inbound, frame);
    if (request == NULL) {
        gm_inbound_drop(inbound);
        return;
    }
    enum gm_status status =
        gm_session_table_open(&server->sessions, frame->session, frame->counter, frame->header,
                              frame->payload, now_ms(), request->plain, &request->peer);
    if (status == GM_OK || status == GM_BUSY) {
        gm_listener_admit(port->listener, gm_inbound_connection(inbound));
        struct gm_bytes plain = {request->plain, frame->payload.size_bytes - GM_NOISE_TAG_BYTES};
        request_accept(request, plain, status == GM_BUSY);
        return;
    }
    request_free(request);
    if (status == GM_NOT_FOUND)
        reply_bare(inbound, GM_FRAME_NO_SESSION, frame->session, (struct gm_bytes){NULL, 0});
    else
        gm_inbound_drop(inbound); /* forged, changed or repeated: no answer */
}

static void frame_receive(void *ctx, struct gm_inbound *inbound)
{
    struct port *port = ctx;
    struct gm_frame frame;
    if (gm_frame_decode(gm_inbound_frame(inbound), &frame) != GM_OK)
        gm_inbound_drop(inbound);
    else if (frame.type == GM_FRAME_HANDSHAKE_1)
        handshake_receive(port->server, inbound, frame.payload);
    else if (frame.type == GM_FRAME_DATA)
        data_receive(port, inbound, &frame);
    else
        gm_inbound_drop(inbound);
}

enum gm_port gm_request_port(const struct gm_request *request)
{
    return request->port->kind;
}

const struct gm_key_public *gm_request_peer(const struct gm_request *request)
{
    return &request->peer;
}

const struct gm_message *gm_request_message(const struct gm_request *request)
{
    return &request->message;
}

/* Header, room for the sealed message, message: sealed where it stands. */
static enum gm_status reply_seal(struct gm_request *request, const struct gm_message *message,
                                 struct gm_buf *frame)
{
    struct gm_noise_cipher cipher;
    uint64_t counter;
    (void)gm_buf_extend(frame, GM_FRAME_HEADER_BYTES);
    GM_TRY(gm_message_encode(message, frame));
    size_t plain_bytes = frame->size_bytes - GM_FRAME_HEADER_BYTES;
    (void)gm_buf_extend(frame, GM_NOISE_TAG_BYTES);
    if (frame->status != GM_OK)
        return frame->status;
    GM_TRY(gm_session_table_next(&request->port->server->sessions, request->session, &cipher,
                                 &counter));
    gm_frame_header_put(
        frame->data,
        &(struct gm_frame){.type = GM_FRAME_DATA, .session = request->session, .counter = counter});
    uint8_t *body = frame->data + GM_FRAME_HEADER_BYTES;
    gm_noise_seal(&cipher, counter, (struct gm_bytes){frame->data, GM_FRAME_HEADER_BYTES},
                  (struct gm_bytes){body, plain_bytes}, body);
    return GM_OK;
}

bool gm_request_connected(const struct gm_request *request)
{
    return gm_inbound_connected(request->inbound);
}

uint64_t gm_server_losses(const struct gm_server *server, enum gm_port port)
{
    return gm_listener_losses(server->ports[port].listener);
}

void gm_request_reply(struct gm_request *request, const struct gm_message *message)
{
    struct gm_buf frame;
    gm_buf_init(&frame, frame_bytes_max(request->port->kind));
    enum gm_status status = reply_seal(request, message, &frame);
    if (status == GM_OK) {
        gm_inbound_reply(request->inbound, gm_buf_view(&frame));
        request_free(request);
    } else if (status == GM_LIMIT) { /* an ERROR always fits */
        gm_request_refuse(request, GM_LIMIT, 0, "the answer is too long for a message");
    } else {
        gm_request_drop(request);
    }
    gm_buf_fini(&frame);
}

void gm_request_refuse(struct gm_request *request, enum gm_status status, uint64_t retry_ms,
                       const char *text)
{
    struct gm_message message = {.type = GM_MESSAGE_ERROR};
    message.error.status = (uint64_t)status;
    message.error.text = gm_message_text(text);
    message.error.retry_ms = retry_ms;
    gm_request_reply(request, &message);
}

void gm_request_drop(struct gm_request *request)
{
    gm_session_table_forget(&request->port->server->sessions, request->session);
    gm_inbound_drop(request->inbound);
    request_free(request);
}

/* ---- life ---- */

static enum gm_status port_open(struct port *port, const char *address, struct gm_error *err)
{
    return gm_listener_open(address, frame_bytes_max(port->kind), frame_receive, port,
                            &port->listener, err);
}

/* The blob port is the control port plus one; with port 0 pairs are tried until one is free. */
static enum gm_status ports_open(struct gm_server *server, struct gm_error *err)
{
    enum gm_status status = GM_OK;
    for (int i = 0; i < PORT_TRIES; i++) {
        char next[GM_ADDRESS_CHARS];
        GM_TRY(port_open(&server->ports[GM_PORT_CONTROL], server->config.address, err));
        uint16_t port = gm_server_port(server, GM_PORT_CONTROL);
        status = gm_address_with_port(server->config.address, (uint32_t)port + 1, next, err);
        if (status == GM_OK)
            status = port_open(&server->ports[GM_PORT_BLOBS], next, err);
        if (status == GM_OK || !gm_address_port_is_free(server->config.address))
            return status;
        gm_listener_close(server->ports[GM_PORT_CONTROL].listener);
        server->ports[GM_PORT_CONTROL].listener = NULL;
    }
    return status;
}

enum gm_status gm_server_open(const struct gm_server_config *config, struct gm_server **out,
                              struct gm_error *err)
{
    struct gm_server *server = gm_mem_new(1, sizeof *server);
    if (server == NULL || gm_session_table_init(&server->sessions) != GM_OK) {
        gm_mem_free(server);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", config->address);
    }
    server->config = *config;
    for (int i = 0; i < GM_PORT_COUNT; i++)
        server->ports[i] = (struct port){server, (enum gm_port)i, NULL};
    enum gm_status status = ports_open(server, err);
    if (status != GM_OK) {
        gm_server_close(server);
        return status;
    }
    *out = server;
    return GM_OK;
}

void gm_server_stop(struct gm_server *server)
{
    for (int i = 0; i < GM_PORT_COUNT; i++) {
        if (server->ports[i].listener != NULL)
            gm_listener_stop(server->ports[i].listener);
    }
}

void gm_server_close(struct gm_server *server)
{
    if (server == NULL)
        return;
    gm_server_stop(server); /* both ports, before the sessions they share go */
    for (int i = 0; i < GM_PORT_COUNT; i++)
        gm_listener_close(server->ports[i].listener);
    gm_session_table_fini(&server->sessions);
    gm_mem_free(server);
}

uint16_t gm_server_port(const struct gm_server *server, enum gm_port port)
{
    return gm_listener_port(server->ports[port].listener);
}

void gm_server_tick(struct gm_server *server, uint64_t time_ms)
{
    gm_session_table_sweep(&server->sessions, time_ms);
    for (int i = 0; i < GM_PORT_COUNT; i++)
        gm_listener_sweep(server->ports[i].listener, time_ms, STRANGER_WAIT_MS);
}
