#include "data/blob_table.h"

#include "base/bytes.h"
#include "base/mem.h"

/* Names are hashes already: their first bits are as good as any. */
static size_t bucket_of(const struct gm_hash *root)
{
    return gm_load_u32(root->bytes) % GM_BLOB_BUCKETS;
}

struct gm_blob_entry *gm_blob_table_find(const struct gm_blob_table *table,
                                         const struct gm_hash *root)
{
    struct gm_blob_entry *entry = table->buckets[bucket_of(root)];
    while (entry != NULL && !gm_hash_equal(&entry->root, root))
        entry = entry->next;
    return entry;
}

struct gm_blob_entry *gm_blob_table_add(struct gm_blob_table *table, const struct gm_hash *root)
{
    struct gm_blob_entry *entry = gm_mem_new(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    struct gm_blob_entry **bucket = &table->buckets[bucket_of(root)];
    entry->root = *root;
    entry->next = *bucket;
    *bucket = entry;
    return entry;
}

void gm_blob_table_remove(struct gm_blob_table *table, const struct gm_hash *root)
{
    struct gm_blob_entry **at = &table->buckets[bucket_of(root)];
    while (*at != NULL && !gm_hash_equal(&(*at)->root, root))
        at = &(*at)->next;
    struct gm_blob_entry *entry = *at;
    if (entry != NULL) {
        *at = entry->next;
        gm_mem_free(entry);
    }
}

void gm_blob_table_clear(struct gm_blob_table *table)
{
    for (size_t i = 0; i < GM_BLOB_BUCKETS; i++) {
        while (table->buckets[i] != NULL) {
            struct gm_blob_entry *entry = table->buckets[i];
            table->buckets[i] = entry->next;
            gm_mem_free(entry);
        }
    }
}
