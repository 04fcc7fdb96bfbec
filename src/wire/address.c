#include "wire/address.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Where the port's digits begin; NULL when the text is no address. */
static const char *port_text(const char *address)
{
    if (strncmp(address, "tcp://", 6) != 0)
        return NULL;
    const char *colon = strrchr(address + 6, ':');
    return colon == NULL || colon == address + 6 ? NULL : colon + 1;
}

enum gm_status gm_address_port(const char *address, uint32_t *out, struct gm_error *err)
{
    const char *text = port_text(address);
    uint64_t port;
    if (text == NULL || gm_text_u64("port", text, 0, UINT16_MAX, &port, NULL) != GM_OK)
        return gm_error_set(err, GM_USAGE, "\"%s\" is not an address such as tcp://127.0.0.1:7700",
                            address);
    *out = (uint32_t)port;
    return GM_OK;
}

enum gm_status gm_address_with_port(const char *address, uint32_t port,
                                    char out[static GM_ADDRESS_CHARS], struct gm_error *err)
{
    uint32_t old;
    GM_TRY(gm_address_port(address, &old, err));
    int host_chars = (int)(port_text(address) - address);
    int chars = snprintf(out, GM_ADDRESS_CHARS, "%.*s%u", host_chars, address, port);
    if (port > UINT16_MAX || chars < 0 || chars >= GM_ADDRESS_CHARS)
        return gm_error_set(err, GM_USAGE, "%s: port %u is out of range", address, port);
    return GM_OK;
}

bool gm_address_port_is_free(const char *address)
{
    uint32_t port;
    return gm_address_port(address, &port, NULL) == GM_OK && port == 0;
}
