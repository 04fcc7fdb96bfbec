/* Programs from requesters: whatever is accepted is whole, and keeps its name. */
#include "again.h"
#include "core/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_program *program = NULL;
    enum gm_status status = gm_program_decode(input, &program, &err);
    if (status != GM_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    struct gm_buf out;
    gm_buf_init(&out, size_bytes);
    status = gm_program_encode(program, &out);
    fuzz_same(status, &out, input);
    assert(program->value_count >= program->input_count);
    (void)gm_program_flops(program);
    gm_program_free(program);
    return 0;
}
