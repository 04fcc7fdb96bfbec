/* Addresses as people write them: "tcp://host:port". */
#ifndef GM_WIRE_ADDRESS_H
#define GM_WIRE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { GM_ADDRESS_CHARS = 256 };

/* The same host with another port. GM_USAGE: no address, or a port above 65535. */
enum gm_status gm_address_with_port(const char *address, uint32_t port,
                                    char out[static GM_ADDRESS_CHARS],
                                    struct gm_error *err) GM_MUST_USE;
/* The port that the address names. */
enum gm_status gm_address_port(const char *address, uint32_t *out,
                               struct gm_error *err) GM_MUST_USE;
/* Whether the address leaves the port to the system (port 0). */
bool gm_address_port_is_free(const char *address);

#endif
