/* A program as one line of text, for tests of structure: "matmul(0, 1) relu(2)"; attributes follow
   in brackets when asked for: "slice_cols(0)[0 4]". Inputs are the first numbers. */
#ifndef GM_TESTS_PROGRAM_TEXT_H
#define GM_TESTS_PROGRAM_TEXT_H

#include "core/program.h"

enum { PROGRAM_TEXT_SIZE = 4096 };

char *program_text(char out[PROGRAM_TEXT_SIZE], const struct gm_program *program, bool attrs);

#endif
