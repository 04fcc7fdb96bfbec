/* Growing arrays. Internal to this folder. */
#ifndef GM_BROKER_LIST_H
#define GM_BROKER_LIST_H

#include <stddef.h>

#include "base/status.h"

/* Room for one more element in `*block`; its capacity is updated. */
enum gm_status gm_list_room(void **block, size_t count, size_t *capacity,
                            size_t element_bytes) GM_MUST_USE;

/* The same for an array named by its pointer, count and capacity. */
#define GM_LIST_ROOM(array, count, capacity)                                                       \
    gm_list_room((void **)&(array), (count), &(capacity), sizeof *(array))

/* Arrays of pointers that are sorted by what they point to. `compare` takes the sought key and an
   element. gm_list_find returns where it is, or where it belongs, and says whether it is there. */
typedef int (*gm_list_compare)(const void *key, const void *element);
size_t gm_list_find(void *const *array, size_t count, const void *key, gm_list_compare compare,
                    int *found);

/* Puts an element at `at` and moves the others up. */
enum gm_status gm_list_insert(void ***array, size_t *count, size_t *capacity, size_t at,
                              void *element) GM_MUST_USE;
void gm_list_remove(void **array, size_t *count, size_t at);

#endif
