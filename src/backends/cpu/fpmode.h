/* The floating-point mode of a thread. The profile wants round to nearest, ties to even, with
   subnormals kept; a thread may arrive with flush-to-zero on, left by a library that was loaded
   with fast maths, so every computation sets the mode and puts back what it found. */
#ifndef GM_CPU_FPMODE_H
#define GM_CPU_FPMODE_H

#include <stdint.h>

/* Sets the profile's mode for the calling thread; returns the mode before, for restoring. */
uint64_t gm_fpmode_enter(void);
void gm_fpmode_restore(uint64_t mode);

#endif
