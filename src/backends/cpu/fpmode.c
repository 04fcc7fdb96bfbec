#include "backends/cpu/fpmode.h"

/* The control register is the architecture's own: one place with a conditional, here. <fenv.h>
   cannot clear flush-to-zero. */
#if defined(__x86_64__)

#include <xmmintrin.h>

/* All exceptions masked, round to nearest, flags clear; flush-to-zero (bit 15) and
   denormals-are-zero (bit 6) off. */
enum { MXCSR_PROFILE = 0x1f80 };

uint64_t gm_fpmode_enter(void)
{
    unsigned mode = _mm_getcsr();
    _mm_setcsr(MXCSR_PROFILE);
    return mode;
}

void gm_fpmode_restore(uint64_t mode)
{
    _mm_setcsr((unsigned)mode);
}

#elif defined(__aarch64__)

/* Zero is round to nearest, subnormals kept, NaN propagated, no traps. */
uint64_t gm_fpmode_enter(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return mode;
}

void gm_fpmode_restore(uint64_t mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}

#else

#include <fenv.h>

uint64_t gm_fpmode_enter(void)
{
    int mode = fegetround();
    fesetround(FE_TONEAREST);
    return (uint64_t)mode;
}

void gm_fpmode_restore(uint64_t mode)
{
    fesetround((int)mode);
}

#endif
