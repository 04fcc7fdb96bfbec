/* Job files. */
#include "again.h"
#include "model/job_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct gm_bytes input = {data, size_bytes};
    struct gm_error err = {0};
    struct gm_job *job = NULL;
    enum gm_status status = gm_job_parse("job.json", input, &job, &err);
    if (status != GM_OK) {
        fuzz_refused(status, &err);
        return 0;
    }
    assert(job->name != NULL);
    gm_job_free(job);
    return 0;
}
