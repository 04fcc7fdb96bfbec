/* From an attestation to an accepted result, or to a ban. Internal to this folder. */
#ifndef GM_BROKER_RESULT_H
#define GM_BROKER_RESULT_H

#include "broker/state.h"

enum gm_status gm_broker_attest(struct gm_broker *broker,
                                const struct gm_msg_attest *attest) GM_MUST_USE;
enum gm_status gm_broker_uploaded(struct gm_broker *broker,
                                  const struct gm_msg_uploaded *uploaded) GM_MUST_USE;
enum gm_status gm_broker_verdict_ask(struct gm_broker *broker,
                                     const struct gm_msg_verdict_ask *ask) GM_MUST_USE;

/* What is due to the result of this key, drawn with the event's randomness. */
enum gm_broker_replay gm_broker_replay_draw(struct gm_broker *broker,
                                            const struct gm_broker_job *job,
                                            const struct gm_key_public *key, bool diverged);
/* The result counts: the job moves on. `task` may be gone afterwards. */
enum gm_status gm_broker_accept(struct gm_broker *broker, struct gm_broker_job *job,
                                struct gm_broker_task *task) GM_MUST_USE;
/* A replay agreed. `task` may be gone afterwards. */
enum gm_status gm_broker_confirm(struct gm_broker *broker, struct gm_broker_job *job,
                                 struct gm_broker_task *task) GM_MUST_USE;
/* A replay of `task` differed: bans its key, undoes what came of it. `task` is gone or anew. */
enum gm_status gm_broker_convict(struct gm_broker *broker, struct gm_broker_job *job,
                                 struct gm_broker_task *task) GM_MUST_USE;

#endif
