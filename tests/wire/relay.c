#include "relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gm_test.h"

enum { LOG_BYTES_MAX = 64 << 20, PIECE_BYTES = 64 << 10, PORT_TRIES = 100 };

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

static int listener_open(uint16_t port, uint16_t *found)
{
    struct sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        (void)close(fd);
        return -1;
    }
    *found = ntohs(address.sin_port);
    return fd;
}

static void pair_close(struct relay_pair *pair)
{
    if (pair->near >= 0)
        (void)close(pair->near);
    if (pair->far >= 0)
        (void)close(pair->far);
    *pair = (struct relay_pair){-1, -1};
}

static void pair_accept(struct relay *relay, int port)
{
    struct sockaddr_in address = loopback((uint16_t)(relay->target + port));
    struct relay_pair made = {accept(relay->listeners[port], NULL, NULL),
                              socket(AF_INET, SOCK_STREAM, 0)};
    struct relay_pair *place = NULL;
    for (int i = 0; i < RELAY_PAIRS_MAX && place == NULL; i++) {
        if (relay->pairs[i].near < 0)
            place = &relay->pairs[i];
    }
    if (place == NULL || made.near < 0 || made.far < 0 ||
        connect(made.far, (struct sockaddr *)&address, sizeof address) != 0)
        pair_close(&made);
    else
        *place = made;
}

static bool all_sent(int to, const uint8_t *data, ssize_t size)
{
    while (size > 0) {
        ssize_t sent = send(to, data, (size_t)size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        size -= sent;
    }
    return true;
}

static bool carried(struct relay *relay, int from, int to)
{
    static uint8_t piece[PIECE_BYTES];
    ssize_t size = recv(from, piece, sizeof piece, 0);
    if (size <= 0)
        return false;
    (void)pthread_mutex_lock(&relay->lock);
    gm_buf_append(&relay->log, piece, (size_t)size);
    (void)pthread_mutex_unlock(&relay->lock);
    return all_sent(to, piece, size);
}

static void all_cut(struct relay *relay)
{
    for (int i = 0; i < RELAY_PAIRS_MAX; i++)
        pair_close(&relay->pairs[i]);
    (void)pthread_mutex_lock(&relay->lock);
    relay->cuts++;
    (void)pthread_cond_broadcast(&relay->cut);
    (void)pthread_mutex_unlock(&relay->lock);
}

/* Orders, listeners, then near and far of every pair. */
static size_t polls_fill(const struct relay *relay, struct pollfd *polls)
{
    size_t count = 0;
    polls[count++] = (struct pollfd){relay->orders[0], POLLIN, 0};
    for (int p = 0; p < RELAY_PORTS; p++)
        polls[count++] = (struct pollfd){relay->listeners[p], POLLIN, 0};
    for (int i = 0; i < RELAY_PAIRS_MAX; i++) {
        polls[count++] = (struct pollfd){relay->pairs[i].near, POLLIN, 0};
        polls[count++] = (struct pollfd){relay->pairs[i].far, POLLIN, 0};
    }
    return count;
}

static void pairs_serve(struct relay *relay, const struct pollfd *polls)
{
    for (int i = 0; i < RELAY_PAIRS_MAX; i++) {
        struct relay_pair *pair = &relay->pairs[i];
        bool near_ready = polls[2 * i].revents != 0;
        bool far_ready = polls[2 * i + 1].revents != 0;
        if (pair->near < 0 || (!near_ready && !far_ready))
            continue;
        if ((near_ready && !carried(relay, pair->near, pair->far)) ||
            (far_ready && !carried(relay, pair->far, pair->near)))
            pair_close(pair);
    }
}

static void *relay_main(void *arg)
{
    struct relay *relay = arg;
    struct pollfd polls[1 + RELAY_PORTS + 2 * RELAY_PAIRS_MAX];
    for (;;) {
        size_t count = polls_fill(relay, polls);
        if (poll(polls, count, -1) < 0)
            continue;
        char order;
        if (polls[0].revents != 0) {
            if (read(relay->orders[0], &order, 1) != 1)
                break;
            all_cut(relay);
            continue;
        }
        pairs_serve(relay, polls + 1 + RELAY_PORTS);
        for (int p = 0; p < RELAY_PORTS; p++) {
            if (polls[1 + p].revents != 0)
                pair_accept(relay, p);
        }
    }
    all_cut(relay);
    return NULL;
}

void relay_open(struct relay *relay, uint16_t target)
{
    *relay = (struct relay){.target = target, .listeners = {-1, -1}};
    for (int i = 0; i < RELAY_PAIRS_MAX; i++)
        relay->pairs[i] = (struct relay_pair){-1, -1};
    gm_buf_init(&relay->log, LOG_BYTES_MAX);
    uint16_t port = 0;
    uint16_t next;
    for (int i = 0; i < PORT_TRIES && relay->listeners[1] < 0; i++) {
        if (relay->listeners[0] >= 0)
            (void)close(relay->listeners[0]);
        relay->listeners[0] = listener_open(0, &port);
        cr_assert_ge(relay->listeners[0], 0);
        relay->listeners[1] = listener_open((uint16_t)(port + 1), &next);
    }
    cr_assert_ge(relay->listeners[1], 0, "no two free ports in a row");
    (void)snprintf(relay->address, sizeof relay->address, "tcp://127.0.0.1:%u", port);
    cr_assert_eq(pipe(relay->orders), 0);
    cr_assert_eq(pthread_mutex_init(&relay->lock, NULL), 0);
    cr_assert_eq(pthread_cond_init(&relay->cut, NULL), 0);
    cr_assert_eq(pthread_create(&relay->thread, NULL, relay_main, relay), 0);
}

void relay_close(struct relay *relay)
{
    (void)close(relay->orders[1]);
    (void)pthread_join(relay->thread, NULL);
    (void)close(relay->orders[0]);
    for (int p = 0; p < RELAY_PORTS; p++)
        (void)close(relay->listeners[p]);
    (void)pthread_cond_destroy(&relay->cut);
    (void)pthread_mutex_destroy(&relay->lock);
    gm_buf_fini(&relay->log);
}

void relay_cut_soon(struct relay *relay)
{
    cr_assert_eq(write(relay->orders[1], "c", 1), 1);
}

void relay_cut(struct relay *relay)
{
    (void)pthread_mutex_lock(&relay->lock);
    uint64_t before = relay->cuts;
    relay_cut_soon(relay);
    while (relay->cuts == before)
        (void)pthread_cond_wait(&relay->cut, &relay->lock);
    (void)pthread_mutex_unlock(&relay->lock);
}

size_t relay_saw(struct relay *relay, const void *bytes, size_t size_bytes)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&relay->lock);
    for (size_t at = 0; at + size_bytes <= relay->log.size_bytes; at++) {
        if (memcmp(relay->log.data + at, bytes, size_bytes) == 0)
            count++;
    }
    (void)pthread_mutex_unlock(&relay->lock);
    return count;
}
