/* Several threads at once: on one log, and on one file. */
#include "gm_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

enum { WRITERS = 4, LOG_LINES = 500, FILE_TURNS = 25, VERSION_BYTES = 48 * 1024 };

struct log_writer {
    struct gm_log log;
    int number;
};

static void *log_lines_write(void *arg)
{
    const struct log_writer *writer = arg;
    for (int i = 0; i < LOG_LINES; i++)
        gm_log(&writer->log, GM_LOG_INFO, "writer %d line %d end", writer->number, i);
    return NULL;
}

Test(threads, log_lines_of_several_threads_do_not_mix)
{
    FILE *stream = tmpfile();
    cr_assert_not_null(stream);
    pthread_t threads[WRITERS];
    struct log_writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct log_writer){{stream, "test", GM_LOG_INFO}, i};
        cr_assert_eq(pthread_create(&threads[i], NULL, log_lines_write, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);

    int next[WRITERS] = {0};
    char line[256];
    rewind(stream);
    for (int i = 0; i < WRITERS * LOG_LINES; i++) {
        cr_assert_not_null(fgets(line, sizeof line, stream));
        const char *said = strstr(line, " info  test: writer ");
        int number = -1;
        int index = -1;
        int end = 0;
        cr_assert_not_null(said, "%s", line);
        (void)sscanf(said, " info  test: writer %d line %d end\n%n", &number, &index, &end);
        cr_assert(number >= 0 && number < WRITERS && said[end] == '\0', "%s", line);
        cr_assert_eq(index, next[number]++, "each thread's lines keep their order");
    }
    cr_assert_null(fgets(line, sizeof line, stream));
    (void)fclose(stream);
}

struct file_writer {
    const char *path;
    uint8_t letter;
    atomic_int *running;
    atomic_int *failed;
};

static void *versions_write(void *arg)
{
    const struct file_writer *writer = arg;
    uint8_t *version = malloc(VERSION_BYTES);
    if (version != NULL)
        memset(version, writer->letter, VERSION_BYTES);
    for (int i = 0; i < FILE_TURNS; i++) {
        struct gm_bytes content = {version, VERSION_BYTES};
        if (version == NULL || gm_file_write(writer->path, 0600, content, NULL) != GM_OK)
            atomic_fetch_add(writer->failed, 1);
    }
    free(version);
    atomic_fetch_sub(writer->running, 1);
    return NULL;
}

Test(threads, writers_of_one_path_replace_each_other_whole)
{
    char folder[] = "/tmp/gm-threads-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof path, "%s/model", folder);
    atomic_int running = WRITERS;
    atomic_int failed = 0;
    pthread_t threads[WRITERS];
    struct file_writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct file_writer){path, (uint8_t)('a' + i), &running, &failed};
        cr_assert_eq(pthread_create(&threads[i], NULL, versions_write, &writers[i]), 0);
    }
    int whole = 0;
    while (atomic_load(&running) > 0 || whole == 0) {
        struct gm_buf buf;
        struct gm_error err = {0};
        gm_buf_init(&buf, 2 * VERSION_BYTES);
        enum gm_status status = gm_file_read(path, &buf, &err);
        cr_assert(status == GM_OK || (status == GM_NOT_FOUND && whole == 0), "%s", err.text);
        if (status == GM_OK) {
            whole++;
            cr_assert_eq(buf.size_bytes, (size_t)VERSION_BYTES);
            for (size_t i = 1; i < buf.size_bytes; i++)
                cr_assert_eq(buf.data[i], buf.data[0], "two versions in one read");
        }
        gm_buf_fini(&buf);
    }
    for (int i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_eq(atomic_load(&failed), 0);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0, "no temporary file is left in %s", folder);
}
