/* Included by the files that are compiled once per instruction level. GM_CPU_LEVEL is the level's
   name, set by the build; GM_LEVEL(name) is a name of that level's own. */
#ifndef GM_CPU_LEVEL_H
#define GM_CPU_LEVEL_H

#include "backends/cpu/kernel.h"

#define GM_LEVEL_JOIN_(name, level) name##_##level
#define GM_LEVEL_JOIN(name, level)  GM_LEVEL_JOIN_(name, level)
#define GM_LEVEL(name)              GM_LEVEL_JOIN(name, GM_CPU_LEVEL)

/* The items of the loop that follows do not depend on one another. */
#ifdef __clang__
#define GM_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define GM_INDEPENDENT _Pragma("GCC ivdep")
#endif

#endif
