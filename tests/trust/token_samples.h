/* The statements whose tokens are frozen in token_vectors.inc, for the tests of tokens. */
#ifndef GM_TESTS_TRUST_TOKEN_SAMPLES_H
#define GM_TESTS_TRUST_TOKEN_SAMPLES_H

#include "trust/attestation.h"
#include "trust/token_lease.h"
#include "trust/token_receipt.h"
#include "trust/token_verdict.h"

/* The worker is RFC 8032's first test key, the broker the key of 32 bytes of 7. */
void sample_keys(struct gm_key *worker, struct gm_key *broker);
struct gm_attestation sample_attestation(void);
struct gm_attestation sample_attestation_diverged(void);
struct gm_lease_token sample_lease(void);
struct gm_receipt_token sample_receipt(void);
struct gm_verdict_token sample_verdict(void);

enum { SAMPLE_COUNT = 5 };
/* Signs sample number `index` into `out`. */
enum gm_status sample_sign(int index, struct gm_buf *out);
/* Opens a token with the function of sample `index`; what was opened is signed again into `again`.
 */
enum gm_status sample_open(int index, struct gm_bytes token, struct gm_buf *again);

#endif
