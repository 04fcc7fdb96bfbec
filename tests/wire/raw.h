/* A peer that speaks by hand: TCP, nng's framing, frames and Noise, so that it can speak wrongly.
 */
#ifndef GM_TEST_WIRE_RAW_H
#define GM_TEST_WIRE_RAW_H

#include "net.h"
#include "trust/noise.h"

enum { RAW_WAIT_MS = 20000 };

struct raw {
    int fd;
    uint64_t session;
    struct gm_noise_session noise;
};

/* Each ends the test on failure. */
void raw_connect(struct raw *raw, uint16_t port);
/* Also greets as nng does, and takes the greeting. */
void raw_greet(struct raw *raw, uint16_t port);
/* Also makes a session as the key, whose number it learns. */
void raw_open(struct raw *raw, const struct net *net, enum gm_port port);
void raw_close(struct raw *raw);

/* Bytes as they are; false: the other side has closed. */
bool raw_send(struct raw *raw, const void *data, size_t size_bytes);
/* Length, request number, frame. */
void raw_send_frame(struct raw *raw, uint32_t request, struct gm_bytes frame);
/* The frame of a message, sealed with this counter; the caller frees it. */
void raw_seal(const struct raw *raw, uint64_t counter, const struct gm_message *message,
              struct gm_buf *out);
/* The next reply: its request number and its frame, which the caller frees. */
uint32_t raw_reply(struct raw *raw, struct gm_buf *frame);
/* The same, opened: false when it is no sealed message that opens and decodes to `type`. */
bool raw_reply_is(struct raw *raw, struct gm_buf *frame, enum gm_message_type type);
/* Whether the other side closes the connection, however much it says before. */
bool raw_ended(struct raw *raw);
/* Whether there is something to read, or the end, within this time. */
bool raw_ready(struct raw *raw, int wait_ms);

#endif
