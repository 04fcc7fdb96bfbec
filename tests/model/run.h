/* Runs programs on the CPU with tensors in host memory, for tests. Faults end the process with the
   reason: a test's own set-up has nobody to report to. */
#ifndef GM_TESTS_MODEL_RUN_H
#define GM_TESTS_MODEL_RUN_H

#include "backend/exec.h"

/* A device with one thread. */
struct gm_device *run_device_open(void);
void run_device_close(struct gm_device *device);

/* `inputs` and `outputs` have one pointer per input and output of the program, in its order;
   pointers of inputs that exec makes itself (step, seed) are not looked at. */
void run_program(struct gm_device *device, const struct gm_program *program, uint64_t seed,
                 uint32_t step, const void *const *inputs, void *const *outputs);

/* Zeroed memory for each of the program's outputs. */
void **run_outputs_new(const struct gm_program *program);
void run_tensors_free(void **tensors, uint32_t count);

/* Ends the process unless `status` is GM_OK. */
void run_check(enum gm_status status, const struct gm_error *err);

#endif
