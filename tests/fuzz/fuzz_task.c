/* Tasks, and the slices of data in them. */
#include "again.h"
#include "core/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_task task;
    enum gm_status status = gm_task_decode(input, &task, &err);
    if (status != GM_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    struct gm_buf out;
    gm_buf_init(&out, size_bytes);
    status = gm_task_encode(&task, &out);
    fuzz_same(status, &out, input);
    gm_task_fini(&task);
    return 0;
}
