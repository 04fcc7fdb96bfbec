/* Somebody without a key who throws garbage at both of a broker's ports:  vandal HOST-PORT ROUNDS

   Ends with 0 when the ports still took connections at the end, 1 when they did not. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { GARBAGE_BYTES = 4096, HUNG_UP_WAIT_MS = 50 };

/* What nng says first: "SP", version 0, the protocol REQ. */
static const unsigned char greeting[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
/* A message that claims 8 GiB, and one of 100 bytes that is never finished. */
static const unsigned char huge[] = {0, 0, 0, 2, 0, 0, 0, 0, 0x80, 0, 0, 1, 'x'};
static const unsigned char cut[] = {0, 0, 0, 0, 0, 0, 0, 100, 0x80, 0, 0, 1, 'x'};

static int port_connect(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    const struct timeval wait = {.tv_usec = HUNG_UP_WAIT_MS * 1000};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static void throw_at(int fd, const void *bytes, size_t size)
{
    (void)!send(fd, bytes, size, MSG_NOSIGNAL);
}

static void garbage_make(unsigned char *out, unsigned seed)
{
    for (size_t i = 0; i < GARBAGE_BYTES; i++) {
        seed = seed * 1103515245u + 12345u;
        out[i] = (unsigned char)(seed >> 16);
    }
}

/* One way of misbehaving. */
static void misbehave(int fd, unsigned way, unsigned seed)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: broker\r\n\r\n";
    unsigned char garbage[GARBAGE_BYTES];
    unsigned char framed[16 + 64] = {0, 0, 0, 0, 0, 0, 0, 72, 0x80, 0, 0, 1};
    char answer[256];
    garbage_make(garbage, seed);
    switch (way) {
    case 0:
        throw_at(fd, garbage, sizeof garbage);
        break;
    case 1:
        throw_at(fd, http, sizeof http - 1);
        (void)!recv(fd, answer, sizeof answer, 0);
        break;
    case 2:
        throw_at(fd, greeting, sizeof greeting);
        throw_at(fd, huge, sizeof huge);
        throw_at(fd, garbage, sizeof garbage);
        break;
    case 3:
        throw_at(fd, greeting, sizeof greeting);
        throw_at(fd, cut, sizeof cut);
        break;
    case 4: /* a frame of the right length that no key sealed */
        throw_at(fd, greeting, sizeof greeting);
        memcpy(framed + 12, garbage, sizeof framed - 12);
        throw_at(fd, framed, sizeof framed);
        (void)!recv(fd, answer, sizeof answer, 0);
        break;
    default: /* connects, and hangs up */
        break;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    unsigned port = (unsigned)strtoul(argv[1], NULL, 10);
    unsigned rounds = (unsigned)strtoul(argv[2], NULL, 10);
    for (unsigned i = 0; i < rounds; i++) {
        int fd = port_connect(port + i % 2);
        if (fd < 0) {
            (void)fprintf(stderr, "vandal: port %u takes no connection\n", port + i % 2);
            return 1;
        }
        misbehave(fd, i / 2 % 6, i + 1);
        (void)close(fd);
    }
    return 0;
}
