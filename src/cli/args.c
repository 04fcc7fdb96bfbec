#include "cli/args.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static size_t option_index(const struct gm_verb_text *text, const char *name, size_t length)
{
    for (size_t i = 0; text->options[i].name != NULL; i++) {
        if (strlen(text->options[i].name) == length &&
            strncmp(text->options[i].name, name, length) == 0)
            return i;
    }
    return SIZE_MAX;
}

static size_t option_known(const struct gm_args *args, const char *name)
{
    size_t index = option_index(args->text, name, strlen(name));
    assert(index != SIZE_MAX);
    return index;
}

/* "--keep-checkpoints" -> "GRADMILL_KEEP_CHECKPOINTS" */
static const char *environment_value(const char *name)
{
    char variable[64] = "GRADMILL_";
    size_t at = strlen(variable);
    for (const char *c = name + 2; *c != '\0' && at + 1 < sizeof variable; c++)
        variable[at++] = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
    variable[at] = '\0';
    return getenv(variable);
}

static enum gm_status unknown_option(const struct gm_verb_text *text, const char *argument,
                                     struct gm_error *err)
{
    return gm_error_set(err, GM_USAGE, "unknown option %s (see gradmill %s --help)", argument,
                        text->name);
}

static enum gm_status value_take(struct gm_args *args, size_t index, const char *value,
                                 struct gm_error *err)
{
    if (args->repeat_count == GM_ARGS_VALUES_MAX)
        return gm_error_set(err, GM_USAGE, "more than %d options", GM_ARGS_VALUES_MAX);
    args->values[index] = value;
    args->repeats[args->repeat_count].name = args->text->options[index].name;
    args->repeats[args->repeat_count++].value = value;
    return GM_OK;
}

/* One option at argv[*at]; moves past its value. */
static enum gm_status option_parse(struct gm_args *args, int argc, char **argv, int *at,
                                   struct gm_error *err)
{
    const char *argument = argv[*at];
    const char *equals = strchr(argument, '=');
    size_t length = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    size_t index = option_index(args->text, argument, length);
    if (index == SIZE_MAX)
        return unknown_option(args->text, argument, err);
    if (args->text->options[index].value == NULL) {
        if (equals != NULL)
            return gm_error_set(err, GM_USAGE, "%.*s takes no value", (int)length, argument);
        return value_take(args, index, "", err);
    }
    if (equals != NULL)
        return value_take(args, index, equals + 1, err);
    if (*at + 1 >= argc)
        return gm_error_set(err, GM_USAGE, "%s needs a value: %s", argument,
                            args->text->options[index].value);
    return value_take(args, index, argv[++*at], err);
}

static void defaults_take(struct gm_args *args)
{
    for (size_t i = 0; args->text->options[i].name != NULL; i++) {
        const struct gm_option *option = &args->text->options[i];
        if (args->values[i] == NULL && option->value != NULL)
            args->values[i] = environment_value(option->name);
        if (args->values[i] == NULL)
            args->values[i] = option->standard;
    }
}

static enum gm_status operands_check(const struct gm_args *args, struct gm_error *err)
{
    if (args->operand_count < args->text->operands_min)
        return gm_error_set(err, GM_USAGE, "usage: gradmill %s %s", args->text->name,
                            args->text->usage);
    if (args->operand_count > args->text->operands_max)
        return gm_error_set(err, GM_USAGE, "unexpected argument \"%s\" (usage: gradmill %s %s)",
                            args->operands[args->text->operands_max], args->text->name,
                            args->text->usage);
    return GM_OK;
}

enum gm_status gm_args_parse(const struct gm_verb_text *text, int argc, char **argv,
                             struct gm_args *out, struct gm_error *err)
{
    *out = (struct gm_args){.text = text};
    bool options_over = false;
    for (int at = 0; at < argc; at++) {
        const char *argument = argv[at];
        if (!options_over && strcmp(argument, "--") == 0) {
            options_over = true;
        } else if (!options_over &&
                   (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)) {
            out->help = true;
            return GM_OK;
        } else if (!options_over && argument[0] == '-' && argument[1] != '\0') {
            GM_TRY(option_parse(out, argc, argv, &at, err));
        } else if (out->operand_count == GM_ARGS_VALUES_MAX) {
            return gm_error_set(err, GM_USAGE, "more than %d arguments", GM_ARGS_VALUES_MAX);
        } else {
            out->operands[out->operand_count++] = argument;
        }
    }
    defaults_take(out);
    return operands_check(out, err);
}

static void option_help(const struct gm_option *option, FILE *stream)
{
    char head[64];
    (void)snprintf(head, sizeof head, "%s%s%s", option->name, option->value != NULL ? " " : "",
                   option->value != NULL ? option->value : "");
    (void)fprintf(stream, "  %-24s ", head);
    for (const char *c = option->help; *c != '\0'; c++) {
        (void)fputc(*c, stream);
        if (*c == '\n')
            (void)fprintf(stream, "%27s", "");
    }
    if (option->standard != NULL)
        (void)fprintf(stream, " (default: %s)", option->standard);
    (void)fputc('\n', stream);
}

void gm_args_help(const struct gm_verb_text *text, FILE *stream)
{
    (void)fprintf(stream, "usage: gradmill %s %s\n\n%s\n", text->name, text->usage, text->summary);
    if (text->details != NULL)
        (void)fprintf(stream, "\n%s\n", text->details);
    (void)fprintf(stream, "\noptions:\n");
    for (size_t i = 0; text->options[i].name != NULL; i++)
        option_help(&text->options[i], stream);
    (void)fprintf(stream, "  %-24s this text\n", "--help");
}

const char *gm_args_value(const struct gm_args *args, const char *name)
{
    return args->values[option_known(args, name)];
}

bool gm_args_has(const struct gm_args *args, const char *name)
{
    return gm_args_value(args, name) != NULL;
}

enum gm_status gm_args_u64(const struct gm_args *args, const char *name, uint64_t min, uint64_t max,
                           uint64_t *out, struct gm_error *err)
{
    return gm_text_u64(name, gm_args_value(args, name), min, max, out, err);
}

enum gm_status gm_args_size(const struct gm_args *args, const char *name, uint64_t *out_bytes,
                            struct gm_error *err)
{
    return gm_text_size(name, gm_args_value(args, name), out_bytes, err);
}

enum gm_status gm_args_duration(const struct gm_args *args, const char *name, uint64_t *out_ms,
                                struct gm_error *err)
{
    return gm_text_duration(name, gm_args_value(args, name), out_ms, err);
}

enum gm_status gm_args_required(const struct gm_args *args, const char *name, const char **out,
                                struct gm_error *err)
{
    *out = gm_args_value(args, name);
    if (*out == NULL)
        return gm_error_set(err, GM_USAGE, "%s is needed (see gradmill %s --help)", name,
                            args->text->name);
    return GM_OK;
}
