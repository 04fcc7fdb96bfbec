/* The CPU backend, for the registry. */
#ifndef GM_CPU_CPU_H
#define GM_CPU_CPU_H

#include "backend/backend.h"

extern const struct gm_backend gm_backend_cpu;

#endif
