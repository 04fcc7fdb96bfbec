/* Signed tokens, key files and trace records, as they come from others. Nothing here may verify. */
#include "again.h"
#include "trust/cose.h"
#include "trust/key_file.h"
#include "trust/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_cose cose;
    enum gm_status status = gm_cose_parse(&cose, input, &err);
    if (status != GM_OK)
        fuzz_refused(status, &err);
    else
        assert(cose.payload.size_bytes <= size_bytes && cose.typ[GM_COSE_TYP_SIZE - 1] == 0);

    uint8_t key[GM_KEY_SIZE];
    status = gm_key_text_parse("key", GM_KEY_PUBLIC_MAGIC, input, key, &err);
    if (status != GM_OK)
        fuzz_refused(status, &err);

    struct gm_record record;
    if (size_bytes < GM_RECORD_BYTES)
        return 0;
    status = gm_record_decode(&record, data, &err);
    if (status == GM_OK) {
        uint8_t again[GM_RECORD_BYTES];
        gm_record_encode(again, &record);
        assert(gm_bytes_equal((struct gm_bytes){again, sizeof again},
                              (struct gm_bytes){data, sizeof again}));
    } else {
        fuzz_refused(status, &err);
    }
    return 0;
}
