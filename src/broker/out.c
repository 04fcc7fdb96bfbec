#include "broker/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broker/list.h"

enum { CHUNK_BYTES = 64 << 10, ALIGN_BYTES = 16 };

struct gm_broker_chunk {
    struct gm_broker_chunk *older;
    size_t used_bytes, size_bytes;
    _Alignas(ALIGN_BYTES) uint8_t data[];
};

void gm_broker_out_init(struct gm_broker_out *out)
{
    memset(out, 0, sizeof *out);
}

static void chunks_free(struct gm_broker_chunk *newest)
{
    while (newest != NULL) {
        struct gm_broker_chunk *older = newest->older;
        gm_mem_free(newest);
        newest = older;
    }
}

void gm_broker_out_reset(struct gm_broker_out *out)
{
    if (out->arena.newest != NULL) {
        chunks_free(out->arena.newest->older);
        out->arena.newest->older = NULL;
        out->arena.newest->used_bytes = 0;
    }
    out->reply_count = 0;
    out->entry_count = 0;
    out->line_count = 0;
    out->sweep = false;
}

void gm_broker_out_fini(struct gm_broker_out *out)
{
    chunks_free(out->arena.newest);
    gm_mem_free(out->replies);
    gm_mem_free(out->entries);
    gm_mem_free(out->lines);
    memset(out, 0, sizeof *out);
}

void *gm_broker_out_room(struct gm_broker_out *out, size_t size_bytes)
{
    struct gm_broker_chunk *chunk = out->arena.newest;
    if (size_bytes > SIZE_MAX / 2)
        return NULL;
    size_t size = (size_bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    if (chunk == NULL || chunk->size_bytes - chunk->used_bytes < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk = gm_mem_new(1, sizeof *chunk + room);
        if (chunk == NULL)
            return NULL;
        chunk->size_bytes = room;
        chunk->older = out->arena.newest;
        out->arena.newest = chunk;
    }
    void *start = chunk->data + chunk->used_bytes;
    chunk->used_bytes += size;
    return start;
}

enum gm_status gm_broker_out_copy(struct gm_broker_out *out, struct gm_bytes bytes,
                                  struct gm_bytes *copy)
{
    uint8_t *room = gm_broker_out_room(out, bytes.size_bytes);
    if (room == NULL)
        return GM_NO_MEMORY;
    if (bytes.size_bytes != 0)
        memcpy(room, bytes.data, bytes.size_bytes);
    *copy = (struct gm_bytes){room, bytes.size_bytes};
    return GM_OK;
}

enum gm_status gm_broker_out_reply(struct gm_broker_out *out, uint64_t handle,
                                   const struct gm_message *message)
{
    if (handle == 0)
        return GM_OK;
    GM_TRY(GM_LIST_ROOM(out->replies, out->reply_count, out->reply_capacity));
    out->replies[out->reply_count++] = (struct gm_broker_reply){handle, *message};
    return GM_OK;
}

/* The formatted text, cut to what a message may carry. */
static const char *text_format(struct gm_broker_out *out, const char *format, va_list arguments)
{
    char *text = gm_broker_out_room(out, GM_WIRE_TEXT_MAX);
    if (text != NULL)
        vsnprintf(text, GM_WIRE_TEXT_MAX, format, arguments);
    return text;
}

enum gm_status gm_broker_out_error(struct gm_broker_out *out, uint64_t handle,
                                   enum gm_status status, uint64_t retry_ms, const char *format,
                                   ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = text_format(out, format, arguments);
    va_end(arguments);
    if (text == NULL)
        return GM_NO_MEMORY;
    struct gm_message message = {.type = GM_MESSAGE_ERROR};
    message.error = (struct gm_msg_error){
        .status = status, .text = {(const uint8_t *)text, strlen(text)}, .retry_ms = retry_ms};
    return gm_broker_out_reply(out, handle, &message);
}

static enum gm_status entry_add(struct gm_broker_out *out, const struct gm_entry *entry)
{
    GM_TRY(GM_LIST_ROOM(out->entries, out->entry_count, out->entry_capacity));
    out->entries[out->entry_count++] = *entry;
    return GM_OK;
}

enum gm_status gm_broker_out_put(struct gm_broker_out *out, struct gm_entry_key key,
                                 struct gm_bytes value)
{
    struct gm_entry entry = {.key = key};
    GM_TRY(gm_broker_out_copy(out, value, &entry.value));
    return entry_add(out, &entry);
}

enum gm_status gm_broker_out_drop(struct gm_broker_out *out, struct gm_entry_key key)
{
    struct gm_entry entry = {.key = key, .drop = true};
    return entry_add(out, &entry);
}

enum gm_status gm_broker_out_line(struct gm_broker_out *out, enum gm_log_level level,
                                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = text_format(out, format, arguments);
    va_end(arguments);
    if (text == NULL)
        return GM_NO_MEMORY;
    GM_TRY(GM_LIST_ROOM(out->lines, out->line_count, out->line_capacity));
    out->lines[out->line_count++] = (struct gm_broker_line){level, text};
    return GM_OK;
}
