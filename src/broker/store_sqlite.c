/* One table of entries. WAL with synchronous FULL: a transaction that was answered survives a power
   cut (NORMAL may lose the newest ones). The file is locked for as long as it is open, because two
   brokers over one file would each believe their own memory. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "broker/store.h"

enum { APPLICATION_ID = 0x474d424b /* "GMBK" */, SCHEMA_VERSION = 1 };

struct store_sqlite {
    struct gm_store store;
    sqlite3 *database;
    sqlite3_stmt *put, *drop, *scan;
    char *path;
};

static enum gm_status fault(const struct store_sqlite *sqlite, const char *what,
                            struct gm_error *err)
{
    enum gm_status status = GM_IO;
    switch (sqlite3_errcode(sqlite->database)) {
    case SQLITE_FULL:
        status = GM_NO_SPACE;
        break;
    case SQLITE_NOMEM:
        status = GM_NO_MEMORY;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        status = GM_BUSY;
        break;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        status = GM_INVALID;
        break;
    default:
        break;
    }
    if (status == GM_BUSY)
        return gm_error_set(err, status, "%s: in use by another broker", sqlite->path);
    return gm_error_set(err, status, "%s: %s: %s", sqlite->path, what,
                        sqlite3_errmsg(sqlite->database));
}

static void sqlite_close(struct gm_store *store)
{
    struct store_sqlite *sqlite = (struct store_sqlite *)store;
    sqlite3_finalize(sqlite->put);
    sqlite3_finalize(sqlite->drop);
    sqlite3_finalize(sqlite->scan);
    sqlite3_close(sqlite->database);
    gm_mem_free(sqlite->path);
    gm_mem_free(sqlite);
}

static enum gm_status run(struct store_sqlite *sqlite, const char *sql, struct gm_error *err)
{
    if (sqlite3_exec(sqlite->database, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fault(sqlite, "cannot be used", err);
    return GM_OK;
}

static enum gm_status number_read(struct store_sqlite *sqlite, const char *sql, int64_t *out,
                                  struct gm_error *err)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(sqlite->database, sql, -1, &statement, NULL) != SQLITE_OK)
        return fault(sqlite, "cannot be read", err);
    int step = sqlite3_step(statement);
    *out = sqlite3_column_int64(statement, 0);
    enum gm_status status = step == SQLITE_ROW ? GM_OK : fault(sqlite, "cannot be read", err);
    sqlite3_finalize(statement);
    return status;
}

/* An empty file becomes ours; a file that is ours must be of this version. */
static enum gm_status schema_check(struct store_sqlite *sqlite, struct gm_error *err)
{
    int64_t application;
    int64_t version;
    int64_t tables;
    GM_TRY(number_read(sqlite, "PRAGMA application_id", &application, err));
    GM_TRY(number_read(sqlite, "PRAGMA user_version", &version, err));
    GM_TRY(number_read(sqlite, "SELECT count(*) FROM sqlite_master", &tables, err));
    if (application == 0 && version == 0 && tables == 0) {
        char sql[512];
        snprintf(sql, sizeof sql,
                 "BEGIN IMMEDIATE;"
                 "CREATE TABLE entry(kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
                 " PRIMARY KEY(kind, key)) STRICT, WITHOUT ROWID;"
                 "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
                 APPLICATION_ID, SCHEMA_VERSION);
        return run(sqlite, sql, err);
    }
    if (application != APPLICATION_ID)
        return gm_error_set(err, GM_INVALID, "%s: a database of another program", sqlite->path);
    if (version > SCHEMA_VERSION)
        return gm_error_set(err, GM_UNSUPPORTED,
                            "%s: version %lld, written by a newer gradmill; this one knows %d",
                            sqlite->path, (long long)version, SCHEMA_VERSION);
    if (version != SCHEMA_VERSION)
        return gm_error_set(err, GM_INVALID, "%s: version %lld, expected %d", sqlite->path,
                            (long long)version, SCHEMA_VERSION);
    return GM_OK;
}

static enum gm_status prepare(struct store_sqlite *sqlite, const char *sql, sqlite3_stmt **out,
                              struct gm_error *err)
{
    if (sqlite3_prepare_v3(sqlite->database, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) !=
        SQLITE_OK)
        return fault(sqlite, sql, err);
    return GM_OK;
}

static enum gm_status database_open(struct store_sqlite *sqlite, struct gm_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(sqlite->path, &sqlite->database, flags, NULL) != SQLITE_OK)
        return fault(sqlite, "open", err);
    GM_TRY(run(sqlite, "PRAGMA locking_mode=EXCLUSIVE", err));
    GM_TRY(run(sqlite, "PRAGMA journal_mode=WAL", err));
    GM_TRY(run(sqlite, "PRAGMA synchronous=FULL", err));
    GM_TRY(run(sqlite, "PRAGMA wal_autocheckpoint=1000", err));
    GM_TRY(schema_check(sqlite, err));
    /* Takes the lock at once, so that a second broker learns it now and not at its first write. */
    GM_TRY(run(sqlite, "BEGIN EXCLUSIVE; COMMIT", err));
    GM_TRY(prepare(sqlite, "INSERT OR REPLACE INTO entry VALUES(?, ?, ?)", &sqlite->put, err));
    GM_TRY(prepare(sqlite, "DELETE FROM entry WHERE kind = ? AND key = ?", &sqlite->drop, err));
    return prepare(sqlite, "SELECT kind, key, value FROM entry ORDER BY kind, key", &sqlite->scan,
                   err);
}

static enum gm_status row_visit(struct store_sqlite *sqlite, gm_store_visit *visit, void *ctx,
                                struct gm_error *err)
{
    struct gm_entry entry = {.key.kind = (enum gm_entry_kind)sqlite3_column_int(sqlite->scan, 0)};
    const void *key = sqlite3_column_blob(sqlite->scan, 1);
    int key_bytes = sqlite3_column_bytes(sqlite->scan, 1);
    if (key_bytes < 0 || key_bytes > GM_ENTRY_KEY_MAX)
        return gm_error_set(err, GM_INVALID, "%s: a key of %d bytes", sqlite->path, key_bytes);
    if (key_bytes > 0)
        memcpy(entry.key.bytes, key, (size_t)key_bytes);
    entry.key.size_bytes = (uint32_t)key_bytes;
    entry.value.data = sqlite3_column_blob(sqlite->scan, 2);
    entry.value.size_bytes = (size_t)sqlite3_column_bytes(sqlite->scan, 2);
    return visit(ctx, &entry, err);
}

static enum gm_status sqlite_scan(struct gm_store *store, gm_store_visit *visit, void *ctx,
                                  struct gm_error *err)
{
    struct store_sqlite *sqlite = (struct store_sqlite *)store;
    enum gm_status status = GM_OK;
    int step = SQLITE_ROW;
    while (status == GM_OK && (step = sqlite3_step(sqlite->scan)) == SQLITE_ROW)
        status = row_visit(sqlite, visit, ctx, err);
    if (status == GM_OK && step != SQLITE_DONE)
        status = fault(sqlite, "scan", err);
    sqlite3_reset(sqlite->scan);
    return status;
}

static enum gm_status entry_apply(struct store_sqlite *sqlite, const struct gm_entry *entry,
                                  struct gm_error *err)
{
    sqlite3_stmt *statement = entry->drop ? sqlite->drop : sqlite->put;
    /* A NULL pointer would bind NULL instead of no bytes. */
    const void *value = entry->value.size_bytes == 0 ? "" : (const void *)entry->value.data;
    sqlite3_bind_int(statement, 1, (int)entry->key.kind);
    sqlite3_bind_blob(statement, 2, entry->key.bytes, (int)entry->key.size_bytes, SQLITE_STATIC);
    if (!entry->drop)
        sqlite3_bind_blob64(statement, 3, value, entry->value.size_bytes, SQLITE_STATIC);
    enum gm_status status =
        sqlite3_step(statement) == SQLITE_DONE ? GM_OK : fault(sqlite, "write", err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return status;
}

static enum gm_status sqlite_apply(struct gm_store *store, const struct gm_entry *entries,
                                   size_t count, struct gm_error *err)
{
    struct store_sqlite *sqlite = (struct store_sqlite *)store;
    if (count == 0)
        return GM_OK;
    GM_TRY(run(sqlite, "BEGIN IMMEDIATE", err));
    enum gm_status status = GM_OK;
    for (size_t i = 0; i < count && status == GM_OK; i++)
        status = entry_apply(sqlite, &entries[i], err);
    if (status == GM_OK)
        status = run(sqlite, "COMMIT", err);
    /* Some faults, a full disk among them, end the transaction by themselves. */
    if (status != GM_OK && sqlite3_get_autocommit(sqlite->database) == 0)
        sqlite3_exec(sqlite->database, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum gm_status gm_store_sqlite_open(const char *path, struct gm_store **out, struct gm_error *err)
{
    static const struct gm_store_ops ops = {sqlite_close, sqlite_scan, sqlite_apply};
    struct store_sqlite *sqlite = gm_mem_new(1, sizeof *sqlite);
    if (sqlite == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: no memory", path);
    sqlite->store.ops = &ops;
    sqlite->path = gm_mem_copy_text(path);
    enum gm_status status = GM_NO_MEMORY;
    if (sqlite->path != NULL)
        status = database_open(sqlite, err);
    if (status != GM_OK) {
        sqlite_close(&sqlite->store);
        return status;
    }
    *out = &sqlite->store;
    return GM_OK;
}
