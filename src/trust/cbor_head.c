#include "trust/cbor_head.h"

static const char *head_value(struct gm_cbor_head *head, struct gm_bytes at)
{
    unsigned info = at.data[0] & 31u;
    head->value = info;
    head->size_bytes = 1;
    if (info < 24)
        return NULL;
    if (info == 31)
        return "an indefinite length, which is not deterministic";
    if (info > 27)
        return "a reserved head";
    size_t more = (size_t)1 << (info - 24);
    if (at.size_bytes - 1 < more)
        return "the input ends within a head";
    head->value = 0;
    for (size_t i = 1; i <= more; i++)
        head->value = head->value << 8 | at.data[i];
    head->size_bytes = 1 + more;
    /* What would have fitted the next shorter form must use it. */
    uint64_t least = more == 1 ? 24 : (uint64_t)1 << (4 * more);
    return head->value >= least ? NULL : "a head that is longer than needed";
}

const char *gm_cbor_head_parse(struct gm_cbor_head *head, struct gm_bytes at)
{
    *head = (struct gm_cbor_head){.kind = GM_CBOR_NOTHING};
    if (at.size_bytes == 0)
        return "the input ends";
    unsigned major = at.data[0] >> 5;
    unsigned info = at.data[0] & 31u;
    if (major == 7) {
        if (info < 20 || info > 22)
            return info >= 25 && info <= 27 ? "a float, which is not used"
                                            : "a simple value that is not used";
        *head = (struct gm_cbor_head){GM_CBOR_SIMPLE, info, 1};
        return NULL;
    }
    const char *fault = head_value(head, at);
    if (fault == NULL)
        head->kind = (enum gm_cbor_kind)major;
    return fault;
}

/* Size of the sequence that starts at p, 0 when it is none: no overlong forms, no surrogates,
   nothing above U+10FFFF (RFC 3629). */
static size_t utf8_step(const uint8_t *p, size_t left)
{
    size_t size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte */
    if ((p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4 || left < size)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < size; i++) {
        if (p[i] < low || p[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return size;
}

bool gm_utf8_valid(struct gm_bytes text)
{
    for (size_t at = 0; at < text.size_bytes;) {
        size_t step = utf8_step(text.data + at, text.size_bytes - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}
