/* Deterministic CBOR (RFC 8949, 4.2.1), strictly: one value has one encoding, and anything else is
   refused. Definite lengths, shortest heads, map keys in the bytewise order of their encodings
   without duplicates, valid UTF-8, no floats, no `undefined`, at most 8 levels.

   The writer puts heads with libcbor into a gm_buf, whose sticky status is looked at once at the
   end; libcbor does not sort, so keys must be put in order (0..., then -1...).

   The reader is a cursor over bytes that it does not own. It allocates nothing and believes no
   length: a count that cannot fit the bytes left is refused before the caller sees it. Decoding a
   map with known keys reads as a list of its fields:

       GM_TRY(gm_cbor_map_begin(r, "lease", NULL));
       GM_TRY(gm_cbor_map_key(r, 1, "task"));
       GM_TRY(gm_cbor_read_exact(r, "task", task, 32));
       if (gm_cbor_map_try_key(r, 2))
           GM_TRY(gm_cbor_read_u64(r, "deadline", &deadline));
       GM_TRY(gm_cbor_end(r));

   All errors are GM_INVALID with the field, the byte offset and what was expected. */
#ifndef GM_TRUST_CBOR_H
#define GM_TRUST_CBOR_H

#include "base/bytes.h"

enum { GM_CBOR_DEPTH_MAX = 8 };

/* Writer. */
void gm_cbor_put_u64(struct gm_buf *buf, uint64_t value);
void gm_cbor_put_i64(struct gm_buf *buf, int64_t value);
void gm_cbor_put_bytes(struct gm_buf *buf, const void *data, size_t size_bytes);
/* `text` is UTF-8. */
void gm_cbor_put_text(struct gm_buf *buf, const char *text);
/* `count` items follow. */
void gm_cbor_put_array(struct gm_buf *buf, size_t count);
/* `count` pairs of key and value follow. */
void gm_cbor_put_map(struct gm_buf *buf, size_t count);
/* One item follows. */
void gm_cbor_put_tag(struct gm_buf *buf, uint64_t tag);
void gm_cbor_put_bool(struct gm_buf *buf, bool value);
void gm_cbor_put_null(struct gm_buf *buf);

enum gm_cbor_kind {
    GM_CBOR_UNSIGNED,
    GM_CBOR_NEGATIVE,
    GM_CBOR_BYTES,
    GM_CBOR_TEXT,
    GM_CBOR_ARRAY,
    GM_CBOR_MAP,
    GM_CBOR_TAG,
    GM_CBOR_SIMPLE, /* false, true, null */
    GM_CBOR_NOTHING /* the end, or bytes that start no item */
};

struct gm_cbor_level {
    const char *name;
    uint64_t items_left; /* in a map: keys and values together */
    struct gm_bytes key; /* the newest key of a map, encoded */
    bool is_map;
};

struct gm_cbor_reader {
    struct gm_bytes input; /* not owned; must outlive the reader and every view it gave */
    size_t at_bytes;
    struct gm_error *err;
    size_t depth;
    struct gm_cbor_level levels[GM_CBOR_DEPTH_MAX];
};

/* `err` may be NULL; it receives the story of every failure. */
void gm_cbor_reader_init(struct gm_cbor_reader *reader, struct gm_bytes input,
                         struct gm_error *err);
/* Every container is closed and no byte is left. */
enum gm_status gm_cbor_read_done(struct gm_cbor_reader *reader) GM_MUST_USE;
/* The kind of the next item, NOTHING at the end of the innermost container; consumes nothing. */
enum gm_cbor_kind gm_cbor_peek(const struct gm_cbor_reader *reader);

/* One item each. `field` names it in messages. */
enum gm_status gm_cbor_read_u64(struct gm_cbor_reader *reader, const char *field,
                                uint64_t *out) GM_MUST_USE;
/* Also refuses values above `max`. */
enum gm_status gm_cbor_read_u64_max(struct gm_cbor_reader *reader, const char *field, uint64_t max,
                                    uint64_t *out) GM_MUST_USE;
enum gm_status gm_cbor_read_i64(struct gm_cbor_reader *reader, const char *field,
                                int64_t *out) GM_MUST_USE;
/* A view into the input. */
enum gm_status gm_cbor_read_bytes(struct gm_cbor_reader *reader, const char *field,
                                  struct gm_bytes *out) GM_MUST_USE;
/* Copies; the byte string must have exactly this size. */
enum gm_status gm_cbor_read_exact(struct gm_cbor_reader *reader, const char *field, void *out,
                                  size_t size_bytes) GM_MUST_USE;
/* A view of valid UTF-8, not terminated. */
enum gm_status gm_cbor_read_text(struct gm_cbor_reader *reader, const char *field,
                                 struct gm_bytes *out) GM_MUST_USE;
/* Copies with a terminator into `out` of size_bytes; refuses longer texts and texts with U+0000. */
enum gm_status gm_cbor_read_string(struct gm_cbor_reader *reader, const char *field, char *out,
                                   size_t size_bytes) GM_MUST_USE;
enum gm_status gm_cbor_read_bool(struct gm_cbor_reader *reader, const char *field,
                                 bool *out) GM_MUST_USE;
enum gm_status gm_cbor_read_null(struct gm_cbor_reader *reader, const char *field) GM_MUST_USE;
/* The tag must be `tag`; the item it stands before is read next. */
enum gm_status gm_cbor_read_tag(struct gm_cbor_reader *reader, const char *field,
                                uint64_t tag) GM_MUST_USE;
/* One item of any kind, checked as strictly as if it were read. `out` may be NULL, else receives
   its encoding. */
enum gm_status gm_cbor_skip(struct gm_cbor_reader *reader, const char *field,
                            struct gm_bytes *out) GM_MUST_USE;

/* Containers: begin, items, end. `name` must outlive the container's reading. `count` receives the
   number of items (of pairs, for a map), which is at most the bytes left; NULL if not wanted. */
enum gm_status gm_cbor_array_begin(struct gm_cbor_reader *reader, const char *name,
                                   uint64_t *count) GM_MUST_USE;
enum gm_status gm_cbor_map_begin(struct gm_cbor_reader *reader, const char *name,
                                 uint64_t *count) GM_MUST_USE;
/* No item may be left: an unread key of a map is an unknown one. */
enum gm_status gm_cbor_end(struct gm_cbor_reader *reader) GM_MUST_USE;
/* Items (pairs, for a map) left in the innermost container. */
uint64_t gm_cbor_items_left(const struct gm_cbor_reader *reader);

/* The next key must be `key`; `field` names it. */
enum gm_status gm_cbor_map_key(struct gm_cbor_reader *reader, int64_t key,
                               const char *field) GM_MUST_USE;
/* Takes the next key when it is `key`; otherwise nothing happens and it returns false. */
bool gm_cbor_map_try_key(struct gm_cbor_reader *reader, int64_t key) GM_MUST_USE;
/* Any integer key; `*more` is false at the end of the map. */
enum gm_status gm_cbor_map_next_key(struct gm_cbor_reader *reader, int64_t *key,
                                    bool *more) GM_MUST_USE;
/* A text key, as a view; `*more` is false at the end of the map. */
enum gm_status gm_cbor_map_next_text_key(struct gm_cbor_reader *reader, struct gm_bytes *key,
                                         bool *more) GM_MUST_USE;

/* The whole of `input` is one strictly deterministic item. */
enum gm_status gm_cbor_check(struct gm_bytes input, struct gm_error *err) GM_MUST_USE;

#endif
