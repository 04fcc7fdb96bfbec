#include "trust/attestation.h"

#include <string.h>

#include "trust/token_claims.h"

static void put_status(struct gm_buf *buf, const struct gm_work *work)
{
    gm_cbor_put_u64(buf, 9);
    if (work->status == GM_WORK_DONE || !work->has_place) {
        gm_cbor_put_u64(buf, (uint64_t)work->status);
        return;
    }
    gm_cbor_put_array(buf, 5);
    gm_cbor_put_u64(buf, (uint64_t)work->status);
    gm_cbor_put_u64(buf, work->bad_iteration);
    gm_cbor_put_u64(buf, work->bad_op);
    gm_cbor_put_u64(buf, work->bad_output);
    gm_cbor_put_u64(buf, work->bad_tile);
}

static void put_work(struct gm_buf *buf, const struct gm_work *work)
{
    gm_cbor_put_i64(buf, GM_CLAIM_WORK);
    gm_cbor_put_map(buf, 10);
    gm_claim_put_hash(buf, 1, &work->task);
    gm_claim_put_hash(buf, 2, &work->program);
    gm_claim_put_hash(buf, 3, &work->inputs_root);
    gm_claim_put_hash(buf, 4, &work->outputs_root);
    if (work->has_trace) {
        gm_claim_put_hash(buf, 5, &work->trace_root);
    } else {
        gm_cbor_put_u64(buf, 5);
        gm_cbor_put_null(buf);
    }
    gm_claim_put_u64(buf, 6, work->has_trace ? work->record_count : 0);
    gm_claim_put_text(buf, 7, work->profile);
    gm_claim_put_u64(buf, 8, work->flops);
    put_status(buf, work);
    gm_claim_put_id(buf, 10, work->lease);
}

static void put_time_and_chain(struct gm_buf *buf, const struct gm_attestation *a)
{
    gm_cbor_put_i64(buf, GM_CLAIM_TIME);
    gm_cbor_put_map(buf, 4);
    gm_claim_put_u64(buf, 1, a->time.nonce_ns);
    gm_claim_put_u64(buf, 2, a->time.first_kernel_ns);
    gm_claim_put_u64(buf, 3, a->time.root_ns);
    gm_claim_put_u64(buf, 4, a->time.device_busy_ns);
    gm_cbor_put_i64(buf, GM_CLAIM_CHAIN);
    gm_cbor_put_map(buf, 3);
    gm_claim_put_id(buf, 1, a->chain.instance);
    gm_claim_put_u64(buf, 2, a->chain.sequence);
    gm_claim_put_hash(buf, 3, &a->chain.previous);
}

enum gm_status gm_attestation_sign(const struct gm_attestation *attestation,
                                   const struct gm_key *key, struct gm_buf *out,
                                   struct gm_error *err)
{
    struct gm_buf payload;
    gm_buf_init(&payload, GM_TOKEN_BYTES_MAX);
    gm_cbor_put_map(&payload, 10);
    gm_claim_put_thumbprint(&payload, GM_CLAIM_AUD, &attestation->audience);
    gm_claim_put_u64(&payload, GM_CLAIM_IAT, attestation->issued_s);
    gm_cbor_put_u64(&payload, GM_CLAIM_CNF);
    gm_cbor_put_map(&payload, 1);
    gm_cbor_put_u64(&payload, 1);
    gm_claim_put_cose_key(&payload, &key->public_key);
    gm_cbor_put_u64(&payload, GM_CLAIM_NONCE);
    gm_cbor_put_bytes(&payload, attestation->nonce, sizeof attestation->nonce);
    gm_claim_put_profile(&payload, GM_TOKEN_ATTESTATION);
    gm_claim_put_text(&payload, GM_CLAIM_SWNAME, attestation->software);
    gm_cbor_put_u64(&payload, GM_CLAIM_SWVERSION);
    gm_cbor_put_array(&payload, 1);
    gm_cbor_put_text(&payload, attestation->version);
    put_work(&payload, &attestation->work);
    put_time_and_chain(&payload, attestation);
    return gm_token_sign(GM_TOKEN_ATTESTATION, key, &payload, out, err);
}

static enum gm_status read_status(struct gm_cbor_reader *r, struct gm_work *work)
{
    uint64_t count = 0, status = 0;
    GM_TRY(gm_cbor_map_key(r, 9, "status"));
    work->has_place = gm_cbor_peek(r) == GM_CBOR_ARRAY;
    if (!work->has_place) {
        GM_TRY(gm_cbor_read_u64_max(r, "status", GM_WORK_DIVERGED, &status));
        work->status = (enum gm_work_status)status;
        return GM_OK;
    }
    GM_TRY(gm_cbor_array_begin(r, "status", &count));
    GM_TRY(gm_cbor_read_u64_max(r, "status", GM_WORK_DIVERGED, &status));
    if (count != 5 || status != GM_WORK_DIVERGED)
        return gm_error_set(r->err, GM_INVALID,
                            "status: only \"diverged\" has a place, of 4 numbers");
    work->status = GM_WORK_DIVERGED;
    GM_TRY(gm_cbor_read_u64(r, "status: iteration", &work->bad_iteration));
    GM_TRY(gm_cbor_read_u64(r, "status: op", &work->bad_op));
    GM_TRY(gm_cbor_read_u64(r, "status: output", &work->bad_output));
    GM_TRY(gm_cbor_read_u64(r, "status: tile", &work->bad_tile));
    return gm_cbor_end(r);
}

static enum gm_status read_trace(struct gm_cbor_reader *r, struct gm_work *work)
{
    GM_TRY(gm_cbor_map_key(r, 5, "trace root"));
    work->has_trace = gm_cbor_peek(r) == GM_CBOR_BYTES;
    if (work->has_trace)
        GM_TRY(gm_cbor_read_exact(r, "trace root", work->trace_root.bytes, GM_HASH_SIZE));
    else
        GM_TRY(gm_cbor_read_null(r, "trace root"));
    GM_TRY(gm_claim_u64(r, 6, "records", &work->record_count));
    if (!work->has_trace && work->record_count != 0)
        return gm_error_set(r->err, GM_INVALID, "records: some are counted, but there is no trace");
    return GM_OK;
}

static enum gm_status read_work(struct gm_cbor_reader *r, struct gm_work *work)
{
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_WORK, "work"));
    GM_TRY(gm_cbor_map_begin(r, "work", NULL));
    GM_TRY(gm_claim_hash(r, 1, "task", &work->task));
    GM_TRY(gm_claim_hash(r, 2, "program", &work->program));
    GM_TRY(gm_claim_hash(r, 3, "inputs root", &work->inputs_root));
    GM_TRY(gm_claim_hash(r, 4, "outputs root", &work->outputs_root));
    GM_TRY(read_trace(r, work));
    GM_TRY(gm_claim_text(r, 7, "profile", work->profile, sizeof work->profile));
    GM_TRY(gm_claim_u64(r, 8, "flops", &work->flops));
    GM_TRY(read_status(r, work));
    GM_TRY(gm_claim_id(r, 10, "lease", work->lease));
    return gm_cbor_end(r);
}

static enum gm_status read_time(struct gm_cbor_reader *r, struct gm_work_time *time)
{
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_TIME, "time"));
    GM_TRY(gm_cbor_map_begin(r, "time", NULL));
    GM_TRY(gm_claim_u64(r, 1, "time of the nonce", &time->nonce_ns));
    GM_TRY(gm_claim_u64(r, 2, "time of the first kernel", &time->first_kernel_ns));
    GM_TRY(gm_claim_u64(r, 3, "time of the root", &time->root_ns));
    GM_TRY(gm_claim_u64(r, 4, "device-busy time", &time->device_busy_ns));
    return gm_cbor_end(r);
}

static enum gm_status read_chain(struct gm_cbor_reader *r, struct gm_work_chain *chain)
{
    static const struct gm_hash none;
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_CHAIN, "chain"));
    GM_TRY(gm_cbor_map_begin(r, "chain", NULL));
    GM_TRY(gm_claim_id(r, 1, "instance", chain->instance));
    GM_TRY(gm_claim_u64(r, 2, "sequence", &chain->sequence));
    GM_TRY(gm_claim_hash(r, 3, "previous", &chain->previous));
    if (chain->sequence == 0 && !gm_hash_equal(&chain->previous, &none))
        return gm_error_set(r->err, GM_INVALID,
                            "previous: the first of a chain has none before it");
    return gm_cbor_end(r);
}

static enum gm_status read_identity(struct gm_cbor_reader *r, struct gm_attestation *a)
{
    uint64_t count = 0;
    GM_TRY(gm_claim_thumbprint(r, GM_CLAIM_AUD, "aud", &a->audience));
    GM_TRY(gm_claim_u64(r, GM_CLAIM_IAT, "iat", &a->issued_s));
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_CNF, "cnf"));
    GM_TRY(gm_cbor_map_begin(r, "cnf", NULL));
    GM_TRY(gm_cbor_map_key(r, 1, "COSE_Key"));
    GM_TRY(gm_claim_cose_key(r, "cnf", &a->worker));
    GM_TRY(gm_cbor_end(r));
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_NONCE, "eat_nonce"));
    GM_TRY(gm_cbor_read_exact(r, "eat_nonce", a->nonce, sizeof a->nonce));
    GM_TRY(gm_claim_profile(r, GM_TOKEN_ATTESTATION));
    GM_TRY(gm_claim_text(r, GM_CLAIM_SWNAME, "swname", a->software, sizeof a->software));
    GM_TRY(gm_cbor_map_key(r, GM_CLAIM_SWVERSION, "swversion"));
    GM_TRY(gm_cbor_array_begin(r, "swversion", &count));
    GM_TRY(gm_cbor_read_string(r, "swversion", a->version, sizeof a->version));
    return gm_cbor_end(r);
}

enum gm_status gm_attestation_open(struct gm_attestation *attestation, struct gm_bytes token,
                                   struct gm_error *err)
{
    struct gm_cose cose;
    struct gm_cbor_reader reader;
    *attestation = (struct gm_attestation){0};
    GM_TRY(gm_token_begin(GM_TOKEN_ATTESTATION, token, &cose, &reader, err));
    GM_TRY(gm_cbor_map_begin(&reader, "attestation", NULL));
    GM_TRY(read_identity(&reader, attestation));
    GM_TRY(read_work(&reader, &attestation->work));
    GM_TRY(read_time(&reader, &attestation->time));
    GM_TRY(read_chain(&reader, &attestation->chain));
    GM_TRY(gm_cbor_end(&reader));
    return gm_token_finish(&cose, &reader, &attestation->worker, err);
}
