#include "broker/list.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

enum gm_status gm_list_room(void **block, size_t count, size_t *capacity, size_t element_bytes)
{
    if (count < *capacity)
        return GM_OK;
    size_t larger = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = gm_mem_resize(*block, larger, element_bytes);
    if (grown == NULL)
        return GM_NO_MEMORY;
    *block = grown;
    *capacity = larger;
    return GM_OK;
}

size_t gm_list_find(void *const *array, size_t count, const void *key, gm_list_compare compare,
                    int *found)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(key, array[middle]);
        if (order == 0) {
            *found = 1;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *found = 0;
    return low;
}

enum gm_status gm_list_insert(void ***array, size_t *count, size_t *capacity, size_t at,
                              void *element)
{
    GM_TRY(gm_list_room((void **)array, *count, capacity, sizeof **array));
    memmove(*array + at + 1, *array + at, (*count - at) * sizeof **array);
    (*array)[at] = element;
    (*count)++;
    return GM_OK;
}

void gm_list_remove(void **array, size_t *count, size_t at)
{
    assert(at < *count);
    memmove(array + at, array + at + 1, (*count - at - 1) * sizeof *array);
    (*count)--;
}
