#include "backend/registry.h"

#include <assert.h>
#include <string.h>

#include "backends/cpu/cpu.h"

static const struct gm_backend *const BACKENDS[] = {
    &gm_backend_cpu,
};

enum { BACKEND_COUNT = sizeof BACKENDS / sizeof *BACKENDS };

static void assert_backend(const struct gm_backend *backend)
{
    assert(backend->abi == GM_BACKEND_ABI);
    assert(backend->name != NULL && backend->probe != NULL && backend->open != NULL);
    (void)backend;
}

static void assert_device(const struct gm_device *device)
{
    const struct gm_device_ops *ops = device->ops;
    assert(ops->close != NULL && ops->info != NULL);
    assert(ops->buffer_new != NULL && ops->buffer_free != NULL);
    assert(ops->write != NULL && ops->read != NULL && ops->copy != NULL && ops->host != NULL);
    assert(ops->supports != NULL && ops->prepare != NULL && ops->prepared_free != NULL);
    assert(ops->overhead_bytes != NULL && ops->run != NULL && ops->wait != NULL);
    (void)ops;
}

static void append_note(struct gm_buf *notes, const char *backend, const struct gm_error *err)
{
    if (notes == NULL)
        return;
    gm_buf_append(notes, backend, strlen(backend));
    gm_buf_append(notes, ": ", 2);
    gm_buf_append(notes, err->text, strlen(err->text));
    gm_buf_append(notes, "\n", 1);
}

enum gm_status gm_backend_probe_all(struct gm_device_list *list, struct gm_buf *notes,
                                    struct gm_error *err)
{
    list->count = 0;
    for (size_t i = 0; i < BACKEND_COUNT; i++) {
        struct gm_error fault = {0};
        assert_backend(BACKENDS[i]);
        if (BACKENDS[i]->probe(list, &fault) != GM_OK)
            append_note(notes, BACKENDS[i]->name, &fault);
    }
    if (notes != NULL && notes->status != GM_OK)
        return gm_error_set(err, notes->status, "no room to note why a backend was left out");
    return GM_OK;
}

const struct gm_backend *gm_backend_find(const char *name)
{
    for (size_t i = 0; i < BACKEND_COUNT; i++) {
        if (strcmp(BACKENDS[i]->name, name) == 0)
            return BACKENDS[i];
    }
    return NULL;
}

/* The first device found of this backend, or of any. */
static const struct gm_device_info *choose(const struct gm_device_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (name == NULL || strcmp(list->devices[i].backend, name) == 0)
            return &list->devices[i];
    }
    return NULL;
}

enum gm_status gm_device_open(const char *name, const struct gm_device_options *options,
                              struct gm_device **out, struct gm_error *err)
{
    static const struct gm_device_options defaults = {0};
    if (name != NULL && gm_backend_find(name) == NULL)
        return gm_error_set(err, GM_NOT_FOUND, "there is no backend \"%.32s\", expected \"cpu\"",
                            name);
    struct gm_device_list list;
    GM_TRY(gm_backend_probe_all(&list, NULL, err));
    const struct gm_device_info *info = choose(&list, name);
    if (info == NULL)
        return gm_error_set(err, GM_UNAVAILABLE, "no device of backend %s was found",
                            name == NULL ? "any" : name);
    const struct gm_backend *backend = gm_backend_find(info->backend);
    GM_TRY(backend->open(info, options == NULL ? &defaults : options, out, err));
    assert_device(*out);
    return GM_OK;
}
