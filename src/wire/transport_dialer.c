#include "wire/transport.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <nng/nng.h>

#include <nng/protocol/reqrep0/req.h>

#include "base/clock.h"
#include "base/mem.h"
#include "wire/transport_nng.h"

enum { RECONNECT_MS_MIN = 100, RECONNECT_MS_MAX = 3000 };

/* One that runs; lives on its thread's stack. */
struct exchange {
    struct exchange *next;
    nng_aio *aio;
    nng_ctx ctx;
};

struct gm_dialer {
    nng_socket socket;
    nng_dialer handle;
    size_t frame_bytes_max;
    char *address;
    atomic_bool started;
    pthread_mutex_t lock; /* guards what follows */
    struct exchange *running;
    bool stopped;
};

enum gm_status gm_nng_error(struct gm_error *err, int rv, const char *address, const char *what)
{
    enum gm_status status = GM_PEER;
    if (rv == NNG_ETIMEDOUT)
        status = GM_TIMEOUT;
    else if (rv == NNG_ENOMEM)
        status = GM_NO_MEMORY;
    else if (rv == NNG_ECLOSED)
        status = GM_CANCELLED;
    else if (rv == NNG_EADDRINUSE || rv == NNG_EPERM)
        status = GM_IO;
    else if (rv == NNG_EADDRINVAL || rv == NNG_ENOTSUP || rv == NNG_EINVAL)
        status = GM_USAGE;
    return gm_error_set(err, status, "%s: %s: %s", address, what, nng_strerror(rv));
}

nng_msg *gm_nng_message(struct gm_bytes bytes)
{
    nng_msg *message = NULL;
    if (nng_msg_alloc(&message, bytes.size_bytes) != 0)
        return NULL;
    if (bytes.size_bytes > 0)
        memcpy(nng_msg_body(message), bytes.data, bytes.size_bytes);
    return message;
}

static int socket_make(struct gm_dialer *dialer)
{
    int rv = nng_req0_open(&dialer->socket);
    if (rv != 0)
        return rv;
    if ((rv = nng_socket_set_size(dialer->socket, NNG_OPT_RECVMAXSZ, dialer->frame_bytes_max)) ||
        (rv = nng_socket_set_ms(dialer->socket, NNG_OPT_RECONNMINT, RECONNECT_MS_MIN)) ||
        (rv = nng_socket_set_ms(dialer->socket, NNG_OPT_RECONNMAXT, RECONNECT_MS_MAX)) ||
        (rv = nng_socket_set_ms(dialer->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE)) ||
        (rv = nng_dialer_create(&dialer->handle, dialer->socket, dialer->address)) ||
        (rv = nng_dialer_set_bool(dialer->handle, NNG_OPT_TCP_KEEPALIVE, true)))
        (void)nng_close(dialer->socket);
    return rv;
}

enum gm_status gm_dialer_open(const char *address, size_t frame_bytes_max, struct gm_dialer **out,
                              struct gm_error *err)
{
    struct gm_dialer *dialer = gm_mem_new(1, sizeof *dialer);
    char *copy = gm_mem_copy_text(address);
    if (dialer == NULL || copy == NULL) {
        gm_mem_free(dialer);
        gm_mem_free(copy);
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", address);
    }
    dialer->frame_bytes_max = frame_bytes_max;
    dialer->address = copy;
    int rv = pthread_mutex_init(&dialer->lock, NULL) == 0 ? 0 : NNG_ENOMEM;
    if (rv == 0 && (rv = socket_make(dialer)) != 0)
        (void)pthread_mutex_destroy(&dialer->lock);
    if (rv != 0) {
        gm_mem_free(copy);
        gm_mem_free(dialer);
        return gm_nng_error(err, rv, address, "cannot connect");
    }
    *out = dialer;
    return GM_OK;
}

/* Ends the waiting, not the socket: closing that while another thread is inside nng_ctx_send is a
   use after free in 1.5.2. A stopped aio starts nothing again, so none slips through between its
   sending and its receiving. */
void gm_dialer_stop(struct gm_dialer *dialer)
{
    (void)pthread_mutex_lock(&dialer->lock);
    dialer->stopped = true;
    for (struct exchange *exchange = dialer->running; exchange != NULL; exchange = exchange->next)
        nng_aio_stop(exchange->aio);
    (void)pthread_mutex_unlock(&dialer->lock);
}

void gm_dialer_close(struct gm_dialer *dialer)
{
    if (dialer == NULL)
        return;
    (void)nng_close(dialer->socket);
    (void)pthread_mutex_destroy(&dialer->lock);
    gm_mem_free(dialer->address);
    gm_mem_free(dialer);
}

static uint64_t now_ms(void)
{
    return gm_clock_monotonic_ns() / 1000000;
}

static void time_allow(nng_aio *aio, uint64_t until_ms)
{
    uint64_t now = now_ms();
    uint64_t left_ms = until_ms > now ? until_ms - now : 0;
    nng_aio_set_timeout(aio, left_ms > INT32_MAX ? INT32_MAX : (nng_duration)left_ms);
}

static int exchange_begin(struct gm_dialer *dialer, struct exchange *exchange)
{
    int rv = nng_ctx_open(&exchange->ctx, dialer->socket);
    if (rv != 0)
        return rv;
    if ((rv = nng_aio_alloc(&exchange->aio, NULL, NULL)) != 0) {
        (void)nng_ctx_close(exchange->ctx);
        return rv;
    }
    (void)pthread_mutex_lock(&dialer->lock);
    if (dialer->stopped)
        nng_aio_stop(exchange->aio);
    exchange->next = dialer->running;
    dialer->running = exchange;
    (void)pthread_mutex_unlock(&dialer->lock);
    return 0;
}

/* Says whether the dialer was stopped meanwhile. */
static bool exchange_end(struct gm_dialer *dialer, struct exchange *exchange)
{
    (void)pthread_mutex_lock(&dialer->lock);
    bool stopped = dialer->stopped;
    struct exchange **link = &dialer->running;
    while (*link != exchange)
        link = &(*link)->next;
    *link = exchange->next;
    (void)pthread_mutex_unlock(&dialer->lock);
    nng_aio_free(exchange->aio);
    (void)nng_ctx_close(exchange->ctx);
    return stopped;
}

/* Takes the request over. On success *reply is the caller's. */
static int exchange_run(struct exchange *exchange, nng_msg *request, uint64_t until_ms,
                        nng_msg **reply)
{
    time_allow(exchange->aio, until_ms);
    nng_aio_set_msg(exchange->aio, request);
    nng_ctx_send(exchange->ctx, exchange->aio);
    nng_aio_wait(exchange->aio);
    int rv = nng_aio_result(exchange->aio);
    if (rv != 0) {
        nng_msg_free(request);
        return rv;
    }
    time_allow(exchange->aio, until_ms);
    nng_ctx_recv(exchange->ctx, exchange->aio);
    nng_aio_wait(exchange->aio);
    rv = nng_aio_result(exchange->aio);
    if (rv == 0)
        *reply = nng_aio_get_msg(exchange->aio);
    return rv;
}

static int message_exchange(struct gm_dialer *dialer, nng_msg *request, uint64_t until_ms,
                            nng_msg **reply)
{
    struct exchange exchange;
    int rv = exchange_begin(dialer, &exchange);
    if (rv != 0) {
        nng_msg_free(request);
        return rv;
    }
    rv = exchange_run(&exchange, request, until_ms, reply);
    bool stopped = exchange_end(dialer, &exchange);
    return rv != 0 && stopped ? NNG_ECLOSED : rv;
}

enum gm_status gm_dialer_exchange(struct gm_dialer *dialer, struct gm_bytes request,
                                  uint32_t wait_ms, struct gm_buf *reply, struct gm_error *err)
{
    uint64_t until_ms = now_ms() + wait_ms;
    nng_msg *message = gm_nng_message(request);
    nng_msg *answer = NULL;
    if (message == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", dialer->address);
    if (!atomic_exchange(&dialer->started, true))
        (void)nng_dialer_start(dialer->handle, NNG_FLAG_NONBLOCK); /* failures show below */
    int rv = message_exchange(dialer, message, until_ms, &answer);
    if (rv != 0)
        return gm_nng_error(err, rv, dialer->address, "no answer");
    gm_buf_append(reply, nng_msg_body(answer), nng_msg_len(answer));
    nng_msg_free(answer);
    if (reply->status != GM_OK)
        return gm_error_set(err, reply->status, "%s: the answer is too long", dialer->address);
    return GM_OK;
}
