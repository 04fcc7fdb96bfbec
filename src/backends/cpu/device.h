/* The CPU device: threads, the instruction level, and an account of the memory it was allowed. */
#ifndef GM_CPU_DEVICE_H
#define GM_CPU_DEVICE_H

#include "backend/backend.h"
#include "backends/cpu/ops.h"

struct gm_cpu_device {
    struct gm_device base; /* first */
    struct gm_pool *pool;
    const struct gm_cpu_ops *ops;
    const struct gm_gemm_level *gemm;
    uint64_t memory_bytes_max;
    uint64_t memory_bytes_used;
    uint32_t object_count; /* buffers and prepared programs that are alive */
    struct gm_device_info info;
};

/* Memory of the device: zeroed, aligned to 64 bytes, large blocks on huge pages where the system
   has them. Counted against what the owner allowed. */
struct gm_cpu_memory {
    void *data;
    void *block;          /* what to give back */
    uint64_t block_bytes; /* 0: from the heap */
    uint64_t counted_bytes;
};

/* `what` names it in the error: "buffer", "arena". */
enum gm_status gm_cpu_memory_new(struct gm_cpu_device *device, uint64_t size_bytes,
                                 const char *what, struct gm_cpu_memory *out,
                                 struct gm_error *err) GM_MUST_USE;
/* Zeroed memory (never taken) is allowed. */
void gm_cpu_memory_free(struct gm_cpu_device *device, struct gm_cpu_memory *memory);

static inline struct gm_cpu_device *gm_cpu_device_of(const struct gm_device *device)
{
    return (struct gm_cpu_device *)device;
}

struct gm_cpu_buffer {
    struct gm_buffer base; /* first */
    struct gm_cpu_memory memory;
};

/* ---- the device's operations (backend/backend.h) ---- */

enum gm_status gm_cpu_buffer_new(struct gm_device *device, uint64_t size_bytes,
                                 struct gm_buffer **out, struct gm_error *err);
void gm_cpu_buffer_free(struct gm_buffer *buffer);
enum gm_status gm_cpu_buffer_write(struct gm_buffer *target, uint64_t offset_bytes,
                                   const void *source, uint64_t size_bytes, struct gm_error *err);
enum gm_status gm_cpu_buffer_read(struct gm_buffer *source, uint64_t offset_bytes, void *target,
                                  uint64_t size_bytes, struct gm_error *err);
enum gm_status gm_cpu_buffer_copy(struct gm_buffer *target, struct gm_buffer *source,
                                  uint64_t size_bytes, struct gm_error *err);
const void *gm_cpu_buffer_host(struct gm_buffer *buffer);

enum gm_status gm_cpu_prepare(struct gm_device *device, const struct gm_plan *plan,
                              struct gm_prepared **out, struct gm_error *err);
void gm_cpu_prepared_free(struct gm_prepared *prepared);
uint64_t gm_cpu_overhead_bytes(const struct gm_device *device, const struct gm_plan *plan);
enum gm_status gm_cpu_run(struct gm_prepared *prepared, struct gm_buffer *const *inputs,
                          struct gm_buffer *const *outputs, struct gm_error *err);

/* ---- in selftest.c ---- */

/* Known answers of the arithmetic that the profile is made of, by the device's own level and on
   each of its threads: GM_UNSUPPORTED names the first that fails. Takes some milliseconds. */
enum gm_status gm_cpu_selftest(struct gm_cpu_device *device, struct gm_error *err) GM_MUST_USE;

#endif
