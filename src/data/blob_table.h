/* Inside the blob store: which blobs are there, by name. A hash table with chains; not
   thread-safe. */
#ifndef GM_DATA_BLOB_TABLE_H
#define GM_DATA_BLOB_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "trust/hash.h"

enum { GM_BLOB_BUCKETS = 4096 };

struct gm_blob_pack;

struct gm_blob_entry {
    struct gm_hash root;
    uint64_t size_bytes;
    uint32_t holds;
    bool partial;              /* pieces are still missing */
    bool open;                 /* a gm_blob_partial is at work on it */
    bool synced;               /* on the disk, not just in the system's memory */
    uint64_t serial;           /* which file of that name it is: one that comes back is another */
    struct gm_blob_pack *pack; /* the file that holds it among others; NULL: one of its own */
    uint64_t offset_bytes;     /* in the pack */
    struct gm_blob_entry *next;
};

struct gm_blob_table {
    struct gm_blob_entry *buckets[GM_BLOB_BUCKETS];
};

struct gm_blob_entry *gm_blob_table_find(const struct gm_blob_table *table,
                                         const struct gm_hash *root);
/* A zeroed entry of that name, which must be new; NULL without memory. */
struct gm_blob_entry *gm_blob_table_add(struct gm_blob_table *table, const struct gm_hash *root);
void gm_blob_table_remove(struct gm_blob_table *table, const struct gm_hash *root);
void gm_blob_table_clear(struct gm_blob_table *table);

#endif
