#include "wire/transport.h"

#include <pthread.h>
#include <string.h>

#include <nng/nng.h>

#include <nng/protocol/reqrep0/rep.h>

#include "base/clock.h"
#include "base/mem.h"
#include "wire/transport_nng.h"

enum {
    RECEIVERS = 8,
    /* Replies on their way from a handler to their connection's own queue. With room for none, as
       is nng's default, two handlers that reply at once would lose one of the replies. */
    SEND_QUEUE = 1024,
};

struct connection {
    uint32_t id;
    bool admitted;
    uint64_t since_ms;
};

struct receiver {
    struct gm_listener *listener;
    nng_aio *aio;
};

struct gm_listener {
    nng_socket socket;
    gm_inbound_fn *handler;
    void *ctx;
    uint16_t port;
    struct receiver receivers[RECEIVERS];
    pthread_rwlock_t sending; /* read: a reply is on its way into nng; write: it is being stopped */
    bool stopped;             /* guarded by `sending` */
    pthread_mutex_t lock; /* guards what follows; taken inside nng's callbacks, never around nng */
    struct connection *connections;
    size_t connection_count;
    size_t connection_capacity;
    uint64_t losses;
};

struct gm_inbound {
    struct gm_listener *listener;
    nng_msg *message;
    uint32_t connection;
};

/* ---- connections ---- */

static void connection_add(struct gm_listener *listener, uint32_t id)
{
    (void)pthread_mutex_lock(&listener->lock);
    if (listener->connection_count == listener->connection_capacity) {
        size_t capacity = 2 * listener->connection_capacity + 16;
        struct connection *connections =
            gm_mem_resize(listener->connections, capacity, sizeof *connections);
        if (connections != NULL) {
            listener->connections = connections;
            listener->connection_capacity = capacity;
        }
    }
    if (listener->connection_count < listener->connection_capacity)
        listener->connections[listener->connection_count++] =
            (struct connection){id, false, gm_clock_monotonic_ns() / 1000000};
    (void)pthread_mutex_unlock(&listener->lock);
}

static void connection_remove(struct gm_listener *listener, uint32_t id)
{
    (void)pthread_mutex_lock(&listener->lock);
    listener->losses++;
    for (size_t i = 0; i < listener->connection_count; i++) {
        if (listener->connections[i].id == id) {
            listener->connections[i] = listener->connections[--listener->connection_count];
            break;
        }
    }
    (void)pthread_mutex_unlock(&listener->lock);
}

/* Runs with nng's locks held: only notes what happened. */
static void connection_event(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct gm_listener *listener = arg;
    if (event == NNG_PIPE_EV_ADD_POST)
        connection_add(listener, (uint32_t)nng_pipe_id(pipe));
    else if (event == NNG_PIPE_EV_REM_POST)
        connection_remove(listener, (uint32_t)nng_pipe_id(pipe));
}

void gm_listener_admit(struct gm_listener *listener, uint32_t connection)
{
    (void)pthread_mutex_lock(&listener->lock);
    for (size_t i = 0; i < listener->connection_count; i++) {
        if (listener->connections[i].id == connection)
            listener->connections[i].admitted = true;
    }
    (void)pthread_mutex_unlock(&listener->lock);
}

void gm_listener_sweep(struct gm_listener *listener, uint64_t now_ms, uint64_t wait_ms)
{
    for (;;) {
        uint32_t stranger = 0;
        (void)pthread_mutex_lock(&listener->lock);
        for (size_t i = 0; i < listener->connection_count && stranger == 0; i++) {
            struct connection *connection = &listener->connections[i];
            if (!connection->admitted && now_ms - connection->since_ms > wait_ms &&
                now_ms > connection->since_ms) {
                stranger = connection->id;
                connection->admitted = true; /* closing is asked for once */
            }
        }
        (void)pthread_mutex_unlock(&listener->lock);
        if (stranger == 0)
            return;
        (void)nng_pipe_close((nng_pipe){.id = stranger});
    }
}

/* ---- requests ---- */

static void request_received(void *arg)
{
    struct receiver *receiver = arg;
    struct gm_listener *listener = receiver->listener;
    int rv = nng_aio_result(receiver->aio);
    if (rv == NNG_ECLOSED || rv == NNG_ECANCELED)
        return;
    if (rv == 0) {
        nng_msg *message = nng_aio_get_msg(receiver->aio);
        struct gm_inbound *inbound = gm_mem_new(1, sizeof *inbound);
        if (inbound != NULL) {
            *inbound = (struct gm_inbound){listener, message,
                                           (uint32_t)nng_pipe_id(nng_msg_get_pipe(message))};
            listener->handler(listener->ctx, inbound);
        } else {
            nng_msg_free(message);
        }
    }
    nng_recv_aio(listener->socket, receiver->aio);
}

struct gm_bytes gm_inbound_frame(const struct gm_inbound *inbound)
{
    return (struct gm_bytes){nng_msg_body(inbound->message), nng_msg_len(inbound->message)};
}

uint32_t gm_inbound_connection(const struct gm_inbound *inbound)
{
    return inbound->connection;
}

bool gm_inbound_connected(const struct gm_inbound *inbound)
{
    struct gm_listener *listener = inbound->listener;
    bool found = false;
    (void)pthread_mutex_lock(&listener->lock);
    for (size_t i = 0; i < listener->connection_count && !found; i++)
        found = listener->connections[i].id == inbound->connection;
    (void)pthread_mutex_unlock(&listener->lock);
    return found;
}

uint64_t gm_listener_losses(struct gm_listener *listener)
{
    (void)pthread_mutex_lock(&listener->lock);
    uint64_t losses = listener->losses;
    (void)pthread_mutex_unlock(&listener->lock);
    return losses;
}

void gm_inbound_reply(struct gm_inbound *inbound, struct gm_bytes frame)
{
    /* The request's header says which connection and which request this answers. */
    struct gm_listener *listener = inbound->listener;
    nng_msg *reply = gm_nng_message(frame);
    (void)pthread_rwlock_rdlock(&listener->sending);
    if (reply != NULL &&
        (nng_msg_header_append(reply, nng_msg_header(inbound->message),
                               nng_msg_header_len(inbound->message)) != 0 ||
         listener->stopped || nng_sendmsg(listener->socket, reply, NNG_FLAG_NONBLOCK) != 0))
        nng_msg_free(reply);
    (void)pthread_rwlock_unlock(&listener->sending);
    gm_inbound_drop(inbound);
}

void gm_inbound_drop(struct gm_inbound *inbound)
{
    nng_msg_free(inbound->message);
    gm_mem_free(inbound);
}

/* ---- life ---- */

static int receivers_start(struct gm_listener *listener)
{
    for (size_t i = 0; i < RECEIVERS; i++) {
        struct receiver *receiver = &listener->receivers[i];
        receiver->listener = listener;
        int rv = nng_aio_alloc(&receiver->aio, request_received, receiver);
        if (rv != 0)
            return rv;
    }
    for (size_t i = 0; i < RECEIVERS; i++)
        nng_recv_aio(listener->socket, listener->receivers[i].aio);
    return 0;
}

static uint16_t bound_port(nng_listener handle)
{
    nng_sockaddr address;
    if (nng_listener_get_addr(handle, NNG_OPT_LOCADDR, &address) != 0)
        return 0;
    uint16_t network = 0;
    if (address.s_family == NNG_AF_INET)
        network = address.s_in.sa_port;
    else if (address.s_family == NNG_AF_INET6)
        network = address.s_in6.sa_port;
    uint8_t bytes[2];
    memcpy(bytes, &network, sizeof bytes);
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static int listener_start(struct gm_listener *listener, const char *address, size_t frame_bytes_max)
{
    nng_listener handle;
    int rv;
    if ((rv = nng_socket_set_size(listener->socket, NNG_OPT_RECVMAXSZ, frame_bytes_max)) ||
        (rv = nng_socket_set_int(listener->socket, NNG_OPT_SENDBUF, SEND_QUEUE)) ||
        (rv =
             nng_pipe_notify(listener->socket, NNG_PIPE_EV_ADD_POST, connection_event, listener)) ||
        (rv =
             nng_pipe_notify(listener->socket, NNG_PIPE_EV_REM_POST, connection_event, listener)) ||
        (rv = nng_listener_create(&handle, listener->socket, address)) ||
        (rv = nng_listener_set_bool(handle, NNG_OPT_TCP_KEEPALIVE, true)) ||
        (rv = nng_listener_start(handle, 0)))
        return rv;
    listener->port = bound_port(handle);
    return receivers_start(listener);
}

enum gm_status gm_listener_open(const char *address, size_t frame_bytes_max, gm_inbound_fn *handler,
                                void *ctx, struct gm_listener **out, struct gm_error *err)
{
    struct gm_listener *listener = gm_mem_new(1, sizeof *listener);
    if (listener == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", address);
    listener->handler = handler;
    listener->ctx = ctx;
    if (pthread_mutex_init(&listener->lock, NULL) != 0) {
        gm_mem_free(listener);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", address);
    }
    if (pthread_rwlock_init(&listener->sending, NULL) != 0 ||
        nng_rep0_open_raw(&listener->socket) != 0) { /* the lock holds nothing that leaks */
        (void)pthread_mutex_destroy(&listener->lock);
        gm_mem_free(listener);
        return gm_error_set(err, GM_NO_MEMORY, "%s: no socket", address);
    }
    int rv = listener_start(listener, address, frame_bytes_max);
    if (rv != 0) {
        gm_listener_close(listener);
        return gm_nng_error(err, rv, address, "cannot listen");
    }
    *out = listener;
    return GM_OK;
}

/* Receivers first: one that starts over while the socket closes would wait in a queue that is gone,
   and stopping it then is nng's panic (seen with 1.5.2). */
void gm_listener_stop(struct gm_listener *listener)
{
    for (size_t i = 0; i < RECEIVERS; i++) {
        if (listener->receivers[i].aio != NULL)
            nng_aio_stop(listener->receivers[i].aio);
    }
    (void)pthread_rwlock_wrlock(&listener->sending);
    listener->stopped = true;
    (void)pthread_rwlock_unlock(&listener->sending);
    (void)nng_close(listener->socket);
}

void gm_listener_close(struct gm_listener *listener)
{
    if (listener == NULL)
        return;
    gm_listener_stop(listener);
    for (size_t i = 0; i < RECEIVERS; i++) {
        if (listener->receivers[i].aio != NULL)
            nng_aio_free(listener->receivers[i].aio);
    }
    (void)pthread_rwlock_destroy(&listener->sending);
    (void)pthread_mutex_destroy(&listener->lock);
    gm_mem_free(listener->connections);
    gm_mem_free(listener);
}

uint16_t gm_listener_port(const struct gm_listener *listener)
{
    return listener->port;
}
