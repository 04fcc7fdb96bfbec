#include <string.h>

#include "base/mem.h"
#include "broker/list.h"
#include "broker/store.h"

struct cell {
    struct gm_entry_key key;
    size_t size_bytes;
    uint8_t value[];
};

struct store_mem {
    struct gm_store store;
    struct cell **cells; /* sorted by key */
    size_t count, capacity;
};

static void mem_close(struct gm_store *store)
{
    struct store_mem *mem = (struct store_mem *)store;
    for (size_t i = 0; i < mem->count; i++)
        gm_mem_free(mem->cells[i]);
    gm_mem_free(mem->cells);
    gm_mem_free(mem);
}

static enum gm_status mem_scan(struct gm_store *store, gm_store_visit *visit, void *ctx,
                               struct gm_error *err)
{
    struct store_mem *mem = (struct store_mem *)store;
    for (size_t i = 0; i < mem->count; i++) {
        struct gm_entry entry = {.key = mem->cells[i]->key,
                                 .value = {mem->cells[i]->value, mem->cells[i]->size_bytes}};
        GM_TRY(visit(ctx, &entry, err));
    }
    return GM_OK;
}

static int compare_cell(const void *key, const void *element)
{
    return gm_entry_key_compare(key, &((const struct cell *)element)->key);
}

/* All memory is taken before anything changes, so that a failure changes nothing. */
static enum gm_status cells_make(const struct gm_entry *entries, size_t count, struct cell **made)
{
    for (size_t i = 0; i < count; i++) {
        if (entries[i].drop)
            continue;
        made[i] = gm_mem_new(1, sizeof **made + entries[i].value.size_bytes);
        if (made[i] == NULL)
            return GM_NO_MEMORY;
        made[i]->key = entries[i].key;
        made[i]->size_bytes = entries[i].value.size_bytes;
        if (made[i]->size_bytes != 0)
            memcpy(made[i]->value, entries[i].value.data, made[i]->size_bytes);
    }
    return GM_OK;
}

static enum gm_status room_make(struct store_mem *mem, size_t count)
{
    if (mem->capacity - mem->count >= count)
        return GM_OK;
    size_t larger = mem->count * 2 + count;
    struct cell **grown = gm_mem_resize(mem->cells, larger, sizeof *grown);
    if (grown == NULL)
        return GM_NO_MEMORY;
    mem->cells = grown;
    mem->capacity = larger;
    return GM_OK;
}

static void cell_put(struct store_mem *mem, const struct gm_entry_key *key, struct cell *cell)
{
    int found;
    size_t at = gm_list_find((void *const *)mem->cells, mem->count, key, compare_cell, &found);
    if (found)
        gm_mem_free(mem->cells[at]);
    if (found && cell == NULL) {
        gm_list_remove((void **)mem->cells, &mem->count, at);
    } else if (cell != NULL) {
        if (!found) {
            memmove(mem->cells + at + 1, mem->cells + at, (mem->count - at) * sizeof *mem->cells);
            mem->count++;
        }
        mem->cells[at] = cell;
    }
}

static enum gm_status mem_apply(struct gm_store *store, const struct gm_entry *entries,
                                size_t count, struct gm_error *err)
{
    struct store_mem *mem = (struct store_mem *)store;
    struct cell **made = gm_mem_new(count, sizeof *made);
    enum gm_status status = made == NULL ? GM_NO_MEMORY : room_make(mem, count);
    if (status == GM_OK)
        status = cells_make(entries, count, made);
    for (size_t i = 0; i < count && made != NULL; i++) {
        if (status == GM_OK)
            cell_put(mem, &entries[i].key, made[i]);
        else
            gm_mem_free(made[i]);
    }
    gm_mem_free(made);
    if (status != GM_OK)
        return gm_error_set(err, status, "store: no memory for %zu entries", count);
    return GM_OK;
}

enum gm_status gm_store_mem_open(struct gm_store **out)
{
    static const struct gm_store_ops ops = {mem_close, mem_scan, mem_apply};
    struct store_mem *mem = gm_mem_new(1, sizeof *mem);
    if (mem == NULL)
        return GM_NO_MEMORY;
    mem->store.ops = &ops;
    *out = &mem->store;
    return GM_OK;
}
