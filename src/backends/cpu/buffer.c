#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "backends/cpu/device.h"
#include "base/mem.h"

enum {
    ALIGN_BYTES = 64,
    HUGE_PAGE_BYTES = 2 << 20,
    MAPPED_BYTES_MIN = 1 << 20, /* smaller blocks come from the heap */
};

/* Whole huge pages, if the system will: a matrix that spans thousands of small pages spends its
   time on their addresses. */
static bool map_block(uint64_t size_bytes, struct gm_cpu_memory *out)
{
    if (!gm_u64_add(size_bytes, HUGE_PAGE_BYTES, &out->block_bytes))
        return false;
    out->block =
        mmap(NULL, out->block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (out->block == MAP_FAILED)
        return false;
    uintptr_t start = (uintptr_t)out->block;
    start = (start + HUGE_PAGE_BYTES - 1) & ~(uintptr_t)(HUGE_PAGE_BYTES - 1);
    out->data = (void *)start;
    (void)madvise(out->data, size_bytes, MADV_HUGEPAGE); /* without it all is right, but slower */
    return true;
}

enum gm_status gm_cpu_memory_new(struct gm_cpu_device *device, uint64_t size_bytes,
                                 const char *what, struct gm_cpu_memory *out, struct gm_error *err)
{
    *out = (struct gm_cpu_memory){0};
    uint64_t left = device->memory_bytes_max - device->memory_bytes_used;
    if (size_bytes > left)
        return gm_error_set(err, GM_LIMIT,
                            "cpu: a %s of %" PRIu64 " bytes is more than the %" PRIu64
                            " left of the %" PRIu64 " bytes allowed",
                            what, size_bytes, left, device->memory_bytes_max);
    bool taken;
    if (size_bytes >= MAPPED_BYTES_MIN) {
        taken = map_block(size_bytes, out);
    } else {
        out->data = out->block = gm_mem_new_aligned(ALIGN_BYTES, (size_t)size_bytes);
        taken = out->data != NULL;
    }
    if (!taken) {
        *out = (struct gm_cpu_memory){0};
        return gm_error_set(err, GM_NO_MEMORY, "cpu: no memory for a %s of %" PRIu64 " bytes", what,
                            size_bytes);
    }
    out->counted_bytes = size_bytes;
    device->memory_bytes_used += size_bytes;
    return GM_OK;
}

void gm_cpu_memory_free(struct gm_cpu_device *device, struct gm_cpu_memory *memory)
{
    device->memory_bytes_used -= memory->counted_bytes;
    if (memory->block_bytes > 0)
        (void)munmap(memory->block, memory->block_bytes);
    else
        gm_mem_free(memory->block);
    *memory = (struct gm_cpu_memory){0};
}

static struct gm_cpu_buffer *cpu_buffer(struct gm_buffer *buffer)
{
    return (struct gm_cpu_buffer *)buffer;
}

enum gm_status gm_cpu_buffer_new(struct gm_device *device, uint64_t size_bytes,
                                 struct gm_buffer **out, struct gm_error *err)
{
    struct gm_cpu_device *cpu = gm_cpu_device_of(device);
    struct gm_cpu_buffer *buffer = gm_mem_new(1, sizeof *buffer);
    if (buffer == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "cpu: no memory for a buffer's record");
    enum gm_status status = gm_cpu_memory_new(cpu, size_bytes, "buffer", &buffer->memory, err);
    if (status != GM_OK) {
        gm_mem_free(buffer);
        return status;
    }
    buffer->base = (struct gm_buffer){device, size_bytes};
    cpu->object_count++;
    *out = &buffer->base;
    return GM_OK;
}

void gm_cpu_buffer_free(struct gm_buffer *buffer)
{
    if (buffer == NULL)
        return;
    struct gm_cpu_device *cpu = gm_cpu_device_of(buffer->device);
    gm_cpu_memory_free(cpu, &cpu_buffer(buffer)->memory);
    cpu->object_count--;
    gm_mem_free(buffer);
}

/* Sizes come from checked descriptions; a range outside its buffer is a bug of the caller. */
static void *range(struct gm_buffer *buffer, uint64_t offset_bytes, uint64_t size_bytes)
{
    assert(offset_bytes <= buffer->size_bytes && size_bytes <= buffer->size_bytes - offset_bytes);
    return (unsigned char *)cpu_buffer(buffer)->memory.data + offset_bytes;
}

enum gm_status gm_cpu_buffer_write(struct gm_buffer *target, uint64_t offset_bytes,
                                   const void *source, uint64_t size_bytes, struct gm_error *err)
{
    (void)err;
    if (size_bytes > 0)
        memcpy(range(target, offset_bytes, size_bytes), source, (size_t)size_bytes);
    return GM_OK;
}

enum gm_status gm_cpu_buffer_read(struct gm_buffer *source, uint64_t offset_bytes, void *target,
                                  uint64_t size_bytes, struct gm_error *err)
{
    (void)err;
    if (size_bytes > 0)
        memcpy(target, range(source, offset_bytes, size_bytes), (size_t)size_bytes);
    return GM_OK;
}

enum gm_status gm_cpu_buffer_copy(struct gm_buffer *target, struct gm_buffer *source,
                                  uint64_t size_bytes, struct gm_error *err)
{
    (void)err;
    if (target != source)
        memcpy(range(target, 0, size_bytes), range(source, 0, size_bytes), (size_t)size_bytes);
    return GM_OK;
}

const void *gm_cpu_buffer_host(struct gm_buffer *buffer)
{
    return cpu_buffer(buffer)->memory.data;
}
