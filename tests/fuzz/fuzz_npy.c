/* Headers of NumPy files: the data that an accepted one promises is what the file holds. */
#include "again.h"
#include "data/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_npy npy;
    const uint64_t file_bytes = 4096;
    enum gm_status status = gm_npy_parse("x.npy", input, file_bytes, &npy, &err);
    if (status != GM_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    assert(npy.rank >= 1 && npy.rank <= GM_RANK_MAX);
    assert(npy.data_offset + npy.count * npy.element_bytes == file_bytes);
    return 0;
}
