/* The header is a Python dict literal such as
   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 784), }
   padded with spaces, ending in a newline. This reads that, not Python. */
#include "data/npy.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

struct cursor {
    const char *at;
    const char *end;
};

static void blank_skip(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n'))
        c->at++;
}

static bool text_take(struct cursor *c, const char *text)
{
    blank_skip(c);
    size_t size = strlen(text);
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, text, size) != 0)
        return false;
    c->at += size;
    return true;
}

static bool type_take(struct cursor *c, struct gm_npy *npy)
{
    static const struct {
        const char *text;
        enum gm_npy_type type;
        size_t element_bytes;
    } types[] = {
        {"'<f4'", GM_NPY_F32, 4}, {"'<f8'", GM_NPY_F64, 8}, {"'|u1'", GM_NPY_U8, 1},
        {"'<i4'", GM_NPY_I32, 4}, {"'<i8'", GM_NPY_I64, 8}, {"'<u4'", GM_NPY_U32, 4},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (text_take(c, types[i].text)) {
            npy->type = types[i].type;
            npy->element_bytes = types[i].element_bytes;
            return true;
        }
    }
    return false;
}

static bool number_take(struct cursor *c, uint64_t *out)
{
    blank_skip(c);
    const char *start = c->at;
    *out = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        if (!gm_u64_mul(*out, 10, out) || !gm_u64_add(*out, (uint64_t)(*c->at - '0'), out))
            return false;
        c->at++;
    }
    return c->at > start;
}

/* (60000, 784) or (60000,) */
static bool shape_take(struct cursor *c, struct gm_npy *npy)
{
    if (!text_take(c, "("))
        return false;
    npy->count = 1;
    while (!text_take(c, ")")) {
        if (npy->rank == GM_RANK_MAX || !number_take(c, &npy->dims[npy->rank]) ||
            !gm_u64_mul(npy->count, npy->dims[npy->rank], &npy->count))
            return false;
        npy->rank++;
        if (!text_take(c, ",")) {
            if (!text_take(c, ")"))
                return false;
            break;
        }
    }
    return npy->rank > 0;
}

static enum gm_status dict_parse(const char *path, struct cursor c, struct gm_npy *npy,
                                 struct gm_error *err)
{
    bool descr = false, order = false, shape = false;
    if (!text_take(&c, "{"))
        return gm_error_set(err, GM_INVALID, "%s: its .npy header is not a dict", path);
    while (!text_take(&c, "}")) {
        if (!descr && text_take(&c, "'descr':")) {
            descr = type_take(&c, npy);
            if (!descr)
                return gm_error_set(err, GM_UNSUPPORTED,
                                    "%s: its element type is not supported (expected '<f4', '<f8', "
                                    "'|u1', '<i4', '<i8' or '<u4')",
                                    path);
        } else if (!order && text_take(&c, "'fortran_order':")) {
            order = text_take(&c, "False");
            if (!order)
                return gm_error_set(err, GM_UNSUPPORTED,
                                    "%s: its fortran_order is not False (save it in C order)",
                                    path);
        } else if (!shape && text_take(&c, "'shape':")) {
            shape = shape_take(&c, npy);
            if (!shape)
                return gm_error_set(err, GM_INVALID,
                                    "%s: its shape is not a tuple of 1 to 8 whole numbers", path);
        } else {
            return gm_error_set(err, GM_INVALID,
                                "%s: its .npy header holds more than descr, fortran_order and "
                                "shape",
                                path);
        }
        (void)text_take(&c, ",");
    }
    blank_skip(&c);
    if (!descr || !order || !shape || c.at != c.end)
        return gm_error_set(err, GM_INVALID,
                            "%s: its .npy header is not {descr, fortran_order, shape}", path);
    return GM_OK;
}

enum gm_status gm_npy_parse(const char *path, struct gm_bytes start, uint64_t file_bytes,
                            struct gm_npy *out, struct gm_error *err)
{
    *out = (struct gm_npy){0};
    const uint8_t *p = start.data;
    if (start.size_bytes < 12 || memcmp(p, "\x93NUMPY", 6) != 0)
        return gm_error_set(err, GM_INVALID, "%s: not a .npy file", path);
    if ((p[6] != 1 && p[6] != 2) || p[7] != 0)
        return gm_error_set(err, GM_UNSUPPORTED,
                            "%s: .npy version %u.%u is not supported (expected 1.0 or 2.0)", path,
                            p[6], p[7]);
    const size_t prefix_bytes = p[6] == 1 ? 10 : 12;
    const uint64_t header_bytes = p[6] == 1 ? p[8] | (uint32_t)p[9] << 8 : gm_load_u32(p + 8);
    if (header_bytes > GM_NPY_HEADER_MAX - prefix_bytes ||
        header_bytes > start.size_bytes - prefix_bytes)
        return gm_error_set(err, GM_INVALID,
                            "%s: truncated: its .npy header takes %" PRIu64 " bytes", path,
                            header_bytes);
    const char *text = (const char *)p + prefix_bytes;
    GM_TRY(dict_parse(path, (struct cursor){text, text + header_bytes}, out, err));
    out->data_offset = prefix_bytes + header_bytes;
    uint64_t data_bytes;
    if (!gm_u64_mul(out->count, out->element_bytes, &data_bytes) ||
        data_bytes != file_bytes - out->data_offset)
        return gm_error_set(err, GM_INVALID,
                            "%s: its shape needs %" PRIu64 " elements of %zu bytes, but %" PRIu64
                            " bytes of data are there",
                            path, out->count, out->element_bytes, file_bytes - out->data_offset);
    return GM_OK;
}
