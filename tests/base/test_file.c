/* Files appear under their final name whole or not at all: on a full disk, on a rename that fails,
   under SIGKILL. And an error says which path and why. */
#define _GNU_SOURCE /* unshare */
#include "gm_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { PATH_SIZE = 256 };

struct folder {
    char path[PATH_SIZE];
};

static struct folder folder_new(void)
{
    struct folder folder = {"/tmp/gm-file-XXXXXX"};
    cr_assert_not_null(mkdtemp(folder.path));
    return folder;
}

/* Files in the folder, hidden ones included. */
static int folder_count(const char *path)
{
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(dir);
    return count;
}

static void folder_free(const struct folder *folder)
{
    DIR *dir = opendir(folder->path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    (void)rmdir(folder->path);
}

static void path_in(char out[PATH_SIZE], const struct folder *folder, const char *name)
{
    char *path = gm_path_join(folder->path, name);
    cr_assert_not_null(path);
    (void)snprintf(out, PATH_SIZE, "%s", path);
    gm_mem_free(path);
}

static struct gm_bytes bytes_of(const char *text)
{
    return (struct gm_bytes){(const uint8_t *)text, strlen(text)};
}

static void content_expect(const char *path, const char *text)
{
    struct gm_buf buf;
    gm_buf_init(&buf, 1 << 20);
    struct gm_error err = {0};
    cr_assert_eq(gm_file_read(path, &buf, &err), GM_OK, "%s", err.text);
    cr_assert(gm_bytes_equal(gm_buf_view(&buf), bytes_of(text)));
    gm_buf_fini(&buf);
}

Test(file, reads_back_what_was_written_with_the_mode_asked_for)
{
    struct folder folder = folder_new();
    char path[PATH_SIZE];
    path_in(path, &folder, "key");
    (void)umask(0);
    struct gm_error err = {0};
    cr_assert_eq(gm_file_write(path, 0600, bytes_of("secret"), &err), GM_OK, "%s", err.text);
    content_expect(path, "secret");
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600u);
    cr_assert_eq(gm_file_write(path, 0644, bytes_of(""), &err), GM_OK);
    content_expect(path, "");
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0644u, "a rewrite sets its own mode");
    cr_assert_eq(folder_count(folder.path), 1);
    folder_free(&folder);
}

Test(file, a_read_stops_at_the_limit_and_says_so)
{
    struct folder folder = folder_new();
    char path[PATH_SIZE];
    path_in(path, &folder, "ten");
    struct gm_error err = {0};
    cr_assert_eq(gm_file_write(path, 0644, bytes_of("0123456789"), &err), GM_OK);
    struct gm_buf buf;
    gm_buf_init(&buf, 9);
    cr_assert_eq(gm_file_read(path, &buf, &err), GM_LIMIT);
    cr_assert_not_null(strstr(err.text, "/ten: longer than the 9 bytes"), "%s", err.text);
    gm_buf_fini(&buf);
    folder_free(&folder);
}

Test(file, errors_name_the_path_and_the_systems_reason)
{
    struct gm_buf buf;
    gm_buf_init(&buf, 64);
    struct gm_error err = {0};
    cr_assert_eq(gm_file_read("/tmp/gm-none/absent", &buf, &err), GM_NOT_FOUND);
    cr_assert_str_eq(err.text, "/tmp/gm-none/absent: cannot open: No such file or directory");
    cr_assert_eq(gm_file_read("/tmp", &buf, &err), GM_IO);
    cr_assert_str_eq(err.text, "/tmp: cannot read: Is a directory");
    cr_assert_eq(gm_file_write("/tmp/gm-none/absent", 0644, bytes_of("x"), &err), GM_NOT_FOUND);
    cr_assert_eq(strncmp(err.text, "/tmp/gm-none/absent: ", 21), 0, "%s", err.text);
    cr_assert_eq(gm_file_read("/tmp/gm-none/absent", &buf, NULL), GM_NOT_FOUND);
    gm_buf_fini(&buf);
}

/* Writes more than there is room for over a file that stands already. */
static void full_disk_expect(const struct folder *folder)
{
    char path[PATH_SIZE];
    path_in(path, folder, "model");
    struct gm_error err = {0};
    cr_assert_eq(gm_file_write(path, 0644, bytes_of("the last good one"), &err), GM_OK, "%s",
                 err.text);

    size_t size_bytes = 512 * 1024;
    uint8_t *large = gm_mem_new(size_bytes, 1);
    cr_assert_not_null(large);
    enum gm_status status = gm_file_write(path, 0644, (struct gm_bytes){large, size_bytes}, &err);
    gm_mem_free(large);
    cr_assert_eq(status, GM_NO_SPACE, "%s: %s", gm_status_name(status), err.text);
    cr_assert_eq(strncmp(err.text, path, strlen(path)), 0, "%s", err.text);
    content_expect(path, "the last good one");
    cr_assert_eq(folder_count(folder->path), 1, "the temporary file must be gone");
}

Test(file, beyond_the_allowed_file_size_the_old_content_stays)
{
    struct folder folder = folder_new();
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {64 * 1024, 64 * 1024};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    full_disk_expect(&folder);
    folder_free(&folder);
}

Test(file, on_a_full_disk_the_old_content_stays)
{
    struct folder folder = folder_new();
    /* In a mount namespace of this test alone, so that nothing is left behind however it ends. */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder.path, "tmpfs", 0, "size=128k") != 0) {
        (void)rmdir(folder.path);
        cr_skip_test("mounting a small file system needs root");
    }
    full_disk_expect(&folder);
    (void)umount2(folder.path, MNT_DETACH);
    folder_free(&folder);
}

Test(file, a_writer_that_is_dropped_leaves_nothing)
{
    struct folder folder = folder_new();
    char path[PATH_SIZE];
    path_in(path, &folder, "half");
    struct gm_file_writer writer;
    struct gm_error err = {0};
    cr_assert_eq(gm_file_writer_open(&writer, path, 0644, &err), GM_OK, "%s", err.text);
    cr_assert_eq(gm_file_writer_write(&writer, "half a", 6, &err), GM_OK);
    cr_assert_neq(access(path, F_OK), 0, "not under its final name before it is whole");
    gm_file_writer_discard(&writer);
    cr_assert_eq(folder_count(folder.path), 0);
    gm_file_writer_discard(&writer); /* twice is allowed */
    folder_free(&folder);
}

Test(file, a_name_that_is_taken_by_a_folder_is_an_error_and_leaves_nothing)
{
    struct folder folder = folder_new();
    char path[PATH_SIZE];
    path_in(path, &folder, "taken");
    struct gm_error err = {0};
    cr_assert_eq(gm_dir_make(path, 0755, &err), GM_OK);
    cr_assert_eq(gm_file_write(path, 0644, bytes_of("x"), &err), GM_IO);
    cr_assert_not_null(strstr(err.text, "cannot rename into place"), "%s", err.text);
    cr_assert_eq(folder_count(folder.path), 1);
    (void)rmdir(path);
    folder_free(&folder);
}

/* Whole versions only, each 64 KiB of one letter. */
static void versions_write_forever(const char *path)
{
    enum { VERSION_BYTES = 64 * 1024 };
    static uint8_t version[VERSION_BYTES];
    for (int turn = 0;; turn++) {
        memset(version, 'a' + turn % 26, sizeof version);
        if (gm_file_write(path, 0644, (struct gm_bytes){version, sizeof version}, NULL) != GM_OK)
            _exit(1);
    }
}

Test(file, a_writer_killed_at_any_moment_leaves_a_whole_version)
{
    struct folder folder = folder_new();
    char path[PATH_SIZE];
    path_in(path, &folder, "version");
    struct gm_error err = {0};
    for (int round = 0; round < 20; round++) {
        (void)unlink(path);
        pid_t child = fork();
        cr_assert_ge(child, 0);
        if (child == 0)
            versions_write_forever(path);
        /* The kill falls somewhere between two versions: after `round` reads of whole ones. */
        for (int seen = 0; seen <= round;) {
            struct gm_buf buf;
            gm_buf_init(&buf, 1 << 20);
            enum gm_status status = gm_file_read(path, &buf, &err);
            cr_assert(status == GM_OK || status == GM_NOT_FOUND, "%s", err.text);
            if (status == GM_OK) {
                seen++;
                cr_assert_eq(buf.size_bytes, 64u * 1024);
                for (size_t i = 1; i < buf.size_bytes; i++)
                    cr_assert_eq(buf.data[i], buf.data[0]);
            }
            gm_buf_fini(&buf);
            cr_assert_eq(waitpid(child, NULL, WNOHANG), 0, "the writer failed");
        }
        cr_assert_eq(kill(child, SIGKILL), 0);
        cr_assert_eq(waitpid(child, NULL, 0), child);
    }
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_size, 64 * 1024);
    folder_free(&folder);
}

Test(file, folders_are_made_with_their_parents_and_may_exist)
{
    struct folder folder = folder_new();
    char path[PATH_SIZE];
    path_in(path, &folder, "a/b//c/");
    struct gm_error err = {0};
    cr_assert_eq(gm_dir_make(path, 0700, &err), GM_OK, "%s", err.text);
    cr_assert_eq(gm_dir_make(path, 0700, &err), GM_OK, "%s", err.text);
    cr_assert_eq(gm_dir_make("/", 0700, &err), GM_OK, "%s", err.text);

    char blocked[PATH_SIZE];
    path_in(blocked, &folder, "a/b/file");
    cr_assert_eq(gm_file_write(blocked, 0644, bytes_of(""), &err), GM_OK);
    cr_assert_eq(gm_dir_make(blocked, 0700, &err), GM_EXISTS);
    cr_assert_not_null(strstr(err.text, "not a folder"), "%s", err.text);
    path_in(path, &folder, "a/b/file/c");
    cr_assert_neq(gm_dir_make(path, 0700, &err), GM_OK);
    cr_assert_eq(strncmp(err.text, folder.path, strlen(folder.path)), 0, "%s", err.text);

    cr_assert_neq(gm_dir_make("", 0700, &err), GM_OK);
    static const char *const made[] = {"a/b/c", "a/b", "a"};
    (void)unlink(blocked);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        path_in(path, &folder, made[i]);
        cr_assert_eq(rmdir(path), 0, "%s", path);
    }
    folder_free(&folder);
}

Test(file, the_folder_of_a_path)
{
    static const char *const rows[][2] = {
        {"name", "."}, {"a/name", "a"}, {"a/b/name", "a/b"}, {"/name", "/"}, {"/a/name", "/a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *folder = gm_path_folder(rows[i][0]);
        cr_assert_str_eq(folder, rows[i][1]);
        gm_mem_free(folder);
    }
}
