/* What every decoder must keep: a refusal tells a story, and what is accepted encodes to the bytes
   it came from, so that no two texts mean one thing. */
#ifndef GM_FUZZ_AGAIN_H
#define GM_FUZZ_AGAIN_H

#include <assert.h>

#include "base/bytes.h"

static inline void fuzz_refused(enum gm_status status, const struct gm_error *err)
{
    assert(status != GM_OK && status != GM_INTERNAL);
    assert(err->status == status && err->text[0] != '\0');
}

/* `status` is the encoder's; frees `out`. */
static inline void fuzz_same(enum gm_status status, struct gm_buf *out, struct gm_bytes input)
{
    assert(status == GM_OK && out->status == GM_OK);
    assert(gm_bytes_equal(gm_buf_view(out), input));
    gm_buf_fini(out);
}

#endif
