/* Somebody who talks to a running broker over the loopback: a requester or a worker, by hand. */
#ifndef GM_BROKER_PERSON_H
#define GM_BROKER_PERSON_H

#include "wire/client.h"
#include "worker/transfer.h"

#include "handwork.h"

struct gm_person {
    struct gm_key key;
    struct gm_client *client;
    struct gm_transfer transfer;
};

/* `number` makes the key. Asserts that all goes well. */
void gm_person_init(struct gm_person *person, uint8_t number, uint16_t port,
                    const struct gm_key_public *broker);
void gm_person_fini(struct gm_person *person);
/* A question on the control port. gm_reply_fini. */
void gm_person_ask(struct gm_person *person, const struct gm_message *message,
                   struct gm_reply *reply);

/* A lease, or false when there is none. `request` is its idempotency key. */
bool gm_person_lease(struct gm_person *person, uint8_t request, uint64_t wait_ms,
                     struct gm_reply *reply);
/* Makes outputs of the task's shapes, different for every task, and signs for them. */
void gm_person_work(struct gm_person *person, const struct gm_lab *lab,
                    const struct gm_reply *lease, struct gm_handwork *done);
/* Attests, uploads, reports: the verdict. */
uint64_t gm_person_deliver(struct gm_person *person, const struct gm_handwork *done);
enum gm_status gm_person_upload(struct gm_person *person, const struct gm_handwork *done);

#endif
