/* Tensors on a device, found by their root. Entries that are held stay; the others are dropped,
   least recently used first, when a new buffer does not fit: on the device, or in what the cache
   may take. */
#ifndef GM_WORKER_TENSOR_CACHE_H
#define GM_WORKER_TENSOR_CACHE_H

#include "backend/backend.h"
#include "trust/hash.h"

struct gm_cached_tensor {
    struct gm_hash root;
    struct gm_tensor_desc desc;
    struct gm_buffer *buffer;
    uint32_t holds;
    uint64_t used; /* a counter, greater is newer */
};

struct gm_tensor_cache {
    struct gm_device *device;
    struct gm_cached_tensor *entries;
    size_t count;
    size_t capacity;
    uint64_t clock;
    uint64_t bytes;     /* of all entries, and of buffers that were handed out */
    uint64_t bytes_max; /* 0: as much as the device has */
};

void gm_tensor_cache_init(struct gm_tensor_cache *cache, struct gm_device *device);
void gm_tensor_cache_fini(struct gm_tensor_cache *cache);

/* NULL: not kept. The entry is valid until the cache changes; counts as a use. */
struct gm_cached_tensor *gm_tensor_cache_find(struct gm_tensor_cache *cache,
                                              const struct gm_hash *root,
                                              const struct gm_tensor_desc *desc);
/* By root alone, whatever its shape. */
struct gm_cached_tensor *gm_tensor_cache_find_root(struct gm_tensor_cache *cache,
                                                   const struct gm_hash *root);

/* A buffer of the device, after dropping what must go, or the one of a tensor that went: its
   content is not defined. The caller owns it. */
enum gm_status gm_tensor_cache_buffer(struct gm_tensor_cache *cache, uint64_t size_bytes,
                                      struct gm_buffer **out, struct gm_error *err) GM_MUST_USE;

/* Gives such a buffer back. NULL is allowed. */
void gm_tensor_cache_buffer_free(struct gm_tensor_cache *cache, struct gm_buffer *buffer);

/* Takes the buffer over, in every case; held once. When the root is kept already the new buffer is
   freed and the old one held. */
enum gm_status gm_tensor_cache_add(struct gm_tensor_cache *cache, const struct gm_hash *root,
                                   const struct gm_tensor_desc *desc,
                                   struct gm_buffer *buffer) GM_MUST_USE;
void gm_tensor_cache_release(struct gm_tensor_cache *cache, const struct gm_hash *root,
                             const struct gm_tensor_desc *desc);

/* Drops the oldest entry that nobody holds; false: there is none. */
bool gm_tensor_cache_drop_one(struct gm_tensor_cache *cache);

#endif
