#include "raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gm_test.h"
#include "wire/frame.h"

/* ---- bytes ---- */

bool raw_ready(struct raw *raw, int wait_ms)
{
    struct pollfd poller = {raw->fd, POLLIN, 0};
    return poll(&poller, 1, wait_ms) == 1;
}

bool raw_send(struct raw *raw, const void *data, size_t size_bytes)
{
    const uint8_t *at = data;
    while (size_bytes > 0) {
        ssize_t sent = send(raw->fd, at, size_bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        size_bytes -= (size_t)sent;
    }
    return true;
}

static void bytes_take(struct raw *raw, void *out, size_t size_bytes)
{
    uint8_t *at = out;
    while (size_bytes > 0) {
        cr_assert(raw_ready(raw, RAW_WAIT_MS), "nothing comes");
        ssize_t got = recv(raw->fd, at, size_bytes, 0);
        cr_assert_gt(got, 0, "the connection has ended");
        at += got;
        size_bytes -= (size_t)got;
    }
}

bool raw_ended(struct raw *raw)
{
    uint8_t piece[4096];
    while (raw_ready(raw, RAW_WAIT_MS)) {
        if (recv(raw->fd, piece, sizeof piece, 0) <= 0)
            return true;
    }
    return false;
}

/* ---- nng's framing ---- */

static void length_put(uint8_t out[8], uint64_t length)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(length >> (56 - 8 * i));
}

static uint64_t length_get(const uint8_t in[8])
{
    uint64_t length = 0;
    for (int i = 0; i < 8; i++)
        length = length << 8 | in[i];
    return length;
}

void raw_connect(struct raw *raw, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    *raw = (struct raw){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    cr_assert_ge(raw->fd, 0);
    cr_assert_eq(connect(raw->fd, (struct sockaddr *)&address, sizeof address), 0);
}

void raw_greet(struct raw *raw, uint16_t port)
{
    static const uint8_t ours[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    static const uint8_t theirs[8] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
    uint8_t got[8];
    raw_connect(raw, port);
    cr_assert(raw_send(raw, ours, sizeof ours));
    bytes_take(raw, got, sizeof got);
    cr_assert_arr_eq(got, theirs, sizeof got);
}

void raw_send_frame(struct raw *raw, uint32_t request, struct gm_bytes frame)
{
    uint8_t head[12];
    length_put(head, 4 + frame.size_bytes);
    uint32_t id = htonl(request | 0x80000000u);
    memcpy(head + 8, &id, sizeof id);
    cr_assert(raw_send(raw, head, sizeof head));
    cr_assert(raw_send(raw, frame.data, frame.size_bytes));
}

uint32_t raw_reply(struct raw *raw, struct gm_buf *frame)
{
    uint8_t head[12];
    uint32_t id;
    bytes_take(raw, head, sizeof head);
    uint64_t length = length_get(head);
    cr_assert(length >= 4 && length <= 4 * GM_WIRE_BLOB_BYTES_MAX);
    memcpy(&id, head + 8, sizeof id);
    gm_buf_init(frame, length);
    uint8_t *room = gm_buf_extend(frame, length - 4);
    cr_assert(room != NULL || length == 4);
    bytes_take(raw, room, length - 4);
    return ntohl(id) & 0x7fffffffu;
}

/* ---- sessions ---- */

void raw_open(struct raw *raw, const struct net *net, enum gm_port port)
{
    struct gm_noise_handshake handshake;
    struct gm_buf bytes;
    struct gm_frame frame;
    raw_greet(raw, gm_server_port(net->server, port));
    cr_assert_eq(gm_noise_initiator_init(&handshake, &net->worker, &net->key.public_key,
                                         gm_frame_prologue(), NULL),
                 GM_OK);
    gm_buf_init(&bytes, GM_NOISE_MESSAGE_BYTES_MAX);
    gm_frame_header_put(gm_buf_extend(&bytes, GM_FRAME_HEADER_BYTES),
                        &(struct gm_frame){.type = GM_FRAME_HANDSHAKE_1});
    struct gm_bytes own = {net->worker.public_key.bytes, GM_KEY_SIZE};
    cr_assert_eq(gm_noise_write(&handshake, own, &bytes, NULL), GM_OK);
    raw_send_frame(raw, 1, gm_buf_view(&bytes));
    gm_buf_fini(&bytes);
    cr_assert_eq(raw_reply(raw, &bytes), 1);
    cr_assert_eq(gm_frame_decode(gm_buf_view(&bytes), &frame), GM_OK);
    cr_assert_eq(frame.type, GM_FRAME_HANDSHAKE_2);
    struct gm_buf payload;
    gm_buf_init(&payload, GM_NOISE_MESSAGE_BYTES_MAX);
    cr_assert_eq(gm_noise_read(&handshake, frame.payload, &payload, NULL), GM_OK);
    raw->session = frame.session;
    gm_noise_split(&handshake, &raw->noise);
    gm_buf_fini(&payload);
    gm_buf_fini(&bytes);
}

void raw_seal(const struct raw *raw, uint64_t counter, const struct gm_message *message,
              struct gm_buf *out)
{
    gm_buf_init(out, 2 * GM_WIRE_BLOB_BYTES_MAX);
    (void)gm_buf_extend(out, GM_FRAME_HEADER_BYTES);
    cr_assert_eq(gm_message_encode(message, out), GM_OK);
    size_t plain = out->size_bytes - GM_FRAME_HEADER_BYTES;
    (void)gm_buf_extend(out, GM_NOISE_TAG_BYTES);
    gm_frame_header_put(
        out->data,
        &(struct gm_frame){.type = GM_FRAME_DATA, .session = raw->session, .counter = counter});
    uint8_t *body = out->data + GM_FRAME_HEADER_BYTES;
    gm_noise_seal(&raw->noise.send, counter, (struct gm_bytes){out->data, GM_FRAME_HEADER_BYTES},
                  (struct gm_bytes){body, plain}, body);
}

bool raw_reply_is(struct raw *raw, struct gm_buf *bytes, enum gm_message_type type)
{
    struct gm_frame frame;
    struct gm_message message;
    if (gm_frame_decode(gm_buf_view(bytes), &frame) != GM_OK || frame.type != GM_FRAME_DATA ||
        frame.session != raw->session || frame.payload.size_bytes < GM_NOISE_TAG_BYTES)
        return false;
    uint8_t *plain = bytes->data + GM_FRAME_HEADER_BYTES;
    struct gm_bytes view = {plain, frame.payload.size_bytes - GM_NOISE_TAG_BYTES};
    return gm_noise_open(&raw->noise.receive, frame.counter, frame.header, frame.payload, plain) &&
           gm_message_decode(view, &message, NULL) == GM_OK && message.type == type;
}

void raw_close(struct raw *raw)
{
    if (raw->fd >= 0)
        (void)close(raw->fd);
    gm_noise_session_wipe(&raw->noise);
    raw->fd = -1;
}
