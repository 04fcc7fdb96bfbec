#include "handwork.h"

#include "gm_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "trust/blake3.h"
#include "trust/record.h"
#include "trust/tile.h"
#include "trust/token_lease.h"

/* Bytes of an output: unlike those of any other task. */
static uint8_t *output_make(const struct gm_hash *task, uint32_t index, uint64_t size_bytes)
{
    uint8_t *bytes = calloc(1, size_bytes);
    struct gm_hash seed = gm_lab_output(task, index, 0);
    memcpy(bytes, seed.bytes, size_bytes < GM_HASH_SIZE ? size_bytes : GM_HASH_SIZE);
    return bytes;
}

static uint64_t blob_bytes(const struct gm_tensor_desc *desc)
{
    struct gm_tile_layout layout;
    cr_assert_eq(gm_tile_layout_init(&layout, (uint32_t)gm_dtype_size_bytes(desc->dtype),
                                     desc->rank, desc->dims, NULL),
                 GM_OK);
    return layout.blob_bytes;
}

static const struct gm_tensor_desc *output_desc(const struct gm_program *program, uint32_t i)
{
    return &program->values[program->outputs[i].value];
}

static void outputs_name(struct gm_handwork *work, const struct gm_program *program)
{
    struct gm_record records[GM_HANDWORK_OUTPUTS_MAX] = {{0}};
    for (uint32_t i = 0; i < work->count; i++) {
        const struct gm_tensor_desc *desc = output_desc(program, i);
        uint64_t size = blob_bytes(desc);
        work->roots[i] = gm_blake3(work->blobs[i], size);
        work->names[i] = (struct gm_blob_name){work->roots[i], size};
        records[i] = (struct gm_record){
            .output = i, .dtype = desc->dtype, .rank = desc->rank, .root = work->roots[i]};
        memcpy(records[i].dims, desc->dims, sizeof records[i].dims);
    }
    cr_assert_eq(gm_tensor_list_root(records, work->count, &work->said.work.outputs_root, NULL),
                 GM_OK);
}

void gm_handwork_do(struct gm_handwork *work, const struct gm_lab *lab,
                    const struct gm_msg_lease *lease)
{
    struct gm_lease_token token;
    struct gm_task task;
    memset(work, 0, sizeof *work);
    gm_buf_init(&work->attestation, GM_TOKEN_BYTES_MAX);
    cr_assert_eq(gm_lease_token_open(&token, lease->token, NULL), GM_OK);
    cr_assert_eq(gm_task_decode(lease->task, &task, NULL), GM_OK);
    const struct gm_program *program = gm_lab_program(lab, &task.program);
    work->count = program->output_count;
    cr_assert(work->count <= GM_HANDWORK_OUTPUTS_MAX);
    for (uint32_t i = 0; i < work->count; i++)
        work->blobs[i] = output_make(&token.task, i, blob_bytes(output_desc(program, i)));
    struct gm_attestation *said = &work->said;
    said->issued_s = 1;
    said->audience = gm_key_thumbprint(&token.broker);
    memcpy(said->nonce, token.nonce, sizeof said->nonce);
    memcpy(said->work.lease, token.lease, GM_ID_BYTES);
    memcpy(work->lease, token.lease, GM_ID_BYTES);
    said->work.task = token.task;
    said->work.program = token.program;
    snprintf(said->work.profile, sizeof said->work.profile, "%s", GM_PROFILE_EXACT_F32);
    snprintf(said->software, sizeof said->software, "by hand");
    snprintf(said->version, sizeof said->version, "1");
    cr_assert_eq(gm_task_inputs_root(&task, program, &said->work.inputs_root), GM_OK);
    outputs_name(work, program);
    gm_task_fini(&task);
}

void gm_handwork_lie(struct gm_handwork *work, const struct gm_lab *lab,
                     const struct gm_msg_lease *lease)
{
    struct gm_task task;
    cr_assert_eq(gm_task_decode(lease->task, &task, NULL), GM_OK);
    work->blobs[0][0] ^= 1;
    outputs_name(work, gm_lab_program(lab, &task.program));
    gm_task_fini(&task);
}

void gm_handwork_sign(struct gm_handwork *work, const struct gm_key *key)
{
    work->attestation.size_bytes = 0;
    cr_assert_eq(gm_attestation_sign(&work->said, key, &work->attestation, NULL), GM_OK);
}

void gm_handwork_fini(struct gm_handwork *work)
{
    for (uint32_t i = 0; i < work->count; i++)
        free(work->blobs[i]);
    gm_buf_fini(&work->attestation);
}
