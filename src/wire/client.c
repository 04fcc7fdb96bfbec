#include "wire/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"
#include "trust/noise.h"
#include "wire/address.h"
#include "wire/frame.h"
#include "wire/transport.h"

enum { HANDSHAKE_WAIT_MS = 5000 };

struct gm_client {
    struct gm_client_config config;
    char *address;
    struct gm_dialer *dialers[GM_PORT_COUNT];
    pthread_mutex_t lock;    /* guards what follows; never held while the broker is waited for */
    pthread_cond_t settled;  /* a handshake has ended */
    bool making;             /* a thread shakes hands; others wait for what comes of it */
    uint64_t handshakes;     /* ended so far */
    struct gm_error failure; /* of the last one */
    uint64_t session;        /* 0: none */
    uint64_t send_counter;
    struct gm_noise_session noise;
    struct gm_noise_window window;
};

/* What one request needs of the session, copied so that it may be replaced meanwhile. */
struct ticket {
    uint64_t session;
    uint64_t counter;
    struct gm_noise_cipher send;
    struct gm_noise_cipher receive;
};

/* ---- life ---- */

static size_t frame_bytes_max(enum gm_port port)
{
    size_t message = port == GM_PORT_CONTROL ? GM_WIRE_CONTROL_BYTES_MAX : GM_WIRE_BLOB_BYTES_MAX;
    return message + GM_FRAME_HEADER_BYTES + GM_NOISE_TAG_BYTES;
}

static enum gm_status dialers_open(struct gm_client *client, struct gm_error *err)
{
    uint32_t port;
    char next[GM_ADDRESS_CHARS];
    GM_TRY(gm_address_port(client->address, &port, err));
    GM_TRY(gm_address_with_port(client->address, port + 1, next, err));
    GM_TRY(gm_dialer_open(client->address, frame_bytes_max(GM_PORT_CONTROL),
                          &client->dialers[GM_PORT_CONTROL], err));
    return gm_dialer_open(next, frame_bytes_max(GM_PORT_BLOBS), &client->dialers[GM_PORT_BLOBS],
                          err);
}

/* Waits for the monotonic clock: people set the other one. */
static bool locks_init(struct gm_client *client)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&client->lock, NULL) != 0)
        return false;
    bool ready = pthread_condattr_init(&attributes) == 0;
    if (ready) {
        ready = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&client->settled, &attributes) == 0;
        (void)pthread_condattr_destroy(&attributes);
    }
    if (!ready)
        (void)pthread_mutex_destroy(&client->lock);
    return ready;
}

enum gm_status gm_client_open(const struct gm_client_config *config, struct gm_client **out,
                              struct gm_error *err)
{
    struct gm_client *client = gm_mem_new(1, sizeof *client);
    if (client == NULL || (client->address = gm_mem_copy_text(config->address)) == NULL ||
        !locks_init(client)) {
        if (client != NULL)
            gm_mem_free(client->address);
        gm_mem_free(client);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", config->address);
    }
    client->config = *config;
    client->config.address = client->address;
    enum gm_status status = dialers_open(client, err);
    if (status != GM_OK) {
        gm_client_close(client);
        return status;
    }
    *out = client;
    return GM_OK;
}

void gm_client_stop(struct gm_client *client)
{
    for (int i = 0; i < GM_PORT_COUNT; i++)
        gm_dialer_stop(client->dialers[i]);
}

void gm_client_close(struct gm_client *client)
{
    if (client == NULL)
        return;
    for (int i = 0; i < GM_PORT_COUNT; i++)
        gm_dialer_close(client->dialers[i]);
    (void)pthread_cond_destroy(&client->settled);
    (void)pthread_mutex_destroy(&client->lock);
    gm_noise_session_wipe(&client->noise);
    gm_mem_free(client->address);
    gm_mem_free(client);
}

/* ---- handshake ---- */

/* What a handshake gives. */
struct made {
    uint64_t session;
    struct gm_noise_session noise;
};

static enum gm_status refused(const struct gm_client *client, struct gm_error *err)
{
    char hex[GM_KEY_HEX_SIZE];
    return gm_error_set(err, GM_UNTRUSTED,
                        "%s: no session: who answers there does not hold the pinned key %s",
                        client->address, gm_key_public_hex(hex, &client->config.broker));
}

static enum gm_status handshake_finish(const struct gm_client *client,
                                       struct gm_noise_handshake *handshake, struct gm_bytes answer,
                                       struct made *made, struct gm_error *err)
{
    struct gm_frame frame;
    struct gm_buf payload;
    if (gm_frame_decode(answer, &frame) != GM_OK)
        return gm_error_set(err, GM_PEER, "%s: the answer is not of this protocol",
                            client->address);
    if (frame.type != GM_FRAME_HANDSHAKE_2 || frame.session == 0)
        return refused(client, err);
    gm_buf_init(&payload, GM_NOISE_MESSAGE_BYTES_MAX);
    enum gm_status status = gm_noise_read(handshake, frame.payload, &payload, NULL);
    gm_buf_fini(&payload);
    if (status != GM_OK)
        return refused(client, err);
    gm_noise_split(handshake, &made->noise);
    made->session = frame.session;
    return GM_OK;
}

static enum gm_status handshake_send(struct gm_client *client, struct gm_noise_handshake *handshake,
                                     uint32_t wait_ms, struct gm_buf *frame, struct gm_buf *answer,
                                     struct gm_error *err)
{
    uint8_t *header = gm_buf_extend(frame, GM_FRAME_HEADER_BYTES);
    if (header != NULL)
        gm_frame_header_put(header, &(struct gm_frame){.type = GM_FRAME_HANDSHAKE_1});
    const struct gm_key_public *own = &client->config.key->public_key;
    GM_TRY(gm_noise_write(handshake, (struct gm_bytes){own->bytes, sizeof own->bytes}, frame, err));
    return gm_dialer_exchange(client->dialers[GM_PORT_CONTROL], gm_buf_view(frame),
                              wait_ms < HANDSHAKE_WAIT_MS ? wait_ms : HANDSHAKE_WAIT_MS, answer,
                              err);
}

static enum gm_status handshake_run(struct gm_client *client, uint32_t wait_ms, struct made *made,
                                    struct gm_error *err)
{
    struct gm_noise_handshake handshake;
    struct gm_buf frame;
    struct gm_buf answer;
    GM_TRY(gm_noise_initiator_init(&handshake, client->config.key, &client->config.broker,
                                   gm_frame_prologue(), err));
    gm_buf_init(&frame, GM_NOISE_MESSAGE_BYTES_MAX);
    gm_buf_init(&answer, GM_NOISE_MESSAGE_BYTES_MAX);
    enum gm_status status = handshake_send(client, &handshake, wait_ms, &frame, &answer, err);
    if (status == GM_OK)
        status = handshake_finish(client, &handshake, gm_buf_view(&answer), made, err);
    gm_noise_wipe(&handshake);
    gm_buf_fini(&answer);
    gm_buf_fini(&frame);
    return status;
}

/* With the lock held, which is let go meanwhile. */
static enum gm_status session_make(struct gm_client *client, uint32_t wait_ms, struct gm_error *err)
{
    struct made made = {0};
    struct gm_error why = {.status = GM_OK};
    client->making = true;
    (void)pthread_mutex_unlock(&client->lock);
    enum gm_status status = handshake_run(client, wait_ms, &made, &why);
    (void)pthread_mutex_lock(&client->lock);
    client->making = false;
    client->handshakes++;
    client->failure = why;
    if (status == GM_OK) {
        client->session = made.session;
        client->noise = made.noise;
        client->send_counter = 0;
        memset(&client->window, 0, sizeof client->window);
    } else if (err != NULL) {
        *err = why;
    }
    gm_noise_session_wipe(&made.noise);
    (void)pthread_cond_broadcast(&client->settled);
    return status;
}

/* With the lock held: waits for what comes of another thread's handshake. */
static enum gm_status session_await(struct gm_client *client, const struct timespec *until,
                                    struct gm_error *err)
{
    uint64_t seen = client->handshakes;
    while (client->handshakes == seen) {
        if (pthread_cond_timedwait(&client->settled, &client->lock, until) == ETIMEDOUT)
            return gm_error_set(err, GM_TIMEOUT, "%s: no session yet", client->address);
    }
    if (client->failure.status != GM_OK && err != NULL)
        *err = client->failure;
    return client->failure.status;
}

static enum gm_status ticket_take(struct gm_client *client, uint32_t wait_ms, struct ticket *ticket,
                                  struct gm_error *err)
{
    struct timespec until;
    gm_clock_deadline(&until, wait_ms);
    enum gm_status status = GM_OK;
    (void)pthread_mutex_lock(&client->lock);
    while (status == GM_OK && client->session == 0)
        status = client->making ? session_await(client, &until, err)
                                : session_make(client, wait_ms, err);
    if (status == GM_OK)
        *ticket = (struct ticket){client->session, client->send_counter++, client->noise.send,
                                  client->noise.receive};
    (void)pthread_mutex_unlock(&client->lock);
    return status;
}

/* The broker does not know the session: forget it, unless another thread has done so already. */
static void session_forget(struct gm_client *client, uint64_t session)
{
    (void)pthread_mutex_lock(&client->lock);
    if (client->session == session)
        client->session = 0;
    (void)pthread_mutex_unlock(&client->lock);
}

/* ---- calls ---- */

static enum gm_status request_seal(const struct ticket *ticket, const struct gm_message *request,
                                   struct gm_buf *frame)
{
    (void)gm_buf_extend(frame, GM_FRAME_HEADER_BYTES);
    GM_TRY(gm_message_encode(request, frame));
    size_t plain_bytes = frame->size_bytes - GM_FRAME_HEADER_BYTES;
    (void)gm_buf_extend(frame, GM_NOISE_TAG_BYTES);
    if (frame->status != GM_OK)
        return frame->status;
    gm_frame_header_put(frame->data, &(struct gm_frame){.type = GM_FRAME_DATA,
                                                        .session = ticket->session,
                                                        .counter = ticket->counter});
    uint8_t *body = frame->data + GM_FRAME_HEADER_BYTES;
    gm_noise_seal(&ticket->send, ticket->counter,
                  (struct gm_bytes){frame->data, GM_FRAME_HEADER_BYTES},
                  (struct gm_bytes){body, plain_bytes}, body);
    return GM_OK;
}

/* Answers of a session that was replaced meanwhile are taken too: their cipher is in the ticket.
   Only the running session's window is kept. */
static bool counter_take(struct gm_client *client, const struct ticket *ticket, uint64_t counter)
{
    bool fresh = true;
    (void)pthread_mutex_lock(&client->lock);
    if (client->session == ticket->session)
        fresh = gm_noise_window_take(&client->window, counter);
    (void)pthread_mutex_unlock(&client->lock);
    return fresh;
}

static enum gm_status answer_open(struct gm_client *client, const struct ticket *ticket,
                                  struct gm_buf *bytes, struct gm_message *message,
                                  struct gm_error *err)
{
    struct gm_frame frame;
    if (gm_frame_decode(gm_buf_view(bytes), &frame) != GM_OK)
        return gm_error_set(err, GM_PEER, "%s: the answer is not of this protocol",
                            client->address);
    if (frame.type == GM_FRAME_NO_SESSION)
        return gm_error_set(err, GM_NOT_FOUND, "%s: the session is over", client->address);
    if (frame.type != GM_FRAME_DATA || frame.session != ticket->session ||
        frame.payload.size_bytes < GM_NOISE_TAG_BYTES)
        return gm_error_set(err, GM_PEER, "%s: an answer out of place", client->address);
    uint8_t *plain = bytes->data + GM_FRAME_HEADER_BYTES;
    if (!gm_noise_open(&ticket->receive, frame.counter, frame.header, frame.payload, plain) ||
        !counter_take(client, ticket, frame.counter))
        return gm_error_set(err, GM_PEER, "%s: an answer that was changed on its way",
                            client->address);
    struct gm_bytes view = {plain, frame.payload.size_bytes - GM_NOISE_TAG_BYTES};
    enum gm_status status = gm_message_decode(view, message, err);
    return status == GM_OK ? GM_OK : gm_error_at(err, GM_PEER, "%s", client->address);
}

static enum gm_status call_once(struct gm_client *client, enum gm_port port,
                                const struct gm_message *request, uint32_t wait_ms,
                                struct gm_reply *reply, uint64_t *session, struct gm_error *err)
{
    struct ticket ticket;
    struct gm_buf frame;
    GM_TRY(ticket_take(client, wait_ms, &ticket, err));
    *session = ticket.session;
    gm_buf_init(&frame, frame_bytes_max(port));
    enum gm_status status = request_seal(&ticket, request, &frame);
    if (status != GM_OK)
        (void)gm_error_set(err, status, "%s: the request does not fit a message",
                           gm_message_name(request->type));
    if (status == GM_OK)
        status = gm_dialer_exchange(client->dialers[port], gm_buf_view(&frame), wait_ms,
                                    &reply->bytes, err);
    if (status == GM_OK)
        status = answer_open(client, &ticket, &reply->bytes, &reply->message, err);
    sodium_memzero(&ticket, sizeof ticket);
    gm_buf_fini(&frame);
    return status;
}

enum gm_status gm_client_call(struct gm_client *client, enum gm_port port,
                              const struct gm_message *request, uint32_t wait_ms,
                              struct gm_reply *reply, struct gm_error *err)
{
    enum gm_status status = GM_OK;
    /* A session that ended did nothing with the request, so it is safe to ask once more. */
    for (int round = 0; round < 2; round++) {
        uint64_t session = 0;
        *reply = (struct gm_reply){0};
        gm_buf_init(&reply->bytes, frame_bytes_max(port));
        status = call_once(client, port, request, wait_ms, reply, &session, err);
        if (status == GM_OK)
            return GM_OK;
        gm_buf_fini(&reply->bytes);
        if (status != GM_NOT_FOUND)
            return status;
        session_forget(client, session);
    }
    return gm_error_set(err, GM_PEER, "%s: the broker forgets the session at once",
                        client->address);
}

void gm_reply_fini(struct gm_reply *reply)
{
    gm_buf_fini(&reply->bytes);
    *reply = (struct gm_reply){0};
}

static enum gm_status error_status(const struct gm_msg_error *error)
{
    return error->status != GM_OK && error->status < INT32_MAX ? (enum gm_status)error->status
                                                               : GM_PEER;
}

enum gm_status gm_client_ask(struct gm_client *client, enum gm_port port,
                             const struct gm_message *request, uint32_t wait_ms,
                             enum gm_message_type expected, struct gm_reply *reply,
                             uint64_t *retry_ms, struct gm_error *err)
{
    if (retry_ms != NULL)
        *retry_ms = 0;
    GM_TRY(gm_client_call(client, port, request, wait_ms, reply, err));
    if (reply->message.type == expected)
        return GM_OK;
    enum gm_status status = GM_PEER;
    if (reply->message.type == GM_MESSAGE_ERROR) {
        const struct gm_msg_error *error = &reply->message.error;
        status = gm_error_set(err, error_status(error), "the broker says: %.*s",
                              (int)error->text.size_bytes, (const char *)error->text.data);
        if (retry_ms != NULL)
            *retry_ms = error->retry_ms;
    } else {
        (void)gm_error_set(err, GM_PEER, "the broker answers %s with %s",
                           gm_message_name(request->type), gm_message_name(reply->message.type));
    }
    gm_reply_fini(reply);
    return status;
}
