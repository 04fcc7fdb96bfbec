/* What a compute device must offer.

   Threads: probe and open from any thread; a device and everything made from it belong to one
   thread at a time. Memory: what a device makes must be freed before close, which asserts it.
   Numerics: everything a device runs follows profile exact-f32/1 (docs/numerics.md) to the bit. */
#ifndef GM_BACKEND_BACKEND_H
#define GM_BACKEND_BACKEND_H

#include "core/plan.h"

enum { GM_BACKEND_ABI = 1, GM_DEVICES_MAX = 64 };

/* What the owner allows. Zero means: the device's own default, within the affinity mask and the
   cgroup's limits. */
struct gm_device_options {
    uint32_t thread_count;
    uint64_t memory_bytes_max;
    const char *level; /* NULL: the best; "scalar", "avx2", ... to force one (tests) */
};

struct gm_device_info {
    char backend[16];
    char id[64];   /* stable on this machine: "cpu", a UUID */
    char name[96]; /* for people */
    uint64_t memory_bytes;
    uint32_t thread_count;
};

struct gm_device_list {
    uint32_t count;
    struct gm_device_info devices[GM_DEVICES_MAX];
};

/* Instances start with their operations; each backend's own struct begins with one of these. */
struct gm_device {
    const struct gm_device_ops *ops;
};

struct gm_buffer {
    struct gm_device *device;
    uint64_t size_bytes;
};

/* A program made ready for one device: its arena and kernels. */
struct gm_prepared {
    struct gm_device *device;
};

struct gm_backend { /* static const, one per folder in src/backends */
    uint32_t abi;   /* GM_BACKEND_ABI */
    const char *name;
    /* Appends what is there. No driver, no device: GM_OK and nothing appended. */
    enum gm_status (*probe)(struct gm_device_list *list, struct gm_error *err);
    enum gm_status (*open)(const struct gm_device_info *info,
                           const struct gm_device_options *options, struct gm_device **out,
                           struct gm_error *err);
};

struct gm_device_ops { /* every pointer is mandatory; the registry asserts them */
    void (*close)(struct gm_device *device);
    void (*info)(const struct gm_device *device, struct gm_device_info *out);

    /* Zeroed. GM_NO_MEMORY or GM_LIMIT name the size asked for and what is left. */
    enum gm_status (*buffer_new)(struct gm_device *device, uint64_t size_bytes,
                                 struct gm_buffer **out, struct gm_error *err);
    void (*buffer_free)(struct gm_buffer *buffer); /* NULL is allowed */
    /* Host to device and back, in order with run; both return when the host bytes are free to use.
     */
    enum gm_status (*write)(struct gm_buffer *target, uint64_t offset_bytes, const void *source,
                            uint64_t size_bytes, struct gm_error *err);
    enum gm_status (*read)(struct gm_buffer *source, uint64_t offset_bytes, void *target,
                           uint64_t size_bytes, struct gm_error *err);
    enum gm_status (*copy)(struct gm_buffer *target, struct gm_buffer *source, uint64_t size_bytes,
                           struct gm_error *err);
    /* The bytes in host memory, valid until the buffer is freed; NULL where the host cannot see
       them. Lets a CPU hash and upload without a copy. */
    const void *(*host)(struct gm_buffer *buffer);

    /* Whether every operation of the program runs here, exactly. */
    bool (*supports)(const struct gm_device *device, const struct gm_node *node);
    /* The plan must outlive what is prepared. */
    enum gm_status (*prepare)(struct gm_device *device, const struct gm_plan *plan,
                              struct gm_prepared **out, struct gm_error *err);
    void (*prepared_free)(struct gm_prepared *prepared); /* NULL is allowed */
    /* Bytes prepare takes besides the plan's arena. */
    uint64_t (*overhead_bytes)(const struct gm_device *device, const struct gm_plan *plan);
    /* One iteration: inputs[i] for every program input, outputs[j] for every output whose value has
       GM_PLACE_OUTPUT with that index (others may be NULL). May return before the work is done. */
    enum gm_status (*run)(struct gm_prepared *prepared, struct gm_buffer *const *inputs,
                          struct gm_buffer *const *outputs, struct gm_error *err);
    /* Until all that was enqueued is done. */
    enum gm_status (*wait)(struct gm_device *device, struct gm_error *err);
};

#endif
