/* Inside the transport: what its two nng files share. */
#ifndef GM_WIRE_TRANSPORT_NNG_H
#define GM_WIRE_TRANSPORT_NNG_H

#include <nng/nng.h>

#include "base/bytes.h"

/* "address: what: nng's words", with the status that fits. */
enum gm_status gm_nng_error(struct gm_error *err, int rv, const char *address, const char *what);
/* A message with these bytes as its body; NULL without memory. */
nng_msg *gm_nng_message(struct gm_bytes bytes);

#endif
