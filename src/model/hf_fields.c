#include "model/hf_fields.h"

enum gm_status gm_dropout_check(const struct gm_json *doc, const char *field, double value,
                                bool dropout_off, struct gm_error *err)
{
    if (value == 0 || dropout_off)
        return GM_OK;
    return gm_json_fail(doc, field, GM_UNSUPPORTED, err,
                        "%g: dropout is not supported (expected 0, or \"dropout\": 0 in the job's "
                        "\"train\")",
                        value);
}
