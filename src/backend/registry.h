/* The one list of backends. */
#ifndef GM_BACKEND_REGISTRY_H
#define GM_BACKEND_REGISTRY_H

#include "backend/backend.h"

/* Every device of every backend; a backend whose probe fails contributes nothing, and its reason is
   appended to `notes` when that is not NULL. */
enum gm_status gm_backend_probe_all(struct gm_device_list *list, struct gm_buf *notes,
                                    struct gm_error *err) GM_MUST_USE;
/* NULL: no such backend. */
const struct gm_backend *gm_backend_find(const char *name);
/* Opens the first device of the named backend ("cpu"), or of any when `name` is NULL. */
enum gm_status gm_device_open(const char *name, const struct gm_device_options *options,
                              struct gm_device **out, struct gm_error *err) GM_MUST_USE;

#endif
