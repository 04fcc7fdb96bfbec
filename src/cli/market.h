/* What the verbs of the market share: how to reach a broker, and who we are. */
#ifndef GM_CLI_MARKET_H
#define GM_CLI_MARKET_H

#include "cli/args.h"
#include "worker/transfer.h"

/* clang-format off */
#define GM_MARKET_OPTIONS                                                                          \
    {"--broker", "ADDRESS", "the broker's control port, as tcp://host:7700", NULL},                \
    {"--broker-key", "KEY", "the broker's public key, pinned: a file or 64 hex digits", NULL},     \
    {"--key", "FILE", "our secret key (gradmill key new FILE makes one)", NULL}
/* clang-format on */

struct gm_market {
    struct gm_key key;
    struct gm_key_public broker;
    const char *address; /* of the options; not owned */
    struct gm_client *client;
    struct gm_transfer transfer;
};

/* Reads the keys. GM_USAGE when an option is missing. */
enum gm_status gm_market_keys(const struct gm_args *args, struct gm_market *out,
                              struct gm_error *err) GM_MUST_USE;
/* The same, and a client. On failure nothing is held. */
enum gm_status gm_market_connect(const char *address, const struct gm_key_public *broker,
                                 const char *key_path, struct gm_market *out,
                                 struct gm_error *err) GM_MUST_USE;
enum gm_status gm_market_open(const struct gm_args *args, struct gm_market *out,
                              struct gm_error *err) GM_MUST_USE;
void gm_market_close(struct gm_market *market);

/* A job's id as 32 hex digits. */
enum { GM_JOB_HEX_SIZE = 2 * GM_ID_BYTES + 1 };
enum gm_status gm_job_id_parse(const char *text, uint8_t id[static GM_ID_BYTES],
                               struct gm_error *err) GM_MUST_USE;

/* One control question, repeated for a while when the broker does not answer. */
enum gm_status gm_market_ask(struct gm_market *market, const struct gm_message *request,
                             enum gm_message_type expected, struct gm_reply *reply,
                             struct gm_error *err) GM_MUST_USE;

/* What JOB_INFO says, copied out. */
struct gm_job_view {
    uint8_t job[GM_ID_BYTES];
    char name[256];
    uint64_t state, step, step_count;
    float loss_first, loss_last, loss_validation; /* NaN: not known */
    uint64_t tokens_per_s, workers, reissued, rejected, rewinds;
    char text[GM_WIRE_TEXT_MAX + 1];
};
enum gm_status gm_job_view_get(struct gm_market *market, const uint8_t id[static GM_ID_BYTES],
                               struct gm_job_view *out, struct gm_error *err) GM_MUST_USE;
/* "running", "done", ... */
const char *gm_job_state_name(uint64_t state);
/* The status that a waiting caller ends with: GM_OK for done, GM_BUSY while it runs. */
enum gm_status gm_job_state_status(uint64_t state);

/* Fetches the parameters of a job's state into DIR/model.safetensors with config.json. The recipe
   and the update program name and shape them. */
enum gm_status gm_market_fetch(struct gm_market *market, const uint8_t id[static GM_ID_BYTES],
                               const char *dir, struct gm_hash *name, uint64_t *step,
                               struct gm_error *err) GM_MUST_USE;

#endif
