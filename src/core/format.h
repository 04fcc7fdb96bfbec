/* Numbers of the encodings of programs and tasks (docs/format-program.md). Stable. */
#ifndef GM_CORE_FORMAT_H
#define GM_CORE_FORMAT_H

#define GM_PROFILE_EXACT_F32 "exact-f32/1"

enum { GM_PROGRAM_FORMAT = 1, GM_TASK_FORMAT = 1 };

/* Keys of a program's map. */
enum {
    GM_FORMAT_VERSION = 1,
    GM_FORMAT_PROFILE = 2,
    GM_FORMAT_INPUTS = 3,
    GM_FORMAT_NODES = 4,
    GM_FORMAT_OUTPUTS = 5,
    GM_FORMAT_CARRIES = 6,
};

#endif
