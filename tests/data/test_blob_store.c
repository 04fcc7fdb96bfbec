/* A folder of blobs: named by what they hold, counted by their holds, within a quota, and pieces
   that survive a restart but are not believed. */
#include "gm_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "data/blob_store.h"
#include "gm_folder.h"
#include "trust/blake3.h"

static struct gm_blob_store *store_open(const struct gm_folder *folder, uint64_t quota_bytes)
{
    struct gm_error err = {0};
    struct gm_blob_store *store;
    cr_assert_eq(gm_blob_store_open(folder->path, quota_bytes, &store, &err), GM_OK, "%s",
                 err.text);
    return store;
}

static struct gm_hash put(struct gm_blob_store *store, const char *text)
{
    struct gm_hash root;
    struct gm_error err = {0};
    cr_assert_eq(gm_blob_store_put(store, (struct gm_bytes){(const uint8_t *)text, strlen(text)},
                                   &root, &err),
                 GM_OK, "%s", err.text);
    return root;
}

Test(blob_store, a_blob_lives_as_long_as_it_is_held)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_blob_store *store = store_open(&folder, 0);
    struct gm_hash root = put(store, "weights");
    struct gm_hash expected = gm_blake3("weights", 7);
    cr_assert(gm_hash_equal(&root, &expected));
    struct gm_hash again = put(store, "weights"); /* the same bytes are one blob, held twice */
    cr_assert(gm_hash_equal(&root, &again));
    cr_assert_eq(gm_folder_files(folder.path, 0), 1);
    cr_assert_eq(gm_blob_store_used_bytes(store), 7);

    char part[4] = "";
    struct gm_error err = {0};
    cr_assert_eq(gm_blob_store_read(store, &root, 2, part, 3, &err), GM_OK, "%s", err.text);
    cr_assert_str_eq(part, "igh");
    cr_assert_eq(gm_blob_store_read(store, &root, 5, part, 3, &err), GM_INVALID);
    gm_blob_store_release(store, &root);
    cr_assert(gm_blob_store_has(store, &root, NULL));
    gm_blob_store_release(store, &root);
    cr_assert(!gm_blob_store_has(store, &root, NULL));
    cr_assert_eq(gm_blob_store_read(store, &root, 0, part, 1, &err), GM_NOT_FOUND);
    cr_assert_eq(gm_blob_store_used_bytes(store), 0);
    cr_assert_eq(gm_folder_files(folder.path, 0), 0);
    gm_blob_store_close(store);
    gm_folder_free(&folder);
}

Test(blob_store, a_restart_keeps_what_is_named_and_sweeps_the_rest)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_blob_store *store = store_open(&folder, 0);
    struct gm_hash kept = put(store, "kept"), lost = put(store, "lost");
    cr_assert_eq(gm_blob_store_sync(store, NULL), GM_OK);
    pid_t child = fork();
    cr_assert_ge(child, 0);
    if (child == 0) { /* dies while it writes */
        struct gm_blob_writer *writer;
        bool begun = gm_blob_writer_new(store, &writer, NULL) == GM_OK &&
                     gm_blob_writer_write(writer, "half", 4, NULL) == GM_OK;
        _exit(begun ? 0 : 1);
    }
    int how;
    cr_assert_eq(waitpid(child, &how, 0), child);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    cr_assert_eq(gm_folder_files(folder.path, 0), 3);
    gm_blob_store_close(store);
    gm_folder_write(&folder, "note", "no blob", 7);

    store = store_open(&folder, 0);
    cr_assert_eq(gm_blob_store_used_bytes(store), 8);
    cr_assert(gm_blob_store_hold(store, &kept));
    gm_blob_store_sweep(store);
    cr_assert(gm_blob_store_has(store, &kept, NULL));
    cr_assert(!gm_blob_store_has(store, &lost, NULL));
    cr_assert(!gm_blob_store_hold(store, &lost));
    cr_assert_eq(gm_folder_files(folder.path, 0), 2, "the blob and what is none of ours");
    gm_blob_store_close(store);
    gm_folder_free(&folder);
}

Test(blob_store, the_quota_holds_and_says_so)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_blob_store *store = store_open(&folder, 10);
    struct gm_hash first = put(store, "1234567");
    struct gm_hash root;
    struct gm_error err = {0};
    const struct gm_bytes more = {(const uint8_t *)"abcd", 4};
    cr_assert_eq(gm_blob_store_put(store, more, &root, &err), GM_NO_SPACE);
    cr_assert_not_null(strstr(err.text, ": 4 B more do not fit: 7 B of the quota of 10 B are used"),
                       "%s", err.text);
    cr_assert_eq(gm_folder_files(folder.path, 0), 1);
    gm_blob_store_release(store, &first);
    cr_assert_eq(gm_blob_store_put(store, more, &root, &err), GM_OK);
    struct gm_hash name = gm_blake3("0123456789", 10);
    struct gm_blob_partial *partial;
    cr_assert_eq(gm_blob_partial_open(store, &name, 10, NULL, 0, &partial, &err), GM_NO_SPACE);
    cr_assert_eq(gm_blob_store_used_bytes(store), 4);
    gm_blob_store_close(store);
    gm_folder_free(&folder);
}

Test(blob_store, a_full_disk_leaves_nothing_under_a_blobs_name)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_blob_store *store = store_open(&folder, 0);
    pid_t child = fork();
    cr_assert_ge(child, 0);
    if (child == 0) {
        static uint8_t bytes[100000];
        const struct rlimit limit = {65536, 65536};
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        struct gm_hash root;
        enum gm_status status =
            gm_blob_store_put(store, (struct gm_bytes){bytes, sizeof bytes}, &root, NULL);
        _exit(status == GM_NO_SPACE && gm_blob_store_used_bytes(store) == 0 ? 0 : 1);
    }
    int how;
    cr_assert_eq(waitpid(child, &how, 0), child);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    cr_assert_eq(gm_folder_files(folder.path, 0), 0);
    gm_blob_store_close(store);
    gm_folder_free(&folder);
}

/* ---- pieces ---- */

enum { PIECES = 4, LAST_BYTES = 12345, SIZE = (PIECES - 1) * GM_BLOB_PIECE_BYTES + LAST_BYTES };

struct sent {
    uint8_t *bytes;
    struct gm_hash root;
    struct gm_hash values[PIECES];
};

static struct sent sent_make(void)
{
    struct sent sent = {.bytes = gm_mem_new(1, SIZE)};
    for (uint32_t i = 0; i < SIZE; i++)
        sent.bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    sent.root = gm_blake3(sent.bytes, SIZE);
    for (uint64_t i = 0; i < PIECES; i++)
        sent.values[i] =
            gm_blob_piece_value(i, (struct gm_bytes){sent.bytes + i * GM_BLOB_PIECE_BYTES,
                                                     gm_blob_piece_bytes(SIZE, i)});
    return sent;
}

static struct gm_bytes piece(const struct sent *sent, uint64_t i)
{
    return (struct gm_bytes){sent->bytes + i * GM_BLOB_PIECE_BYTES, gm_blob_piece_bytes(SIZE, i)};
}

static struct gm_blob_partial *partial_open(struct gm_blob_store *store, const struct sent *sent)
{
    struct gm_error err = {0};
    struct gm_blob_partial *partial;
    cr_assert_eq(
        gm_blob_partial_open(store, &sent->root, SIZE, sent->values, PIECES, &partial, &err), GM_OK,
        "%s", err.text);
    return partial;
}

Test(blob_store, pieces_arrive_in_any_order_across_a_restart)
{
    struct gm_folder folder = gm_folder_new();
    struct sent sent = sent_make();
    struct gm_blob_store *store = store_open(&folder, 0);
    struct gm_blob_partial *partial = partial_open(store, &sent), *second;
    struct gm_error err = {0};
    cr_assert_eq(gm_blob_partial_open(store, &sent.root, SIZE, sent.values, PIECES, &second, &err),
                 GM_BUSY);
    cr_assert_eq(gm_blob_partial_put(partial, 3, piece(&sent, 3), &err), GM_OK);
    cr_assert_eq(gm_blob_partial_put(partial, 1, piece(&sent, 1), &err), GM_OK);
    cr_assert_eq(gm_blob_partial_put(partial, 0, piece(&sent, 1), &err), GM_UNTRUSTED);
    cr_assert_eq(gm_blob_partial_put(partial, 4, piece(&sent, 1), &err), GM_INVALID);
    cr_assert_eq(gm_blob_partial_missing(partial, 0), 0);
    cr_assert_eq(gm_blob_partial_missing(partial, 1), 2);
    cr_assert_eq(gm_blob_partial_close(partial, &err), GM_OK);
    cr_assert(!gm_blob_store_has(store, &sent.root, NULL));
    cr_assert_eq(gm_blob_store_used_bytes(store), SIZE);
    gm_blob_store_close(store);

    /* A torn write: piece 1 claims to be there and is not what it was. */
    char name[GM_HASH_HEX_SIZE + 8];
    char hex[GM_HASH_HEX_SIZE];
    (void)snprintf(name, sizeof name, "%s.part", gm_hash_hex(hex, &sent.root));
    int fd = open(gm_folder_path(&folder, name), O_WRONLY);
    cr_assert_eq(pwrite(fd, "torn", 4, GM_BLOB_PIECE_BYTES + 77), 4);
    (void)close(fd);

    store = store_open(&folder, 0);
    cr_assert(gm_blob_store_hold(store, &sent.root));
    gm_blob_store_sweep(store);
    partial = partial_open(store, &sent);
    cr_assert_eq(gm_blob_partial_missing(partial, 1), 1);
    cr_assert_eq(gm_blob_partial_missing(partial, 3), UINT64_MAX);
    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(gm_blob_partial_put(partial, i, piece(&sent, i), &err), GM_OK);
    cr_assert_eq(gm_blob_partial_close(partial, &err), GM_OK);
    cr_assert_eq(gm_folder_files(folder.path, 0), 1);
    uint8_t *bytes = gm_mem_new(1, SIZE);
    cr_assert_eq(gm_blob_store_read(store, &sent.root, 0, bytes, SIZE, &err), GM_OK);
    cr_assert_eq(memcmp(bytes, sent.bytes, SIZE), 0);
    cr_assert_eq(gm_blob_partial_open(store, &sent.root, SIZE, sent.values, PIECES, &second, &err),
                 GM_EXISTS);
    gm_blob_store_release(store, &sent.root);
    gm_blob_store_release(store, &sent.root);
    cr_assert_eq(gm_blob_store_used_bytes(store), 0);
    gm_blob_store_close(store);
    gm_mem_free(bytes);
    gm_mem_free(sent.bytes);
    gm_folder_free(&folder);
}

Test(blob_store, lies_about_a_blob_are_refused_before_a_byte_is_kept)
{
    struct gm_folder folder = gm_folder_new();
    struct sent sent = sent_make();
    struct gm_blob_store *store = store_open(&folder, 0);
    struct gm_blob_partial *partial;
    struct gm_error err = {0};
    sent.values[2].bytes[0] ^= 1;
    cr_assert_eq(gm_blob_partial_open(store, &sent.root, SIZE, sent.values, PIECES, &partial, &err),
                 GM_UNTRUSTED);
    cr_assert_eq(gm_blob_partial_open(store, &sent.root, SIZE, sent.values, 3, &partial, &err),
                 GM_INVALID);
    cr_assert_eq(gm_blob_partial_open(store, &sent.root, 0, NULL, 0, &partial, &err), GM_UNTRUSTED);
    cr_assert_eq(gm_folder_files(folder.path, 0), 0);
    /* Whoever gives up a partial that nobody else holds takes its pieces along. */
    sent.values[2].bytes[0] ^= 1;
    partial = partial_open(store, &sent);
    cr_assert_eq(gm_blob_partial_put(partial, 0, piece(&sent, 0), &err), GM_OK);
    gm_blob_store_release(store, &sent.root);
    cr_assert_eq(gm_blob_partial_close(partial, &err), GM_OK);
    cr_assert_eq(gm_folder_files(folder.path, 0), 0);
    cr_assert_eq(gm_blob_store_used_bytes(store), 0);
    gm_blob_store_close(store);
    gm_mem_free(sent.bytes);
    gm_folder_free(&folder);
}

/* ---- several in one file ---- */

static const char *const texts[] = {"bias", "", "gain", "a longer one", "bias"};
enum { TEXTS = sizeof texts / sizeof *texts, TEXT_BYTES = 24 };

static void texts_put(struct gm_blob_store *store, struct gm_hash names[TEXTS])
{
    struct gm_bytes blobs[TEXTS];
    struct gm_error err = {0};
    for (int i = 0; i < TEXTS; i++) {
        blobs[i] = (struct gm_bytes){(const uint8_t *)texts[i], strlen(texts[i])};
        names[i] = gm_blake3(texts[i], blobs[i].size_bytes);
    }
    cr_assert_eq(gm_blob_store_put_many(store, blobs, names, TEXTS, &err), GM_OK, "%s", err.text);
}

static void texts_check(struct gm_blob_store *store, const struct gm_hash names[TEXTS])
{
    for (int i = 0; i < TEXTS; i++) {
        char text[16] = "";
        uint64_t size_bytes;
        cr_assert(gm_blob_store_has(store, &names[i], &size_bytes));
        cr_assert_eq(size_bytes, strlen(texts[i]));
        cr_assert_eq(gm_blob_store_read(store, &names[i], 0, text, size_bytes, NULL), GM_OK);
        cr_assert_str_eq(text, texts[i]);
        cr_assert_eq(gm_blob_store_read(store, &names[i], 1, text, size_bytes, NULL), GM_INVALID);
    }
}

Test(blob_store, blobs_that_come_together_share_a_file_until_the_last_is_released)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_blob_store *store = store_open(&folder, 0);
    struct gm_hash names[TEXTS];
    struct gm_hash alone = put(store, texts[2]); /* this one is here already */
    texts_put(store, names);
    texts_check(store, names);
    cr_assert_eq(gm_folder_files(folder.path, 0), 2);
    cr_assert_gt(gm_blob_store_used_bytes(store), 4 + TEXT_BYTES - 4, "the list counts, too");
    gm_blob_store_release(store, &alone);
    texts_check(store, names);
    for (int i = 0; i < TEXTS; i++) {
        cr_assert_gt(gm_blob_store_used_bytes(store), 0);
        gm_blob_store_release(store, &names[i]);
    }
    cr_assert_eq(gm_blob_store_used_bytes(store), 0);
    cr_assert_eq(gm_folder_files(folder.path, 0), 0);

    /* Some of them released and brought again: the file that has them is made anew. */
    texts_put(store, names);
    gm_blob_store_release(store, &names[3]);
    cr_assert(!gm_blob_store_has(store, &names[3], NULL));
    texts_put(store, names);
    texts_check(store, names);
    gm_blob_store_close(store);
    gm_folder_free(&folder);
}

/* The one file in the folder whose name ends so. */
static const char *file_find(const struct gm_folder *folder, const char *suffix)
{
    static char name[GM_FOLDER_PATH_SIZE];
    DIR *dir = opendir(folder->path);
    cr_assert_not_null(dir);
    name[0] = '\0';
    for (struct dirent *at = readdir(dir); at != NULL; at = readdir(dir)) {
        if (strstr(at->d_name, suffix) != NULL)
            (void)snprintf(name, sizeof name, "%s", gm_folder_path(folder, at->d_name));
    }
    (void)closedir(dir);
    cr_assert(name[0] != '\0');
    return name;
}

Test(blob_store, a_restart_finds_what_shares_a_file_and_believes_none_that_is_torn)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_blob_store *store = store_open(&folder, 0);
    struct gm_hash names[TEXTS];
    texts_put(store, names);
    uint64_t used_bytes = gm_blob_store_used_bytes(store);
    cr_assert_eq(gm_blob_store_sync(store, NULL), GM_OK);
    gm_blob_store_close(store);

    store = store_open(&folder, 0);
    cr_assert_eq(gm_blob_store_used_bytes(store), used_bytes);
    texts_check(store, names);
    cr_assert(gm_blob_store_hold(store, &names[3]));
    gm_blob_store_sweep(store);
    cr_assert(gm_blob_store_has(store, &names[3], NULL));
    cr_assert(!gm_blob_store_has(store, &names[0], NULL));
    cr_assert_eq(gm_folder_files(folder.path, 0), 1);
    gm_blob_store_close(store);

    /* Cut at every length, as a power cut may leave what no record names yet. */
    struct gm_buf whole;
    char path[GM_FOLDER_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s", file_find(&folder, ".pack"));
    gm_buf_init(&whole, 1 << 16);
    cr_assert_eq(gm_file_read(path, &whole, NULL), GM_OK);
    for (size_t i = 0; i < whole.size_bytes; i++) {
        gm_folder_write(&folder, strrchr(path, '/') + 1, whole.data, i);
        store = store_open(&folder, 0);
        cr_assert_eq(gm_blob_store_used_bytes(store), 0, "cut at %zu", i);
        cr_assert_eq(gm_folder_files(folder.path, 0), 0);
        gm_blob_store_close(store);
    }
    /* And with any bit of its list turned. */
    size_t list_bytes = whole.size_bytes - TEXT_BYTES;
    for (size_t i = 0; i < list_bytes; i++) {
        whole.data[i] ^= (uint8_t)(1u << i % 8);
        gm_folder_write(&folder, strrchr(path, '/') + 1, whole.data, whole.size_bytes);
        store = store_open(&folder, 0);
        cr_assert_eq(gm_folder_files(folder.path, 0), 0, "byte %zu turned", i);
        gm_blob_store_close(store);
        whole.data[i] ^= (uint8_t)(1u << i % 8);
    }
    gm_buf_fini(&whole);
    gm_folder_free(&folder);
}

Test(blob_store, blobs_that_do_not_fit_together_come_in_not_at_all)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_blob_store *store = store_open(&folder, 30);
    struct gm_hash first = put(store, "bias");
    struct gm_bytes blobs[2] = {{(const uint8_t *)"gain", 4}, {(const uint8_t *)"bias", 4}};
    struct gm_hash names[2] = {gm_blake3("gain", 4), first};
    struct gm_error err = {0};
    cr_assert_eq(gm_blob_store_put_many(store, blobs, names, 2, &err), GM_NO_SPACE);
    cr_assert_not_null(strstr(err.text, "of the quota of 30 B are used"), "%s", err.text);
    cr_assert(!gm_blob_store_has(store, &names[0], NULL));
    cr_assert_eq(gm_blob_store_used_bytes(store), 4);
    gm_blob_store_release(store, &first);
    cr_assert_eq(gm_folder_files(folder.path, 0), 0);
    gm_blob_store_close(store);
    gm_folder_free(&folder);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 50 };

/* Puts, reads and releases a blob and a pair that other threads put and release too. */
static bool crowd_turn(struct gm_blob_store *store, uint32_t turn)
{
    const uint32_t values[] = {turn % 5, turn % 5 + 1, turn % 3 + 7};
    const struct gm_bytes pair[] = {{(const uint8_t *)&values[1], 4},
                                    {(const uint8_t *)&values[2], 4}};
    const struct gm_hash names[] = {gm_blake3(&values[1], 4), gm_blake3(&values[2], 4)};
    struct gm_hash root;
    uint32_t back = 99;
    if (gm_blob_store_put(store, (struct gm_bytes){(const uint8_t *)values, 4}, &root, NULL) !=
            GM_OK ||
        gm_blob_store_read(store, &root, 0, &back, 4, NULL) != GM_OK || back != values[0])
        return false;
    gm_blob_store_release(store, &root);
    enum gm_status status;
    do /* what was here when it was looked at may have gone when it was to be held */
        status = gm_blob_store_put_many(store, pair, names, 2, NULL);
    while (status == GM_BUSY);
    if (status != GM_OK || gm_blob_store_sync(store, NULL) != GM_OK ||
        gm_blob_store_read(store, &names[1], 0, &back, 4, NULL) != GM_OK || back != values[2])
        return false;
    gm_blob_store_release(store, &names[0]);
    gm_blob_store_release(store, &names[1]);
    return true;
}

static void *crowd(void *arg)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (!crowd_turn(arg, i))
            return arg;
    }
    return NULL;
}

Test(blob_store, threads_share_a_store)
{
    struct gm_folder folder = gm_folder_new();
    struct gm_blob_store *store = store_open(&folder, 1000);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, crowd, store), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        cr_assert_eq(pthread_join(threads[i], &failed), 0);
        cr_assert_null(failed);
    }
    cr_assert_eq(gm_blob_store_used_bytes(store), 0);
    cr_assert_eq(gm_folder_files(folder.path, 0), 0);
    gm_blob_store_close(store);
    gm_folder_free(&folder);
}
