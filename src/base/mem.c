#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *gm_mem_new(size_t count, size_t size_bytes)
{
    if (count == 0 || size_bytes == 0)
        return calloc(1, 1);
    return calloc(count, size_bytes);
}

void *gm_mem_resize(void *block, size_t count, size_t size_bytes)
{
    uint64_t total;
    if (!gm_u64_mul(count, size_bytes, &total) || total > SIZE_MAX)
        return NULL;
    return realloc(block, total == 0 ? 1 : (size_t)total);
}

void *gm_mem_new_aligned(size_t align_bytes, size_t size_bytes)
{
    assert(align_bytes >= sizeof(void *) && (align_bytes & (align_bytes - 1)) == 0);
    void *block = NULL;
    if (posix_memalign(&block, align_bytes, size_bytes == 0 ? 1 : size_bytes) != 0)
        return NULL;
    memset(block, 0, size_bytes);
    return block;
}

void gm_mem_free(void *block)
{
    free(block);
}

char *gm_mem_copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = gm_mem_new(size, 1);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

bool gm_u64_add(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

bool gm_u64_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > UINT64_MAX / b)
        return false;
    *out = a * b;
    return true;
}
