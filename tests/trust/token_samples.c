#include "token_samples.h"

#include <string.h>

static struct gm_hash hash_of(uint8_t byte)
{
    struct gm_hash hash;
    memset(hash.bytes, byte, sizeof hash.bytes);
    return hash;
}

void sample_keys(struct gm_key *worker, struct gm_key *broker)
{
    uint8_t seed[GM_KEY_SIZE];
    memset(seed, 7, sizeof seed);
    gm_key_from_seed(broker, seed);
    if (gm_hex_decode(seed, sizeof seed,
                      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
        gm_key_from_seed(worker, seed);
}

static struct gm_hash print_of_worker(void)
{
    struct gm_key worker, broker;
    sample_keys(&worker, &broker);
    return gm_key_thumbprint(&worker.public_key);
}

struct gm_attestation sample_attestation(void)
{
    struct gm_key worker, broker;
    sample_keys(&worker, &broker);
    struct gm_attestation a = {
        .audience = gm_key_thumbprint(&broker.public_key),
        .issued_s = 1767225600,
        .software = "gradmill",
        .version = "0.1.0",
        .work = {.task = hash_of(0x21),
                 .program = hash_of(0x22),
                 .inputs_root = hash_of(0x23),
                 .outputs_root = hash_of(0x24),
                 .profile = "exact-f32/1",
                 .flops = 6000000000001},
        .time = {1000, 2000, 3000000000, 2999999000},
    };
    a.chain.sequence = 5;
    a.chain.previous = hash_of(0x33);
    memset(a.nonce, 0x11, sizeof a.nonce);
    memset(a.work.lease, 0x2a, sizeof a.work.lease);
    memset(a.chain.instance, 0x31, sizeof a.chain.instance);
    return a;
}

struct gm_attestation sample_attestation_diverged(void)
{
    struct gm_attestation a = sample_attestation();
    a.work.has_trace = true;
    a.work.trace_root = hash_of(0x25);
    a.work.record_count = 3;
    a.work.status = GM_WORK_DIVERGED;
    a.work.has_place = true;
    a.work.bad_iteration = 7;
    a.work.bad_op = 300;
    a.work.bad_output = 1;
    a.work.bad_tile = 70000;
    return a;
}

struct gm_lease_token sample_lease(void)
{
    struct gm_lease_token lease = {.worker = print_of_worker(),
                                   .issued_s = 1767225600,
                                   .task = hash_of(0x21),
                                   .program = hash_of(0x22),
                                   .inputs_root = hash_of(0x23),
                                   .iterations = 4,
                                   .seed = 0xfedcba9876543210,
                                   .deadline_unix_ms = 1767225690123,
                                   .profile = "exact-f32/1"};
    memset(lease.nonce, 0x11, sizeof lease.nonce);
    memset(lease.job, 0x40, sizeof lease.job);
    memset(lease.lease, 0x2a, sizeof lease.lease);
    return lease;
}

struct gm_receipt_token sample_receipt(void)
{
    struct gm_receipt_token receipt = {.worker = print_of_worker(),
                                       .issued_s = 1767225601,
                                       .attestation = hash_of(0x51),
                                       .has_t0 = true,
                                       .t0_ns = 123456789,
                                       .t1_ns = 987654321};
    memset(receipt.lease, 0x2a, sizeof receipt.lease);
    return receipt;
}

struct gm_verdict_token sample_verdict(void)
{
    struct gm_verdict_token verdict = {.worker = print_of_worker(),
                                       .issued_s = 1767225602,
                                       .attestation = hash_of(0x51),
                                       .finding = GM_FINDING_REJECTED,
                                       .reason = "output 0 differs"};
    memset(verdict.lease, 0x2a, sizeof verdict.lease);
    return verdict;
}

enum gm_status sample_sign(int index, struct gm_buf *out)
{
    struct gm_key worker, broker;
    const struct gm_attestation plain = sample_attestation();
    const struct gm_attestation diverged = sample_attestation_diverged();
    const struct gm_lease_token lease = sample_lease();
    const struct gm_receipt_token receipt = sample_receipt();
    const struct gm_verdict_token verdict = sample_verdict();
    sample_keys(&worker, &broker);
    switch (index) {
    case 0:
        return gm_attestation_sign(&plain, &worker, out, NULL);
    case 1:
        return gm_attestation_sign(&diverged, &worker, out, NULL);
    case 2:
        return gm_lease_token_sign(&lease, &broker, out, NULL);
    case 3:
        return gm_receipt_token_sign(&receipt, &broker, out, NULL);
    default:
        return gm_verdict_token_sign(&verdict, &broker, out, NULL);
    }
}

enum gm_status sample_open(int index, struct gm_bytes token, struct gm_buf *again)
{
    struct gm_key worker, broker;
    struct gm_attestation attestation;
    struct gm_lease_token lease;
    struct gm_receipt_token receipt;
    struct gm_verdict_token verdict;
    sample_keys(&worker, &broker);
    switch (index) {
    case 0:
    case 1:
        GM_TRY(gm_attestation_open(&attestation, token, NULL));
        return gm_attestation_sign(&attestation, &worker, again, NULL);
    case 2:
        GM_TRY(gm_lease_token_open(&lease, token, NULL));
        return gm_lease_token_sign(&lease, &broker, again, NULL);
    case 3:
        GM_TRY(gm_receipt_token_open(&receipt, token, NULL));
        return gm_receipt_token_sign(&receipt, &broker, again, NULL);
    default:
        GM_TRY(gm_verdict_token_open(&verdict, token, NULL));
        return gm_verdict_token_sign(&verdict, &broker, again, NULL);
    }
}
