/* Headers of safetensors files: every tensor that is accepted lies inside the file. */
#include "again.h"
#include "base/mem.h"
#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_safetensors *file = NULL;
    const uint64_t data_bytes = 1 << 12;
    enum gm_status status = gm_safetensors_parse("model", input, data_bytes, &file, &err);
    if (status != GM_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    for (uint32_t i = 0; i < file->count; i++) {
        const struct gm_safetensors_entry *entry = &file->entries[i];
        assert(entry->begin_bytes <= entry->end_bytes && entry->end_bytes <= data_bytes);
        assert(gm_safetensors_element_count(entry) <= data_bytes);
        assert(gm_safetensors_find(file, entry->name) == entry);
    }
    gm_safetensors_close(file);
    return 0;
}
