#include <assert.h>
#include <inttypes.h>

#include "data/dataset.h"

enum gm_status gm_split_make(uint64_t sample_count, double validation, uint64_t batch,
                             struct gm_split *out, struct gm_error *err)
{
    uint64_t held_back = (uint64_t)((double)sample_count * validation);
    if (held_back == 0 && validation > 0)
        held_back = 1;
    if (held_back > sample_count)
        held_back = sample_count;
    if (sample_count - held_back < batch)
        return gm_error_set(err, GM_INVALID,
                            "the data gives %" PRIu64 " samples, less %" PRIu64
                            " for validation: %" PRIu64 " are fewer than one batch of %" PRIu64,
                            sample_count, held_back, sample_count - held_back, batch);
    *out = (struct gm_split){.train_count = sample_count - held_back,
                             .validation_first = sample_count - held_back,
                             .validation_count = held_back};
    return GM_OK;
}

struct gm_slice gm_dataset_slice(const struct gm_dataset *dataset, const struct gm_split *split,
                                 uint64_t seq, bool validation, uint32_t field, uint64_t order_seed)
{
    assert(field < 2);
    const struct gm_dataset_field *source = &dataset->fields[field % dataset->field_count];
    struct gm_slice slice = {.kind = GM_SLICE_ROWS,
                             .root = source->root,
                             .desc = source->desc,
                             .seq = seq,
                             .samples_first = split->train_first,
                             .samples_total = split->train_count,
                             .count = 1,
                             .shuffle = !validation,
                             .order_seed = validation ? 0 : order_seed};
    if (dataset->field_count == 1)
        slice.kind = field == 0 ? GM_SLICE_TOKENS_X : GM_SLICE_TOKENS_Y;
    if (validation) {
        slice.samples_first = split->validation_first;
        slice.samples_total = split->validation_count;
    }
    return slice;
}
