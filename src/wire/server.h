/* The broker's side of the wire: two ports, sessions, and requests that arrive decrypted with the
   key of who sent them. */
#ifndef GM_WIRE_SERVER_H
#define GM_WIRE_SERVER_H

#include "trust/key.h"
#include "wire/message.h"

enum gm_port { GM_PORT_CONTROL = 0, GM_PORT_BLOBS = 1, GM_PORT_COUNT = 2 };

struct gm_server;
struct gm_request; /* waits for its reply */

/* Called from transport threads, several at a time; must not block. Owns the request and ends its
   life by gm_request_reply or gm_request_drop, then or later, from any thread. */
typedef void gm_server_fn(void *ctx, struct gm_request *request);

struct gm_server_config {
    const struct gm_key *key; /* not owned; outlives the server */
    /* "tcp://host:port" of the control port; blobs are served on the next port. Port 0 takes two
       free ones. */
    const char *address;
    gm_server_fn *handler;
    void *ctx;
    uint64_t open_bytes_max; /* of requests that wait for replies; beyond it peers get BUSY */
};

enum gm_status gm_server_open(const struct gm_server_config *config, struct gm_server **out,
                              struct gm_error *err) GM_MUST_USE;
/* Ends all connections and waits for running handlers: none is called afterwards. Requests that
   wait may still be replied to, which reaches nobody, or dropped. */
void gm_server_stop(struct gm_server *server);
/* Stops. Every request must have been replied to or dropped. NULL is allowed. */
void gm_server_close(struct gm_server *server);
uint16_t gm_server_port(const struct gm_server *server, enum gm_port port);
/* About every second: ends connections that prove nothing, and sessions nobody uses. */
void gm_server_tick(struct gm_server *server, uint64_t now_ms);

enum gm_port gm_request_port(const struct gm_request *request);
const struct gm_key_public *gm_request_peer(const struct gm_request *request);
/* Decoded; its views live as long as the request. */
const struct gm_message *gm_request_message(const struct gm_request *request);

/* False: who asked has hung up. A request that waits for long should not be served then. */
bool gm_request_connected(const struct gm_request *request);
/* Connections to that port that have ended so far: as long as it is the same, so are the answers
   above. */
uint64_t gm_server_losses(const struct gm_server *server, enum gm_port port);

/* Never blocks. The message's views need to live for the call only. One that is too long for the
   port goes as an ERROR, GM_LIMIT. */
void gm_request_reply(struct gm_request *request, const struct gm_message *message);
/* An ERROR reply; retry_ms 0: there is no use in trying again. What does not fit of the text is cut
   off. */
void gm_request_refuse(struct gm_request *request, enum gm_status status, uint64_t retry_ms,
                       const char *text);
void gm_request_drop(struct gm_request *request);

#endif
