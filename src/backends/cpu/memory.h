/* How much memory this process may use. */
#ifndef GM_CPU_MEMORY_H
#define GM_CPU_MEMORY_H

#include <stdint.h>

/* The machine's memory, or the tightest limit of the process's control group and those above it
   (version 2, memory.max), whichever is less. */
uint64_t gm_cpu_memory_limit_bytes(void);

#endif
