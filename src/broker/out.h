/* What a step of the broker asks for: replies, entries to store, log lines. Everything that these
   point to is owned by the arena and lives until the reset. */
#ifndef GM_BROKER_OUT_H
#define GM_BROKER_OUT_H

#include "base/log.h"
#include "broker/entry.h"
#include "wire/message.h"

struct gm_broker_reply {
    uint64_t handle;
    struct gm_message message;
};

struct gm_broker_line {
    enum gm_log_level level;
    const char *text;
};

struct gm_broker_chunk;

/* Grows in chunks that do not move, so that views stay valid. */
struct gm_broker_arena {
    struct gm_broker_chunk *newest;
};

struct gm_broker_out {
    struct gm_broker_arena arena;
    struct gm_broker_reply *replies;
    size_t reply_count, reply_capacity;
    struct gm_entry *entries; /* in this order, in one transaction, before the replies */
    size_t entry_count, entry_capacity;
    struct gm_broker_line *lines;
    size_t line_count, line_capacity;
    bool sweep; /* some blob may have lost its last reference */
};

void gm_broker_out_init(struct gm_broker_out *out);
/* Forgets all content, keeps the memory of the lists. */
void gm_broker_out_reset(struct gm_broker_out *out);
void gm_broker_out_fini(struct gm_broker_out *out);

/* Memory that lives until the reset; NULL when there is none. */
void *gm_broker_out_room(struct gm_broker_out *out, size_t size_bytes) GM_MUST_USE;
enum gm_status gm_broker_out_copy(struct gm_broker_out *out, struct gm_bytes bytes,
                                  struct gm_bytes *copy) GM_MUST_USE;

/* `message` is copied; its views must be static, or memory of this arena. Handle 0 gets nothing. */
enum gm_status gm_broker_out_reply(struct gm_broker_out *out, uint64_t handle,
                                   const struct gm_message *message) GM_MUST_USE;
/* An ERROR reply with a text. */
enum gm_status gm_broker_out_error(struct gm_broker_out *out, uint64_t handle,
                                   enum gm_status status, uint64_t retry_ms, const char *format,
                                   ...) GM_PRINTF(5, 6) GM_MUST_USE;
/* `value` is copied. */
enum gm_status gm_broker_out_put(struct gm_broker_out *out, struct gm_entry_key key,
                                 struct gm_bytes value) GM_MUST_USE;
enum gm_status gm_broker_out_drop(struct gm_broker_out *out, struct gm_entry_key key) GM_MUST_USE;
enum gm_status gm_broker_out_line(struct gm_broker_out *out, enum gm_log_level level,
                                  const char *format, ...) GM_PRINTF(3, 4) GM_MUST_USE;

#endif
