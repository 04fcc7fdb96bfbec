/* gradmill VERB ... */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/verb.h"
#include "cli/version.h"

static const struct gm_verb *const verbs[] = {
#define GM_VERB(name) &gm_verb_##name,
#include "cli/verbs.def"
#undef GM_VERB
};

enum { VERB_COUNT = sizeof verbs / sizeof *verbs };

static void help_print(FILE *stream)
{
    (void)fprintf(stream,
                  "gradmill: checkable training on idle processors\n\n"
                  "usage: gradmill VERB [options]     (gradmill VERB --help says more)\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        (void)fprintf(stream, "  %-9s %s\n", verbs[i]->text.name, verbs[i]->text.summary);
    (void)fprintf(stream, "\nExit codes: 0 done, 2 wrong usage, 3 bad input, 4 files or disk, "
                          "5 memory or device,\n6 network, 7 refused or not trusted, 8 diverged, "
                          "9 cancelled, 1 internal error.\n");
}

static const struct gm_verb *verb_find(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i]->text.name, name) == 0)
            return verbs[i];
    }
    return NULL;
}

static int verb_run(const struct gm_verb *verb, int argc, char **argv)
{
    struct gm_error err = {.status = GM_OK};
    struct gm_args args;
    enum gm_status status = gm_args_parse(&verb->text, argc, argv, &args, &err);
    if (status == GM_OK && args.help) {
        gm_args_help(&verb->text, stdout);
        return 0;
    }
    if (status == GM_OK)
        status = verb->run(&args, &err);
    if (status != GM_OK)
        (void)fprintf(stderr, "gradmill %s: %s\n", verb->text.name,
                      err.text[0] != '\0' ? err.text : gm_status_sentence(status));
    /* A full disk behind stdout must not look like success. */
    if (fflush(stdout) != 0 && status == GM_OK) {
        (void)fprintf(stderr, "gradmill %s: standard output: cannot write\n", verb->text.name);
        status = GM_IO;
    }
    return gm_status_exit_code(status);
}

int main(int argc, char **argv)
{
    /* A closed pipe and a file at its size limit are errors of a write, no end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    if (argc < 2) {
        help_print(stderr);
        return gm_status_exit_code(GM_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help_print(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("gradmill %s\n", GM_VERSION);
        return 0;
    }
    const struct gm_verb *verb = verb_find(argv[1]);
    if (verb == NULL) {
        (void)fprintf(stderr, "gradmill: unknown verb \"%s\" (see gradmill --help)\n", argv[1]);
        return gm_status_exit_code(GM_USAGE);
    }
    return verb_run(verb, argc - 2, argv + 2);
}
