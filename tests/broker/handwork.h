/* Work under a lease, by hand: outputs with bytes, and what must be signed for them. */
#ifndef GM_BROKER_HANDWORK_H
#define GM_BROKER_HANDWORK_H

#include "trust/attestation.h"
#include "wire/message.h"
#include "worker/transfer.h"

#include "../market/lab.h"

enum { GM_HANDWORK_OUTPUTS_MAX = 64 };

struct gm_handwork {
    uint8_t lease[GM_ID_BYTES];
    uint32_t count;
    struct gm_hash roots[GM_HANDWORK_OUTPUTS_MAX];
    struct gm_blob_name names[GM_HANDWORK_OUTPUTS_MAX];
    uint8_t *blobs[GM_HANDWORK_OUTPUTS_MAX];
    struct gm_attestation said; /* may be changed before it is signed */
    struct gm_buf attestation;
};

/* Makes outputs of the task's shapes, different for every task, and fills in what is said of them.
   Asserts that all goes well. */
void gm_handwork_do(struct gm_handwork *work, const struct gm_lab *lab,
                    const struct gm_msg_lease *lease);
/* Makes output 0 another one, as a liar would. */
void gm_handwork_lie(struct gm_handwork *work, const struct gm_lab *lab,
                     const struct gm_msg_lease *lease);
/* Signs what is said; again, when it was changed. */
void gm_handwork_sign(struct gm_handwork *work, const struct gm_key *key);
void gm_handwork_fini(struct gm_handwork *work);

#endif
