#include "wire/session_table.h"

#include <sodium.h>

#include "base/mem.h"

enum { PLACE_MASK = GM_SESSION_COUNT_MAX - 1 };

enum gm_status gm_session_table_init(struct gm_session_table *table)
{
    table->sessions = gm_mem_new(GM_SESSION_COUNT_MAX, sizeof *table->sessions);
    if (table->sessions == NULL)
        return GM_NO_MEMORY;
    if (pthread_mutex_init(&table->lock, NULL) != 0) {
        gm_mem_free(table->sessions);
        return GM_NO_MEMORY;
    }
    return GM_OK;
}

void gm_session_table_fini(struct gm_session_table *table)
{
    sodium_memzero(table->sessions, GM_SESSION_COUNT_MAX * sizeof *table->sessions);
    gm_mem_free(table->sessions);
    (void)pthread_mutex_destroy(&table->lock);
}

/* With the lock held. */
static struct gm_session *session_find(struct gm_session_table *table, uint64_t number)
{
    struct gm_session *session = &table->sessions[number & PLACE_MASK];
    return number != 0 && session->number == number ? session : NULL;
}

static void session_end(struct gm_session *session)
{
    sodium_memzero(session, sizeof *session);
}

static bool session_over(const struct gm_session *session, uint64_t now_ms)
{
    uint64_t allowed_ms = session->proven ? GM_SESSION_IDLE_MS : GM_SESSION_UNPROVEN_MS;
    return session->number != 0 && now_ms > session->used_ms &&
           now_ms - session->used_ms > allowed_ms;
}

static struct gm_session *place_find(struct gm_session_table *table, uint64_t now_ms)
{
    struct gm_session *least = &table->sessions[0];
    for (size_t i = 0; i < GM_SESSION_COUNT_MAX; i++) {
        struct gm_session *session = &table->sessions[i];
        if (session->number == 0 || session_over(session, now_ms))
            return session;
        if (session->proven != least->proven ? least->proven : session->used_ms < least->used_ms)
            least = session;
    }
    return least;
}

uint64_t gm_session_table_add(struct gm_session_table *table, struct gm_noise_session *noise,
                              const struct gm_key_public *peer, uint64_t now_ms)
{
    uint64_t number;
    randombytes_buf(&number, sizeof number);
    (void)pthread_mutex_lock(&table->lock);
    struct gm_session *session = place_find(table, now_ms);
    uint64_t place = (uint64_t)(session - table->sessions);
    number = (number & ~(uint64_t)PLACE_MASK) | place;
    if (number == 0)
        number = GM_SESSION_COUNT_MAX; /* the first place, and no session's number */
    session_end(session);
    session->number = number;
    session->peer = *peer;
    session->noise = *noise;
    session->used_ms = now_ms;
    (void)pthread_mutex_unlock(&table->lock);
    gm_noise_session_wipe(noise);
    return number;
}

/* What opening needs, copied out so that the cipher runs without the lock. */
static enum gm_status session_look(struct gm_session_table *table, uint64_t number,
                                   uint64_t counter, struct gm_noise_cipher *cipher)
{
    enum gm_status status = GM_OK;
    (void)pthread_mutex_lock(&table->lock);
    const struct gm_session *session = session_find(table, number);
    if (session == NULL)
        status = GM_NOT_FOUND;
    else if (!gm_noise_window_fits(&session->window, counter))
        status = GM_UNTRUSTED;
    else
        *cipher = session->noise.receive;
    (void)pthread_mutex_unlock(&table->lock);
    return status;
}

static enum gm_status session_take(struct gm_session_table *table, uint64_t number,
                                   uint64_t counter, uint64_t now_ms, struct gm_key_public *peer)
{
    enum gm_status status = GM_OK;
    (void)pthread_mutex_lock(&table->lock);
    struct gm_session *session = session_find(table, number);
    if (session == NULL) {
        status = GM_NOT_FOUND;
    } else if (!gm_noise_window_take(&session->window, counter)) {
        status = GM_UNTRUSTED;
    } else {
        session->proven = true;
        session->used_ms = now_ms;
        *peer = session->peer;
        if (session->open_requests >= GM_SESSION_OPEN_REQUESTS_MAX)
            status = GM_BUSY;
        session->open_requests++; /* closed by the reply, be it BUSY */
    }
    (void)pthread_mutex_unlock(&table->lock);
    return status;
}

enum gm_status gm_session_table_open(struct gm_session_table *table, uint64_t number,
                                     uint64_t counter, struct gm_bytes header,
                                     struct gm_bytes sealed, uint64_t now_ms, uint8_t *plain,
                                     struct gm_key_public *peer)
{
    struct gm_noise_cipher cipher;
    if (sealed.size_bytes < GM_NOISE_TAG_BYTES)
        return GM_UNTRUSTED;
    GM_TRY(session_look(table, number, counter, &cipher));
    bool authentic = gm_noise_open(&cipher, counter, header, sealed, plain);
    sodium_memzero(&cipher, sizeof cipher);
    if (!authentic)
        return GM_UNTRUSTED;
    return session_take(table, number, counter, now_ms, peer);
}

enum gm_status gm_session_table_next(struct gm_session_table *table, uint64_t number,
                                     struct gm_noise_cipher *cipher, uint64_t *counter)
{
    enum gm_status status = GM_NOT_FOUND;
    (void)pthread_mutex_lock(&table->lock);
    struct gm_session *session = session_find(table, number);
    if (session != NULL) {
        *cipher = session->noise.send;
        *counter = session->send_counter++;
        if (session->open_requests > 0)
            session->open_requests--;
        status = GM_OK;
    }
    (void)pthread_mutex_unlock(&table->lock);
    return status;
}

void gm_session_table_forget(struct gm_session_table *table, uint64_t number)
{
    (void)pthread_mutex_lock(&table->lock);
    struct gm_session *session = session_find(table, number);
    if (session != NULL && session->open_requests > 0)
        session->open_requests--;
    (void)pthread_mutex_unlock(&table->lock);
}

void gm_session_table_sweep(struct gm_session_table *table, uint64_t now_ms)
{
    (void)pthread_mutex_lock(&table->lock);
    for (size_t i = 0; i < GM_SESSION_COUNT_MAX; i++) {
        if (session_over(&table->sessions[i], now_ms))
            session_end(&table->sessions[i]);
    }
    (void)pthread_mutex_unlock(&table->lock);
}
