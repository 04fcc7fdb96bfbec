#include "wire/transport.h"

#include <stdatomic.h>
#include <string.h>

#include <nng/nng.h>

#include <nng/protocol/reqrep0/req.h>

#include "base/clock.h"
#include "base/mem.h"
#include "wire/transport_nng.h"

enum { RECONNECT_MS_MIN = 100, RECONNECT_MS_MAX = 3000 };

struct gm_dialer {
    nng_socket socket;
    nng_dialer handle;
    atomic_bool started;
    atomic_bool stopped;
    size_t frame_bytes_max;
    char *address;
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
    int rv = socket_make(dialer);
    if (rv != 0) {
        gm_mem_free(copy);
        gm_mem_free(dialer);
        return gm_nng_error(err, rv, address, "cannot connect");
    }
    *out = dialer;
    return GM_OK;
}

void gm_dialer_stop(struct gm_dialer *dialer)
{
    atomic_store(&dialer->stopped, true);
    (void)nng_close(dialer->socket);
}

void gm_dialer_close(struct gm_dialer *dialer)
{
    if (dialer == NULL)
        return;
    (void)nng_close(dialer->socket);
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

/* On success *reply is the caller's. */
static int exchange(nng_ctx ctx, nng_aio *aio, nng_msg *request, uint64_t until_ms, nng_msg **reply)
{
    time_allow(aio, until_ms);
    nng_aio_set_msg(aio, request);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
    int rv = nng_aio_result(aio);
    if (rv != 0) {
        nng_msg_free(request);
        return rv;
    }
    time_allow(aio, until_ms);
    nng_ctx_recv(ctx, aio);
    nng_aio_wait(aio);
    rv = nng_aio_result(aio);
    if (rv == 0)
        *reply = nng_aio_get_msg(aio);
    return rv;
}

enum gm_status gm_dialer_exchange(struct gm_dialer *dialer, struct gm_bytes request,
                                  uint32_t wait_ms, struct gm_buf *reply, struct gm_error *err)
{
    uint64_t until_ms = now_ms() + wait_ms;
    nng_msg *message = gm_nng_message(request);
    if (message == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", dialer->address);
    if (!atomic_exchange(&dialer->started, true))
        (void)nng_dialer_start(dialer->handle, NNG_FLAG_NONBLOCK); /* failures show below */
    nng_ctx ctx;
    nng_aio *aio = NULL;
    int rv = nng_ctx_open(&ctx, dialer->socket);
    if (rv == 0 && (rv = nng_aio_alloc(&aio, NULL, NULL)) != 0)
        (void)nng_ctx_close(ctx);
    if (rv != 0) {
        nng_msg_free(message);
        return gm_nng_error(err, rv, dialer->address, "cannot send");
    }
    nng_msg *answer = NULL;
    rv = exchange(ctx, aio, message, until_ms, &answer);
    nng_aio_free(aio);
    (void)nng_ctx_close(ctx);
    if (rv != 0 && atomic_load(&dialer->stopped))
        rv = NNG_ECLOSED; /* and not what its connection died of */
    if (rv != 0)
        return gm_nng_error(err, rv, dialer->address, "no answer");
    gm_buf_append(reply, nng_msg_body(answer), nng_msg_len(answer));
    nng_msg_free(answer);
    if (reply->status != GM_OK)
        return gm_error_set(err, reply->status, "%s: the answer is too long", dialer->address);
    return GM_OK;
}
