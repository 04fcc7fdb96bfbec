/* Memory: sizes are checked before anything is taken; nothing aborts. */
#ifndef GM_BASE_MEM_H
#define GM_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Zeroed memory for `count` elements of `size_bytes`; NULL when there is none or the product
   overflows. A count of 0 gives a valid pointer. Free with gm_mem_free. */
void *gm_mem_new(size_t count, size_t size_bytes) GM_MUST_USE;

/* As realloc, for `count` elements; new bytes are not cleared. On NULL the old block stays valid.
 */
void *gm_mem_resize(void *block, size_t count, size_t size_bytes) GM_MUST_USE;

/* Zeroed memory at an address that is a multiple of `align_bytes` (a power of two). */
void *gm_mem_new_aligned(size_t align_bytes, size_t size_bytes) GM_MUST_USE;

/* NULL is allowed. Serves every function above. */
void gm_mem_free(void *block);

/* A copy of `text`; NULL when there is no memory. */
char *gm_mem_copy_text(const char *text) GM_MUST_USE;

/* `*out` = a op b; false, and nothing written, when the result does not fit 64 bits. */
bool gm_u64_add(uint64_t a, uint64_t b, uint64_t *out) GM_MUST_USE;
bool gm_u64_mul(uint64_t a, uint64_t b, uint64_t *out) GM_MUST_USE;

#endif
