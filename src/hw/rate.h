/* How fast a device is, measured with the kernels it will work with, before it is offered. */
#ifndef GM_HW_RATE_H
#define GM_HW_RATE_H

#include "backend/exec.h"

/* Floating-point operations per second of exact matrix products, the best of several runs that
   together take about a tenth of a second. Blocks. */
enum gm_status gm_hw_rate_measure(struct gm_device *device, uint64_t *flops_per_s,
                                  struct gm_error *err) GM_MUST_USE;

#endif
