#include "data/dataset.h"

void gm_dataset_fini(struct gm_dataset *dataset)
{
    for (uint32_t i = 0; i < dataset->field_count; i++)
        gm_blob_store_release(dataset->store, &dataset->fields[i].root);
    *dataset = (struct gm_dataset){0};
}

uint64_t gm_dataset_sample_count(const struct gm_dataset *dataset, uint64_t seq)
{
    uint64_t count = dataset->fields[0].desc.dims[0];
    if (dataset->field_count == 2)
        return count;
    return count == 0 ? 0 : (count - 1) / seq;
}
