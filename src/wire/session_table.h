/* The sessions a server holds. A session outlives its connection: it is found by its number, so a
   worker that reconnects goes on where it was, on either port.

   A first handshake message may be a replay, so a session counts for nothing until a message has
   opened in it; those that never do are forgotten after seconds. Threads: any; one lock. */
#ifndef GM_WIRE_SESSION_TABLE_H
#define GM_WIRE_SESSION_TABLE_H

#include <pthread.h>

#include "trust/noise.h"

enum {
    GM_SESSION_COUNT_MAX = 4096,
    GM_SESSION_UNPROVEN_MS = 5000,
    GM_SESSION_IDLE_MS = 15 * 60 * 1000,
    GM_SESSION_OPEN_REQUESTS_MAX = 16, /* per session, waiting for a reply */
};

struct gm_session {
    uint64_t number; /* 0: free; the low 12 bits are its place in the table */
    struct gm_key_public peer;
    struct gm_noise_session noise;
    struct gm_noise_window window;
    uint64_t send_counter;
    uint64_t used_ms;
    uint32_t open_requests;
    bool proven;
};

struct gm_session_table {
    pthread_mutex_t lock;
    struct gm_session *sessions;
};

enum gm_status gm_session_table_init(struct gm_session_table *table) GM_MUST_USE;
void gm_session_table_fini(struct gm_session_table *table);

/* Takes the session over and gives it a number that nobody can guess. In a full table it takes the
   place of the session that matters least: one that nobody has proven, else the one that was unused
   longest; its peer makes a new one when it comes back. */
uint64_t gm_session_table_add(struct gm_session_table *table, struct gm_noise_session *noise,
                              const struct gm_key_public *peer, uint64_t now_ms) GM_MUST_USE;

/* Opens a sealed message in place of `plain`, which has sealed.size_bytes - 16 bytes. GM_NOT_FOUND:
   no such session. GM_UNTRUSTED: not authentic, or seen before. GM_BUSY: too many open requests. On
   GM_OK a request is open until gm_session_table_seal or _forget. */
enum gm_status gm_session_table_open(struct gm_session_table *table, uint64_t number,
                                     uint64_t counter, struct gm_bytes header,
                                     struct gm_bytes sealed, uint64_t now_ms, uint8_t *plain,
                                     struct gm_key_public *peer) GM_MUST_USE;
/* The cipher and the next counter for a reply; closes the request. GM_NOT_FOUND: it has gone. */
enum gm_status gm_session_table_next(struct gm_session_table *table, uint64_t number,
                                     struct gm_noise_cipher *cipher, uint64_t *counter) GM_MUST_USE;
void gm_session_table_forget(struct gm_session_table *table, uint64_t number);

void gm_session_table_sweep(struct gm_session_table *table, uint64_t now_ms);

#endif
