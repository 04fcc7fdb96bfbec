/* The broker's signed words, and the check of a worker's. Internal to this folder. */
#ifndef GM_BROKER_TOKENS_H
#define GM_BROKER_TOKENS_H

#include "broker/state.h"

enum gm_status gm_broker_sign_lease(struct gm_broker *broker, const struct gm_broker_job *job,
                                    struct gm_broker_lease *lease, uint64_t seed) GM_MUST_USE;
/* Everything that an attestation of this lease must say, and who must have signed it. */
enum gm_status gm_broker_check_attestation(const struct gm_broker *broker,
                                           const struct gm_broker_job *job,
                                           const struct gm_broker_lease *lease,
                                           struct gm_bytes token, const struct gm_hash *roots,
                                           uint32_t root_count, bool *diverged,
                                           struct gm_error *err) GM_MUST_USE;
/* Of lease->attestation. */
enum gm_status gm_broker_sign_receipt(struct gm_broker *broker,
                                      struct gm_broker_lease *lease) GM_MUST_USE;
/* Of lease->verdict. */
enum gm_status gm_broker_sign_verdict(struct gm_broker *broker,
                                      struct gm_broker_lease *lease) GM_MUST_USE;

#endif
