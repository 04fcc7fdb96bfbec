/* Looks for NaN and infinity. */
#ifndef GM_BACKEND_EXEC_SCAN_H
#define GM_BACKEND_EXEC_SCAN_H

#include <stdbool.h>
#include <stdint.h>

/* Whether all of x[0..count) are finite. Reads at memory speed. */
bool gm_exec_all_finite(const float *x, uint64_t count);

#endif
