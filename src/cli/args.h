/* Command lines: one table of options per verb gives parsing, --help and errors. A value comes from
   the flag, else from the environment (GRADMILL_THREADS for --threads), else from the default. */
#ifndef GM_CLI_ARGS_H
#define GM_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

enum { GM_ARGS_OPTIONS_MAX = 32, GM_ARGS_VALUES_MAX = 64 };

struct gm_option {
    const char *name;     /* "--threads"; the table ends with NULL */
    const char *value;    /* what stands for its value in the help: "N"; NULL: a switch */
    const char *help;     /* one or more lines, joined by \n */
    const char *standard; /* default, as text; NULL: none */
};

struct gm_verb_text {
    const char *name;
    const char *usage;   /* "JOB --out DIR" */
    const char *summary; /* one line */
    const char *details; /* paragraphs for --help; NULL: none */
    const struct gm_option *options;
    size_t operands_min;
    size_t operands_max;
};

struct gm_args {
    const struct gm_verb_text *text;
    const char *values[GM_ARGS_OPTIONS_MAX]; /* by option; NULL: not set */
    size_t operand_count;
    const char *operands[GM_ARGS_VALUES_MAX];
    size_t repeat_count; /* every value of every option, in order, for options that repeat */
    struct {
        const char *name;
        const char *value;
    } repeats[GM_ARGS_VALUES_MAX];
    bool help;
};

/* `argv` begins after the verb and must outlive the result. GM_USAGE names the argument. */
enum gm_status gm_args_parse(const struct gm_verb_text *text, int argc, char **argv,
                             struct gm_args *out, struct gm_error *err) GM_MUST_USE;
void gm_args_help(const struct gm_verb_text *text, FILE *stream);

/* The option must be in the table. */
const char *gm_args_value(const struct gm_args *args, const char *name);
bool gm_args_has(const struct gm_args *args, const char *name);
/* As the value says, within bounds; the option must have a value or a default. */
enum gm_status gm_args_u64(const struct gm_args *args, const char *name, uint64_t min, uint64_t max,
                           uint64_t *out, struct gm_error *err) GM_MUST_USE;
enum gm_status gm_args_size(const struct gm_args *args, const char *name, uint64_t *out_bytes,
                            struct gm_error *err) GM_MUST_USE;
enum gm_status gm_args_duration(const struct gm_args *args, const char *name, uint64_t *out_ms,
                                struct gm_error *err) GM_MUST_USE;
/* GM_USAGE: the verb needs this option. */
enum gm_status gm_args_required(const struct gm_args *args, const char *name, const char **out,
                                struct gm_error *err) GM_MUST_USE;

#endif
