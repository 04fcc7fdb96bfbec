/* The allocator that gm_plan_fit_by_time simulates: segments in the order of addresses, free ones
   also in lists by size class. A search looks at no more than a few segments of a class, so that no
   program, however it is made, takes quadratic time to plan. */
#include "core/plan_fit.h"

#include <assert.h>
#include <stdbool.h>

#include "base/mem.h"

enum { CLASS_COUNT = 64, SEARCH_MAX = 64 };
#define NONE UINT32_MAX

struct segment {
    uint64_t offset_bytes;
    uint64_t size_bytes;
    uint32_t previous; /* neighbours by address */
    uint32_t next;
    uint32_t class_previous; /* neighbours in the list of free segments of one class */
    uint32_t class_next;
    bool is_free;
};

struct heap {
    struct segment *segments;
    uint32_t *spare; /* numbers of segments that were merged away */
    uint32_t spare_count;
    uint32_t used_count; /* numbers given out so far */
    uint32_t last;       /* the segment with the highest address */
    uint32_t classes[CLASS_COUNT];
    uint64_t size_bytes;
};

static uint32_t class_of(uint64_t size_bytes)
{
    uint32_t class = 0;
    while (size_bytes >>= 1)
        class ++;
    return class;
}

static void list_add(struct heap *heap, uint32_t s)
{
    struct segment *segment = &heap->segments[s];
    uint32_t *head = &heap->classes[class_of(segment->size_bytes)];
    segment->is_free = true;
    segment->class_previous = NONE;
    segment->class_next = *head;
    if (*head != NONE)
        heap->segments[*head].class_previous = s;
    *head = s;
}

static void list_remove(struct heap *heap, uint32_t s)
{
    struct segment *segment = &heap->segments[s];
    segment->is_free = false;
    if (segment->class_previous != NONE)
        heap->segments[segment->class_previous].class_next = segment->class_next;
    else
        heap->classes[class_of(segment->size_bytes)] = segment->class_next;
    if (segment->class_next != NONE)
        heap->segments[segment->class_next].class_previous = segment->class_previous;
}

/* A new segment behind `previous` (NONE: the first). */
static uint32_t segment_new(struct heap *heap, uint32_t previous, uint64_t offset_bytes,
                            uint64_t size_bytes)
{
    uint32_t s = heap->spare_count > 0 ? heap->spare[--heap->spare_count] : heap->used_count++;
    struct segment *segment = &heap->segments[s];
    *segment = (struct segment){offset_bytes, size_bytes, previous, NONE, NONE, NONE, false};
    if (previous != NONE) {
        segment->next = heap->segments[previous].next;
        heap->segments[previous].next = s;
    }
    if (segment->next != NONE)
        heap->segments[segment->next].previous = s;
    else
        heap->last = s;
    return s;
}

/* Joins `s` with the segment behind it, which disappears. */
static void merge_next(struct heap *heap, uint32_t s)
{
    struct segment *segment = &heap->segments[s];
    uint32_t gone = segment->next;
    segment->size_bytes += heap->segments[gone].size_bytes;
    segment->next = heap->segments[gone].next;
    if (segment->next != NONE)
        heap->segments[segment->next].previous = s;
    else
        heap->last = s;
    heap->spare[heap->spare_count++] = gone;
}

/* The smallest free segment that is large enough, among the first few of the lowest class that has
   one. */
static uint32_t search(const struct heap *heap, uint64_t size_bytes)
{
    for (uint32_t class = class_of(size_bytes); class < CLASS_COUNT; class ++) {
        uint32_t best = NONE;
        uint32_t left = SEARCH_MAX;
        for (uint32_t s = heap->classes[class]; s != NONE && left > 0; left--) {
            const struct segment *segment = &heap->segments[s];
            if (segment->size_bytes >= size_bytes &&
                (best == NONE || segment->size_bytes < heap->segments[best].size_bytes))
                best = s;
            s = segment->class_next;
        }
        if (best != NONE)
            return best;
    }
    return NONE;
}

static uint32_t take(struct heap *heap, uint64_t size_bytes)
{
    uint32_t s = search(heap, size_bytes);
    if (s == NONE && heap->last != NONE && heap->segments[heap->last].is_free) {
        s = heap->last;
        list_remove(heap, s);
        heap->size_bytes += size_bytes - heap->segments[s].size_bytes;
        heap->segments[s].size_bytes = size_bytes;
        return s;
    }
    if (s == NONE) {
        s = segment_new(heap, heap->last, heap->size_bytes, size_bytes);
        heap->size_bytes += size_bytes;
        return s;
    }
    list_remove(heap, s);
    struct segment *segment = &heap->segments[s];
    if (segment->size_bytes > size_bytes) {
        uint32_t rest = segment_new(heap, s, segment->offset_bytes + size_bytes,
                                    segment->size_bytes - size_bytes);
        heap->segments[s].size_bytes = size_bytes;
        list_add(heap, rest);
    }
    return s;
}

static void give_back(struct heap *heap, uint32_t s)
{
    uint32_t next = heap->segments[s].next;
    uint32_t previous = heap->segments[s].previous;
    if (next != NONE && heap->segments[next].is_free) {
        list_remove(heap, next);
        merge_next(heap, s);
    }
    if (previous != NONE && heap->segments[previous].is_free) {
        list_remove(heap, previous);
        merge_next(heap, previous);
        s = previous;
    }
    list_add(heap, s);
}

/* ends[step] and next_end link the blocks that die at a step. */
static void simulate(struct heap *heap, struct gm_plan_block *blocks, uint32_t count,
                     uint32_t step_count, uint32_t *taken, uint32_t *ends, uint32_t *next_end)
{
    uint32_t next = 0;
    for (uint32_t step = 0; step < step_count; step++) {
        for (; next < count && blocks[next].first == step; next++) {
            taken[next] = take(heap, blocks[next].size_bytes);
            blocks[next].offset_bytes = heap->segments[taken[next]].offset_bytes;
            next_end[next] = ends[blocks[next].last];
            ends[blocks[next].last] = next;
        }
        for (uint32_t b = ends[step]; b != NONE; b = next_end[b])
            give_back(heap, taken[b]);
    }
    assert(next == count && "blocks stand in the order of their first step");
}

enum gm_status gm_plan_fit_by_time(struct gm_plan_block *blocks, uint32_t count,
                                   uint32_t step_count, uint64_t *arena_bytes)
{
    /* A block takes one segment and leaves at most one. */
    size_t segment_count_max = 2 * (size_t)count + 1;
    struct heap heap = {
        .segments = gm_mem_new(segment_count_max, sizeof(struct segment)),
        .spare = gm_mem_new(segment_count_max, sizeof(uint32_t)),
        .last = NONE,
    };
    for (uint32_t i = 0; i < CLASS_COUNT; i++)
        heap.classes[i] = NONE;
    uint32_t *taken = gm_mem_new(count, sizeof(*taken));
    uint32_t *next_end = gm_mem_new(count, sizeof(*next_end));
    uint32_t *ends = gm_mem_new(step_count, sizeof(*ends));
    enum gm_status status = GM_NO_MEMORY;
    if (heap.segments != NULL && heap.spare != NULL && taken != NULL && next_end != NULL &&
        ends != NULL) {
        for (uint32_t i = 0; i < step_count; i++)
            ends[i] = NONE;
        simulate(&heap, blocks, count, step_count, taken, ends, next_end);
        *arena_bytes = heap.size_bytes;
        status = GM_OK;
    }
    gm_mem_free(heap.segments);
    gm_mem_free(heap.spare);
    gm_mem_free(taken);
    gm_mem_free(next_end);
    gm_mem_free(ends);
    return status;
}
