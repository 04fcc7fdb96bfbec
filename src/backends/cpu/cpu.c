/* The CPU as a backend: one device, all the cores the process may use. */
#include "backends/cpu/cpu.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backends/cpu/device.h"
#include "backends/cpu/memory.h"
#include "backends/cpu/topology.h"
#include "base/mem.h"

static void cpu_close(struct gm_device *device)
{
    struct gm_cpu_device *cpu = gm_cpu_device_of(device);
    assert(cpu->object_count == 0);
    gm_pool_free(cpu->pool);
    gm_mem_free(cpu);
}

static void cpu_info(const struct gm_device *device, struct gm_device_info *out)
{
    *out = gm_cpu_device_of(device)->info;
}

static bool cpu_supports(const struct gm_device *device, const struct gm_node *node)
{
    (void)device;
    return gm_op_find(node->op) != NULL;
}

static enum gm_status cpu_wait(struct gm_device *device, struct gm_error *err)
{
    (void)device;
    (void)err;
    return GM_OK; /* run returns when the work is done */
}

static const struct gm_device_ops CPU_DEVICE_OPS = {
    .close = cpu_close,
    .info = cpu_info,
    .buffer_new = gm_cpu_buffer_new,
    .buffer_free = gm_cpu_buffer_free,
    .write = gm_cpu_buffer_write,
    .read = gm_cpu_buffer_read,
    .copy = gm_cpu_buffer_copy,
    .host = gm_cpu_buffer_host,
    .supports = cpu_supports,
    .prepare = gm_cpu_prepare,
    .prepared_free = gm_cpu_prepared_free,
    .overhead_bytes = gm_cpu_overhead_bytes,
    .run = gm_cpu_run,
    .wait = cpu_wait,
};

/* The model's name, for people; decisions never look at it. */
static void cpu_name(char *out, size_t size, const char *level)
{
    char line[256];
    char name[sizeof line] = "CPU";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL && colon[1] == ' ') {
            snprintf(name, sizeof name, "%s", colon + 2);
            name[strcspn(name, "\n")] = '\0';
            break;
        }
    }
    if (file != NULL)
        fclose(file);
    snprintf(out, size, "%.70s (%.16s)", name, level);
}

static void fill_info(struct gm_device_info *info, const struct gm_cpu_ops *ops)
{
    memset(info, 0, sizeof *info);
    snprintf(info->backend, sizeof info->backend, "cpu");
    snprintf(info->id, sizeof info->id, "cpu");
    cpu_name(info->name, sizeof info->name, ops->name);
    info->memory_bytes = gm_cpu_memory_limit_bytes();
}

static enum gm_status cpu_probe(struct gm_device_list *list, struct gm_error *err)
{
    struct gm_cpu_topology topology;
    GM_TRY(gm_cpu_topology_init(&topology, err));
    if (list->count < GM_DEVICES_MAX) {
        struct gm_device_info *info = &list->devices[list->count++];
        fill_info(info, gm_cpu_ops_best());
        info->thread_count = (uint32_t)gm_cpu_topology_thread_count(&topology);
    }
    gm_cpu_topology_fini(&topology);
    return GM_OK;
}

static enum gm_status choose_level(const char *name, const struct gm_cpu_ops **out,
                                   struct gm_error *err)
{
    *out = name == NULL ? gm_cpu_ops_best() : gm_cpu_ops_find(name);
    if (*out != NULL)
        return GM_OK;
    char names[96];
    gm_cpu_ops_names(names, sizeof names);
    return gm_error_set(err, GM_UNAVAILABLE,
                        "cpu: level \"%.32s\" does not run here, expected one of %s", name, names);
}

static enum gm_status cpu_open(const struct gm_device_info *info,
                               const struct gm_device_options *options, struct gm_device **out,
                               struct gm_error *err)
{
    (void)info; /* there is one */
    const struct gm_cpu_ops *ops;
    GM_TRY(choose_level(options->level, &ops, err));
    struct gm_cpu_device *cpu = gm_mem_new(1, sizeof *cpu);
    if (cpu == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "cpu: no memory for the device's record");
    enum gm_status status = gm_pool_new(options->thread_count, true, &cpu->pool, err);
    if (status != GM_OK) {
        gm_mem_free(cpu);
        return status;
    }
    cpu->base.ops = &CPU_DEVICE_OPS;
    cpu->ops = ops;
    cpu->gemm = gm_gemm_level_get(ops->level);
    fill_info(&cpu->info, ops);
    cpu->info.thread_count = (uint32_t)gm_pool_thread_count(cpu->pool);
    if (options->memory_bytes_max != 0)
        cpu->info.memory_bytes = options->memory_bytes_max;
    cpu->memory_bytes_max = cpu->info.memory_bytes;
    status = gm_cpu_selftest(cpu, err);
    if (status != GM_OK) {
        cpu_close(&cpu->base);
        return status;
    }
    *out = &cpu->base;
    return GM_OK;
}

const struct gm_backend gm_backend_cpu = {
    .abi = GM_BACKEND_ABI,
    .name = "cpu",
    .probe = cpu_probe,
    .open = cpu_open,
};
