#include "cli/token_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "trust/attestation.h"
#include "trust/token_lease.h"
#include "trust/token_receipt.h"
#include "trust/token_verdict.h"

/* ---- facts ---- */

static struct gm_token_fact *fact_add(struct gm_token_text *out, const char *name)
{
    assert(out->fact_count < GM_TOKEN_FACTS_MAX);
    struct gm_token_fact *fact = &out->facts[out->fact_count++];
    *fact = (struct gm_token_fact){.name = name};
    return fact;
}

/* A signer may have put anything into a text; a terminal must not obey it. */
static void text_add(struct gm_token_text *out, const char *name, const char *text)
{
    struct gm_token_fact *fact = fact_add(out, name);
    (void)snprintf(fact->text, sizeof fact->text, "%s", text);
    for (char *c = fact->text; *c != '\0'; c++) {
        bool c1 = (uint8_t)c[0] == 0xc2 && (uint8_t)c[1] >= 0x80 && (uint8_t)c[1] < 0xa0;
        if ((uint8_t)*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (c1)
            c[0] = c[1] = '?';
    }
}

static void number_add(struct gm_token_text *out, const char *name, uint64_t number)
{
    struct gm_token_fact *fact = fact_add(out, name);
    fact->is_number = true;
    fact->number = number;
    (void)snprintf(fact->text, sizeof fact->text, "%" PRIu64, number);
}

static void bytes_add(struct gm_token_text *out, const char *name, const uint8_t *bytes,
                      size_t size_bytes)
{
    struct gm_token_fact *fact = fact_add(out, name);
    assert(2 * size_bytes < sizeof fact->text);
    gm_hex_encode(fact->text, bytes, size_bytes);
}

static void hash_add(struct gm_token_text *out, const char *name, const struct gm_hash *hash)
{
    bytes_add(out, name, hash->bytes, sizeof hash->bytes);
}

/* "2026-01-01T00:00:00Z"; a year that no calendar holds stays a number. */
static void time_add(struct gm_token_text *out, const char *name, uint64_t unix_s)
{
    struct tm calendar;
    char text[40];
    time_t when = (time_t)unix_s;
    if (unix_s > INT64_MAX || gmtime_r(&when, &calendar) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &calendar) == 0)
        (void)snprintf(text, sizeof text, "%" PRIu64, unix_s);
    text_add(out, name, text);
}

/* ---- one function per kind ---- */

static void result_add(struct gm_token_text *out, const struct gm_work *work)
{
    char text[160];
    if (work->status == GM_WORK_DONE)
        (void)snprintf(text, sizeof text, "done");
    else if (!work->has_place)
        (void)snprintf(text, sizeof text, "diverged");
    else
        (void)snprintf(text, sizeof text,
                       "diverged at iteration %" PRIu64 ", operation %" PRIu64 ", output %" PRIu64
                       ", tile %" PRIu64,
                       work->bad_iteration, work->bad_op, work->bad_output, work->bad_tile);
    text_add(out, "result", text);
}

static enum gm_status attestation_open(struct gm_token_text *out, struct gm_bytes token,
                                       struct gm_error *err)
{
    struct gm_attestation a;
    GM_TRY(gm_attestation_open(&a, token, err));
    out->signer = a.worker;
    result_add(out, &a.work);
    hash_add(out, "task", &a.work.task);
    hash_add(out, "program", &a.work.program);
    hash_add(out, "inputs_root", &a.work.inputs_root);
    hash_add(out, "outputs_root", &a.work.outputs_root);
    if (a.work.has_trace)
        hash_add(out, "trace_root", &a.work.trace_root);
    number_add(out, "records", a.work.record_count);
    text_add(out, "profile", a.work.profile);
    number_add(out, "flops", a.work.flops);
    bytes_add(out, "lease", a.work.lease, sizeof a.work.lease);
    bytes_add(out, "nonce", a.nonce, sizeof a.nonce);
    hash_add(out, "broker", &a.audience);
    time_add(out, "issued", a.issued_s);
    number_add(out, "clock_nonce_ns", a.time.nonce_ns);
    number_add(out, "clock_first_kernel_ns", a.time.first_kernel_ns);
    number_add(out, "clock_root_ns", a.time.root_ns);
    number_add(out, "device_busy_ns", a.time.device_busy_ns);
    bytes_add(out, "instance", a.chain.instance, sizeof a.chain.instance);
    number_add(out, "sequence", a.chain.sequence);
    hash_add(out, "previous", &a.chain.previous);
    text_add(out, "software", a.software);
    text_add(out, "version", a.version);
    return GM_OK;
}

static enum gm_status lease_open(struct gm_token_text *out, struct gm_bytes token,
                                 struct gm_error *err)
{
    struct gm_lease_token lease;
    char seed[24];
    GM_TRY(gm_lease_token_open(&lease, token, err));
    out->signer = lease.broker;
    hash_add(out, "worker", &lease.worker);
    bytes_add(out, "lease", lease.lease, sizeof lease.lease);
    bytes_add(out, "job", lease.job, sizeof lease.job);
    hash_add(out, "task", &lease.task);
    hash_add(out, "program", &lease.program);
    hash_add(out, "inputs_root", &lease.inputs_root);
    number_add(out, "iterations", lease.iterations);
    /* All 64 bits are used: more than a JSON number can be trusted with. */
    (void)snprintf(seed, sizeof seed, "%" PRIu64, lease.seed);
    text_add(out, "seed", seed);
    text_add(out, "profile", lease.profile);
    bytes_add(out, "nonce", lease.nonce, sizeof lease.nonce);
    time_add(out, "issued", lease.issued_s);
    time_add(out, "deadline", lease.deadline_unix_ms / 1000);
    number_add(out, "deadline_unix_ms", lease.deadline_unix_ms);
    return GM_OK;
}

static enum gm_status receipt_open(struct gm_token_text *out, struct gm_bytes token,
                                   struct gm_error *err)
{
    struct gm_receipt_token receipt;
    GM_TRY(gm_receipt_token_open(&receipt, token, err));
    out->signer = receipt.broker;
    hash_add(out, "worker", &receipt.worker);
    hash_add(out, "attestation", &receipt.attestation);
    bytes_add(out, "lease", receipt.lease, sizeof receipt.lease);
    time_add(out, "issued", receipt.issued_s);
    if (receipt.has_t0) {
        number_add(out, "clock_nonce_ns", receipt.t0_ns);
        number_add(out, "elapsed_ns", gm_receipt_elapsed_ns(&receipt));
    }
    number_add(out, "clock_arrival_ns", receipt.t1_ns);
    return GM_OK;
}

static enum gm_status verdict_open(struct gm_token_text *out, struct gm_bytes token,
                                   struct gm_error *err)
{
    struct gm_verdict_token verdict;
    GM_TRY(gm_verdict_token_open(&verdict, token, err));
    out->signer = verdict.broker;
    text_add(out, "finding", gm_finding_name(verdict.finding));
    text_add(out, "reason", verdict.reason);
    hash_add(out, "worker", &verdict.worker);
    hash_add(out, "attestation", &verdict.attestation);
    bytes_add(out, "lease", verdict.lease, sizeof verdict.lease);
    time_add(out, "issued", verdict.issued_s);
    return GM_OK;
}

static const char attestation_proves[] =
    "The holder of the signer's key states that this task gave these outputs. Together\n"
    "with the broker's receipt it is proven that the outputs were committed to between\n"
    "the nonce and the receipt. It does not prove by itself that they are right (replays\n"
    "and audits do), nor which device computed them; its clock is the worker's own.";

static const char lease_proves[] =
    "The broker promised this task to the worker's key alone until the\n"
    "deadline. It proves nothing about any work.";

static const char receipt_proves[] =
    "The broker had the attestation of this name by then. The elapsed time\n"
    "is by the broker's one clock, from the nonce to the arrival; where none\n"
    "is stated, none is claimed. It says nothing about whether the work is\n"
    "right.";

static const char verdict_proves[] =
    "What the broker made of the attestation of this name: accepted (no\n"
    "replay), replayed (a replay gave the same outputs), rejected (a replay\n"
    "gave others) or void (not used). It is the broker's word.";

static const char *kind_proves(enum gm_token_kind kind)
{
    switch (kind) {
    case GM_TOKEN_ATTESTATION:
        return attestation_proves;
    case GM_TOKEN_LEASE:
        return lease_proves;
    case GM_TOKEN_RECEIPT:
        return receipt_proves;
    case GM_TOKEN_VERDICT:
        return verdict_proves;
    case GM_TOKEN_NONE:
    case GM_TOKEN_KIND_COUNT:
        break;
    }
    return "";
}

enum gm_status gm_token_text_open(struct gm_token_text *out, struct gm_bytes token,
                                  struct gm_error *err)
{
    *out = (struct gm_token_text){.kind = gm_token_kind_of(token), .name = gm_token_hash(token)};
    switch (out->kind) {
    case GM_TOKEN_ATTESTATION:
        return attestation_open(out, token, err);
    case GM_TOKEN_LEASE:
        return lease_open(out, token, err);
    case GM_TOKEN_RECEIPT:
        return receipt_open(out, token, err);
    case GM_TOKEN_VERDICT:
        return verdict_open(out, token, err);
    case GM_TOKEN_NONE:
    case GM_TOKEN_KIND_COUNT:
        break;
    }
    return gm_error_set(err, GM_INVALID, "not a token");
}

/* ---- output ---- */

void gm_token_text_print(const struct gm_token_text *token, bool trusted, bool asked)
{
    char hex[GM_HASH_HEX_SIZE];
    struct gm_hash print = gm_key_thumbprint(&token->signer);
    const char *trust = trusted ? "trusted: you named its signer"
                        : asked ? "NOT trusted: --key names another key"
                                : "not trusted: no key was named with --key";
    (void)printf("%s: valid, %s\n\n", gm_token_kind_name(token->kind), trust);
    (void)printf("  %-22s %s\n", "token", gm_hash_hex(hex, &token->name));
    (void)printf("  %-22s %s\n", "signer", gm_key_public_hex(hex, &token->signer));
    (void)printf("  %-22s %s\n\nsays\n", "signer_thumbprint", gm_hash_hex(hex, &print));
    for (size_t i = 0; i < token->fact_count; i++)
        (void)printf("  %-22s %s\n", token->facts[i].name, token->facts[i].text);
    (void)printf("\nproves\n  ");
    for (const char *c = kind_proves(token->kind); *c != '\0'; c++)
        (void)printf("%c%s", *c, *c == '\n' ? "  " : "");
    (void)printf("\n");
}
