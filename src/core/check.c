/* What makes a list of operations a program, beyond the shape rules: good names, sources of the
   right shape, carries that fit. */
#include "core/builder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "trust/cbor_head.h"

/* Control characters would let a name rewrite a terminal's line: below U+0020, U+007F, and U+0080
   to U+009F, which UTF-8 writes as C2 80 to C2 9F. */
static bool name_good(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > GM_PROGRAM_NAME_MAX ||
        !gm_utf8_valid((struct gm_bytes){(const uint8_t *)name, length}))
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)name[i + 1] < 0xa0))
            return false;
    }
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `names` is sorted in place, so that twins are neighbours. */
static enum gm_status check_names(const char **names, uint32_t count, const char *kind,
                                  struct gm_error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (!name_good(names[i]))
            return gm_error_set(err, GM_INVALID,
                                "the name of %s %" PRIu32
                                " is not 1 to %d bytes of UTF-8 without control characters",
                                kind, i, GM_PROGRAM_NAME_MAX);
    qsort(names, count, sizeof(names[0]), compare_names);
    for (uint32_t i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return gm_error_set(err, GM_INVALID, "two %ss are named %s", kind, names[i]);
    return GM_OK;
}

static enum gm_status check_all_names(const struct gm_program *program, struct gm_error *err)
{
    uint32_t room =
        program->input_count > program->output_count ? program->input_count : program->output_count;
    const char **names = gm_mem_new(room, sizeof(*names));
    if (names == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory for %" PRIu32 " names", room);
    for (uint32_t i = 0; i < program->input_count; i++)
        names[i] = program->inputs[i].name;
    enum gm_status status = check_names(names, program->input_count, "input", err);
    for (uint32_t i = 0; i < program->output_count; i++)
        names[i] = program->outputs[i].name;
    if (status == GM_OK)
        status = check_names(names, program->output_count, "output", err);
    gm_mem_free(names);
    return status;
}

static enum gm_status check_source(const struct gm_input *input, struct gm_error *err)
{
    uint64_t count = 0;
    switch (input->source) {
    case GM_SOURCE_TENSOR:
    case GM_SOURCE_DATA:
        return GM_OK;
    case GM_SOURCE_STEP:
    case GM_SOURCE_ITERATION:
        count = 1;
        break;
    case GM_SOURCE_SEED:
        count = 2;
        break;
    }
    if (count == 0)
        return gm_error_set(err, GM_INVALID, "input %s has source %d, expected 1 to 5", input->name,
                            (int)input->source);
    struct gm_tensor_desc expected = gm_tensor_desc_make(GM_DTYPE_U32, 1, &count);
    if (gm_tensor_desc_equal(&input->desc, &expected))
        return GM_OK;
    char have[GM_TENSOR_TEXT_CHARS];
    return gm_error_set(err, GM_INVALID, "input %s is %s, expected u32 (%" PRIu64 ") of its source",
                        input->name, gm_tensor_desc_text(have, &input->desc), count);
}

static enum gm_status check_carry(const struct gm_program *program, uint32_t index, bool *carried,
                                  struct gm_error *err)
{
    struct gm_carry carry = program->carries[index];
    if (carry.output >= program->output_count || carry.input >= program->input_count)
        return gm_error_set(err, GM_INVALID,
                            "carry %" PRIu32 " joins output %" PRIu32 " to input %" PRIu32
                            ", expected below %" PRIu32 " and %" PRIu32,
                            index, carry.output, carry.input, program->output_count,
                            program->input_count);
    const struct gm_input *input = &program->inputs[carry.input];
    const struct gm_output *output = &program->outputs[carry.output];
    char have[GM_TENSOR_TEXT_CHARS];
    char want[GM_TENSOR_TEXT_CHARS];
    if (!gm_tensor_desc_equal(&program->values[output->value], &input->desc))
        return gm_error_set(err, GM_INVALID, "carry %s to %s: the output is %s, the input %s",
                            output->name, input->name,
                            gm_tensor_desc_text(have, &program->values[output->value]),
                            gm_tensor_desc_text(want, &input->desc));
    if (input->source != GM_SOURCE_TENSOR)
        return gm_error_set(err, GM_INVALID, "carry %s to %s: expected an input that is a tensor",
                            output->name, input->name);
    if (carried[carry.input])
        return gm_error_set(err, GM_INVALID, "carry %s to %s: that input is carried to twice",
                            output->name, input->name);
    carried[carry.input] = true;
    return GM_OK;
}

static enum gm_status check_carries(const struct gm_program *program, struct gm_error *err)
{
    bool *carried = gm_mem_new(program->input_count, sizeof(*carried));
    if (carried == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "no memory for %" PRIu32 " inputs",
                            program->input_count);
    enum gm_status status = GM_OK;
    for (uint32_t i = 0; i < program->carry_count && status == GM_OK; i++)
        status = check_carry(program, i, carried, err);
    gm_mem_free(carried);
    return status;
}

enum gm_status gm_program_check(const struct gm_program *program, struct gm_error *err)
{
    if (program->output_count == 0)
        return gm_error_set(err, GM_INVALID, "the program has no outputs, expected at least 1");
    GM_TRY(check_all_names(program, err));
    for (uint32_t i = 0; i < program->input_count; i++)
        GM_TRY(check_source(&program->inputs[i], err));
    return check_carries(program, err);
}
