/* What every store must do, told once and run over each; then what only a file can get wrong. */
#include "gm_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/store.h"

struct place {
    char folder[64];
    char path[80];
};

static struct place place_make(void)
{
    struct place place;
    snprintf(place.folder, sizeof place.folder, "/tmp/gm-store-XXXXXX");
    cr_assert_not_null(mkdtemp(place.folder));
    snprintf(place.path, sizeof place.path, "%s/state.db", place.folder);
    return place;
}

static void place_clear(const struct place *place)
{
    static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm",
                                        "state.db-journal"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", place->folder, names[i]);
        unlink(path);
    }
    rmdir(place->folder);
}

static struct gm_entry entry_make(int kind, const char *key, const char *value)
{
    struct gm_entry entry = {.key.kind = (enum gm_entry_kind)kind, .drop = value == NULL};
    entry.key.size_bytes = (uint32_t)strlen(key);
    memcpy(entry.key.bytes, key, strlen(key));
    if (value != NULL)
        entry.value = (struct gm_bytes){(const uint8_t *)value, strlen(value)};
    return entry;
}

struct listing {
    char text[512];
    size_t stop_after; /* 0: never */
    size_t seen;
};

static enum gm_status list_visit(void *ctx, const struct gm_entry *entry, struct gm_error *err)
{
    struct listing *listing = ctx;
    size_t at = strlen(listing->text);
    snprintf(listing->text + at, sizeof listing->text - at, "%d:%.*s=%.*s ", (int)entry->key.kind,
             (int)entry->key.size_bytes, (const char *)entry->key.bytes,
             (int)entry->value.size_bytes, (const char *)entry->value.data);
    if (++listing->seen == listing->stop_after)
        return gm_error_set(err, GM_CANCELLED, "enough");
    return GM_OK;
}

static void expect(struct gm_store *store, const char *text)
{
    struct listing listing = {.text = ""};
    cr_assert_eq(gm_store_scan(store, list_visit, &listing, NULL), GM_OK);
    cr_assert_str_eq(listing.text, text);
}

/* Puts, replaces and drops, in one transaction each, are seen in the order of kind and key. */
static void conform(struct gm_store *store)
{
    expect(store, "");
    struct gm_entry first[] = {entry_make(2, "b", "one"), entry_make(1, "b", "two"),
                               entry_make(1, "a", "three"), entry_make(1, "ab", "")};
    cr_assert_eq(gm_store_apply(store, first, 4, NULL), GM_OK);
    expect(store, "1:a=three 1:ab= 1:b=two 2:b=one ");

    struct gm_entry second[] = {entry_make(1, "a", "four"),  entry_make(1, "b", NULL),
                                entry_make(1, "none", NULL), entry_make(3, "c", "x"),
                                entry_make(3, "c", NULL),    entry_make(2, "b", NULL),
                                entry_make(2, "b", "again")};
    cr_assert_eq(gm_store_apply(store, second, 7, NULL), GM_OK);
    expect(store, "1:a=four 1:ab= 2:b=again ");
    cr_assert_eq(gm_store_apply(store, NULL, 0, NULL), GM_OK);

    /* A visitor that stops is obeyed, and the next scan begins anew. */
    struct listing listing = {.text = "", .stop_after = 1};
    cr_assert_eq(gm_store_scan(store, list_visit, &listing, NULL), GM_CANCELLED);
    cr_assert_str_eq(listing.text, "1:a=four ");
    expect(store, "1:a=four 1:ab= 2:b=again ");
}

Test(store, memory_does_what_a_store_does)
{
    struct gm_store *store;
    cr_assert_eq(gm_store_mem_open(&store), GM_OK);
    conform(store);
    gm_store_close(store);
}

Test(store, sqlite_does_what_a_store_does_and_remembers_it)
{
    struct place place = place_make();
    struct gm_store *store;
    cr_assert_eq(gm_store_sqlite_open(place.path, &store, NULL), GM_OK);
    conform(store);
    gm_store_close(store);
    cr_assert_eq(gm_store_sqlite_open(place.path, &store, NULL), GM_OK);
    expect(store, "1:a=four 1:ab= 2:b=again ");
    gm_store_close(store);
    place_clear(&place);
}

Test(store, a_second_broker_is_told_that_the_file_is_taken)
{
    struct place place = place_make();
    struct gm_store *store;
    struct gm_store *other;
    struct gm_error err;
    cr_assert_eq(gm_store_sqlite_open(place.path, &store, NULL), GM_OK);
    cr_assert_eq(gm_store_sqlite_open(place.path, &other, &err), GM_BUSY);
    cr_assert_not_null(strstr(err.text, place.path), "%s", err.text);
    gm_store_close(store);
    place_clear(&place);
}

/* Writes a number into the file's header, big-endian, where SQLite keeps user_version (60) and
   application_id (68). */
static void header_write(const char *path, long at, unsigned value)
{
    FILE *file = fopen(path, "r+b");
    unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                              (unsigned char)(value >> 8), (unsigned char)value};
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    cr_assert_eq(fwrite(bytes, 1, 4, file), 4);
    cr_assert_eq(fclose(file), 0);
}

Test(store, files_of_others_and_of_the_future_are_refused)
{
    struct place place = place_make();
    struct gm_store *store;
    struct gm_error err;
    struct gm_bytes text = {(const uint8_t *)"this is a letter, not a database at all", 39};
    cr_assert_eq(gm_file_write(place.path, 0600, text, NULL), GM_OK);
    cr_assert_eq(gm_store_sqlite_open(place.path, &store, &err), GM_INVALID, "%s", err.text);
    cr_assert_eq(unlink(place.path), 0);

    cr_assert_eq(gm_store_sqlite_open(place.path, &store, NULL), GM_OK);
    gm_store_close(store);
    header_write(place.path, 60, 2);
    cr_assert_eq(gm_store_sqlite_open(place.path, &store, &err), GM_UNSUPPORTED);
    cr_assert_not_null(strstr(err.text, "newer"), "%s", err.text);
    header_write(place.path, 60, 1);
    header_write(place.path, 68, 7);
    cr_assert_eq(gm_store_sqlite_open(place.path, &store, &err), GM_INVALID);
    cr_assert_not_null(strstr(err.text, "another program"), "%s", err.text);
    place_clear(&place);
}

/* The limit on file sizes stands in for a full disk: a write beyond it fails. SQLite then speaks of
   an input or output error. */
Test(store, a_full_disk_is_said_and_changes_nothing)
{
    struct place place = place_make();
    struct gm_store *store;
    struct gm_error err;
    struct rlimit all;
    size_t size_bytes = 2 << 20;
    uint8_t *large = calloc(1, size_bytes);
    struct gm_entry entries[] = {entry_make(1, "a", "small"), entry_make(1, "b", "small")};
    cr_assert_eq(gm_store_sqlite_open(place.path, &store, NULL), GM_OK);
    cr_assert_eq(gm_store_apply(store, entries, 1, NULL), GM_OK);

    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &all), 0);
    struct rlimit small = {1 << 20, all.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    signal(SIGXFSZ, SIG_IGN);
    struct gm_entry too_much[] = {entry_make(1, "a", NULL), entry_make(1, "c", "")};
    too_much[1].value = (struct gm_bytes){large, size_bytes};
    enum gm_status status = gm_store_apply(store, too_much, 2, &err);
    cr_assert(status == GM_NO_SPACE || status == GM_IO, "%s", err.text);
    cr_assert_not_null(strstr(err.text, place.path), "%s", err.text);
    expect(store, "1:a=small ");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &all), 0);

    cr_assert_eq(gm_store_apply(store, entries, 2, NULL), GM_OK);
    expect(store, "1:a=small 1:b=small ");
    gm_store_close(store);
    free(large);
    place_clear(&place);
}
