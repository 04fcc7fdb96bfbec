/* A worker's or requester's side of the wire: asks the broker, whose key it pins, and gets the
   answer. The session is made when first needed, and made again when the broker no longer knows it,
   as after a restart. */
#ifndef GM_WIRE_CLIENT_H
#define GM_WIRE_CLIENT_H

#include "trust/key.h"
#include "wire/server.h"

struct gm_client;

struct gm_client_config {
    const char *address;         /* the control port; blobs are on the next one */
    const struct gm_key *key;    /* ours; not owned */
    struct gm_key_public broker; /* pinned */
};

/* An answer and the bytes its views point into. */
struct gm_reply {
    struct gm_message message;
    struct gm_buf bytes;
};

/* Connects when first used: an absent broker shows in the first call. */
enum gm_status gm_client_open(const struct gm_client_config *config, struct gm_client **out,
                              struct gm_error *err) GM_MUST_USE;
/* From any thread: running calls end with GM_CANCELLED, and so do all later ones. */
void gm_client_stop(struct gm_client *client);
void gm_client_close(struct gm_client *client); /* NULL is allowed; no call may be running */

/* Blocks until the answer, ERROR included, or until wait_ms have passed without one; any thread,
   several at a time. GM_TIMEOUT, GM_PEER: the request may or may not have been carried out.
   GM_UNTRUSTED: who answers does not hold the pinned key. GM_CANCELLED: stopped. On GM_OK
   gm_reply_fini frees the reply. */
enum gm_status gm_client_call(struct gm_client *client, enum gm_port port,
                              const struct gm_message *request, uint32_t wait_ms,
                              struct gm_reply *reply, struct gm_error *err) GM_MUST_USE;
void gm_reply_fini(struct gm_reply *reply);

/* The same for callers who expect one kind of answer: an ERROR becomes its status and text, another
   kind GM_PEER. *retry_ms (may be NULL) is what an ERROR asks to wait, else 0. */
enum gm_status gm_client_ask(struct gm_client *client, enum gm_port port,
                             const struct gm_message *request, uint32_t wait_ms,
                             enum gm_message_type expected, struct gm_reply *reply,
                             uint64_t *retry_ms, struct gm_error *err) GM_MUST_USE;

#endif
