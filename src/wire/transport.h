/* Frames over TCP, request and reply: all that Gradmill asks of nng, and the only place that knows
   it. Works with nng 1.5.2 to 1.10. A frame is opaque here; wire/session.h gives it a meaning.

   Servers use the raw form of REP: a request that waits (a long poll) then holds no context, and a
   peer that does not read its replies delays nobody else. Clients use REQ with resending switched
   off, as repeating is the caller's business: it knows which requests are safe to repeat. */
#ifndef GM_WIRE_TRANSPORT_H
#define GM_WIRE_TRANSPORT_H

#include "base/bytes.h"

struct gm_listener;
struct gm_inbound; /* a request that waits for its reply */

/* Called from transport threads, several at a time: must not block. Owns `inbound` and ends its
   life by gm_inbound_reply or gm_inbound_drop, then or later, from any thread. */
typedef void gm_inbound_fn(void *ctx, struct gm_inbound *inbound);

/* `address` is "tcp://host:port"; port 0 takes a free one. Frames longer than frame_bytes_max end
   the connection before memory is taken. GM_IO names the address and the reason ("address in use").
 */
enum gm_status gm_listener_open(const char *address, size_t frame_bytes_max, gm_inbound_fn *handler,
                                void *ctx, struct gm_listener **out,
                                struct gm_error *err) GM_MUST_USE;
/* Ends all connections and waits for running handlers: none is called afterwards. Requests may
   still be replied to, which reaches nobody, and must be ended before the listener is closed. */
void gm_listener_stop(struct gm_listener *listener);
void gm_listener_close(struct gm_listener *listener); /* stops; NULL is allowed */
uint16_t gm_listener_port(const struct gm_listener *listener);

/* The connection has proven who it is. */
void gm_listener_admit(struct gm_listener *listener, uint32_t connection);
/* Ends connections that have not, `wait_ms` after they came; call it about every second. */
void gm_listener_sweep(struct gm_listener *listener, uint64_t now_ms, uint64_t wait_ms);

struct gm_bytes gm_inbound_frame(const struct gm_inbound *inbound); /* valid until reply or drop */
uint32_t gm_inbound_connection(const struct gm_inbound *inbound);
/* Whether a reply would still find the connection that the request came by. */
bool gm_inbound_connected(const struct gm_inbound *inbound);
/* Connections that have ended so far: as long as it is the same, so is the answer above. */
uint64_t gm_listener_losses(struct gm_listener *listener);
/* Never blocks; a peer that is gone gets nothing. */
void gm_inbound_reply(struct gm_inbound *inbound, struct gm_bytes frame);
void gm_inbound_drop(struct gm_inbound *inbound);

struct gm_dialer;

/* Connects in the background when first used, and again after every loss: a connection that says
   nothing would be ended by the listener. GM_USAGE: not an address. */
enum gm_status gm_dialer_open(const char *address, size_t frame_bytes_max, struct gm_dialer **out,
                              struct gm_error *err) GM_MUST_USE;
/* From any thread: running exchanges end with GM_CANCELLED, and so do all later ones. */
void gm_dialer_stop(struct gm_dialer *dialer);
void gm_dialer_close(struct gm_dialer *dialer); /* NULL is allowed; no exchange may be running */
/* Sends and waits for the reply, from any thread, several at a time. GM_TIMEOUT: not answered
   within wait_ms, whether connected or not. GM_PEER: the connection was lost; the request may or
   may not have been carried out. GM_CANCELLED: stopped. */
enum gm_status gm_dialer_exchange(struct gm_dialer *dialer, struct gm_bytes request,
                                  uint32_t wait_ms, struct gm_buf *reply,
                                  struct gm_error *err) GM_MUST_USE;

#endif
