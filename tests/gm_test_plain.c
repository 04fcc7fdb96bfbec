/* The runner behind gm_test.h under ThreadSanitizer: every test in a process of its own, so that a
   crash or a reported race fails that test alone. The parent never starts a thread, which keeps
   fork safe under the sanitizer.

   Arguments: --list; --filter SUITE/NAME, where either may be '*'. Exit code: 0, or 1 when a test
   failed or none ran. */
#include "gm_test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_SKIPPED = 77 };

struct tally {
    int passed;
    int failed;
    int skipped;
};

/* Constructors run before main and can reach the runner through nothing else. */
static struct gm_test *test_first;
static struct gm_test **test_end = &test_first;

void gm_test_register(struct gm_test *test)
{
    *test_end = test;
    test_end = &test->next;
}

static void where_print(const char *file, int line, const char *claim, const char *format,
                        va_list args)
{
    (void)fprintf(stderr, "%s:%d: %s", file, line, claim);
    if (format != NULL) {
        (void)fputs(": ", stderr);
        (void)vfprintf(stderr, format, args);
    }
    (void)fputc('\n', stderr);
    (void)fflush(NULL);
}

/* _exit, because other threads of the test may still run and must not meet torn-down state. */
void gm_test_fail(const char *file, int line, const char *claim, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    where_print(file, line, claim, format, args);
    va_end(args);
    _exit(EXIT_FAILURE);
}

void gm_test_skip(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    where_print(file, line, "skipped", format, args);
    va_end(args);
    _exit(EXIT_SKIPPED);
}

static void test_run(const struct gm_test *test, struct tally *tally)
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(EXIT_FAILURE);
    }
    if (child == 0) {
        test->run();
        exit(EXIT_SUCCESS); /* the sanitizer changes this code when it has reported a race */
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        ;
    const char *verdict = "FAILED";
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
        tally->passed++;
        verdict = "passed";
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
        tally->skipped++;
        verdict = "skipped";
    } else {
        tally->failed++;
    }
    if (WIFSIGNALED(status))
        (void)printf("%s/%s %s (signal %d)\n", test->suite, test->name, verdict, WTERMSIG(status));
    else
        (void)printf("%s/%s %s\n", test->suite, test->name, verdict);
}

/* "suite/name" with '*' for either half; NULL takes every test. */
static int filter_takes(const char *filter, const struct gm_test *test)
{
    if (filter == NULL)
        return 1;
    const char *slash = strchr(filter, '/');
    size_t suite_size = slash == NULL ? strlen(filter) : (size_t)(slash - filter);
    const char *name = slash == NULL ? "*" : slash + 1;
    int suite_fits =
        (suite_size == 1 && *filter == '*') ||
        (strlen(test->suite) == suite_size && memcmp(test->suite, filter, suite_size) == 0);
    return suite_fits && (strcmp(name, "*") == 0 || strcmp(name, test->name) == 0);
}

int main(int argc, char **argv)
{
    int list = argc == 2 && strcmp(argv[1], "--list") == 0;
    const char *filter = argc == 3 && strcmp(argv[1], "--filter") == 0 ? argv[2] : NULL;
    if (argc != 1 && !list && filter == NULL) {
        (void)fprintf(stderr, "usage: %s [--list | --filter SUITE/NAME]\n", argv[0]);
        return 2;
    }
    struct tally tally = {0};
    for (const struct gm_test *test = test_first; test != NULL; test = test->next) {
        if (list)
            (void)printf("%s/%s\n", test->suite, test->name);
        else if (filter_takes(filter, test))
            test_run(test, &tally);
    }
    if (list)
        return EXIT_SUCCESS;
    (void)printf("%d passed, %d failed, %d skipped\n", tally.passed, tally.failed, tally.skipped);
    return tally.failed == 0 && tally.passed + tally.skipped > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
