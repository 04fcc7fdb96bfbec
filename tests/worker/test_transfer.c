/* Blobs both ways between a worker and a depot that is busy, hangs up, lies, and stops halfway. */
#include "gm_test.h"

#include <string.h>

#include "../wire/relay.h"
#include "base/mem.h"
#include "depot.h"
#include "gm_folder.h"
#include "trust/blake3.h"
#include "worker/source.h"
#include "worker/transfer.h"

enum { PATIENCE_MS = 60000, LARGE_BYTES = 5 * GM_BLOB_PIECE_BYTES + 12345 };

struct way {
    struct depot depot;
    struct gm_client *client;
    struct gm_transfer transfer;
    struct blobs own; /* the worker's */
};

static void way_open(struct way *way, const char *address)
{
    way->client = depot_client(&way->depot, address);
    way->transfer = (struct gm_transfer){way->client, PATIENCE_MS, &way->depot.stop};
    blobs_init(&way->own);
}

static void way_close(struct way *way)
{
    gm_client_close(way->client);
    blobs_fini(&way->own);
}

static enum gm_status own_read(void *ctx, const struct gm_hash *root, uint64_t offset_bytes,
                               void *out, uint64_t size_bytes, struct gm_error *err)
{
    struct gm_task_source source = blobs_source(ctx);
    return source.read(ctx, root, offset_bytes, out, size_bytes, err);
}

static enum gm_status get(struct way *way, const struct gm_hash *root, size_t limit_bytes,
                          struct gm_error *err)
{
    struct gm_buf out;
    gm_buf_init(&out, limit_bytes);
    enum gm_status status = gm_transfer_get(&way->transfer, root, &out, err);
    if (status == GM_OK) {
        struct gm_hash found = gm_blake3(out.data, out.size_bytes);
        cr_assert(gm_hash_equal(&found, root));
    }
    gm_buf_fini(&out);
    return status;
}

/* ---- down ---- */

Test(transfer, blobs_come_whole_from_a_depot_that_is_busy_and_hangs_up)
{
    static struct way way;
    static struct relay relay;
    struct gm_error err = {.status = GM_OK};
    depot_open(&way.depot);
    relay_open(&relay, gm_server_port(way.depot.server, GM_PORT_CONTROL));
    way_open(&way, relay.address);
    way.depot.relay = &relay;
    way.depot.busy_each = 3;
    way.depot.cut_each = 5;
    static const size_t sizes[] = {
        0, 1, GM_BLOB_PIECE_BYTES - 1, GM_BLOB_PIECE_BYTES, GM_BLOB_PIECE_BYTES + 1, LARGE_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        (void)pthread_mutex_lock(&way.depot.lock);
        struct gm_hash root = depot_blob(&way.depot.blobs, sizes[i], (uint8_t)i);
        (void)pthread_mutex_unlock(&way.depot.lock);
        cr_assert_eq(get(&way, &root, LARGE_BYTES, &err), GM_OK, "%zu bytes: %s", sizes[i],
                     err.text);
    }
    way_close(&way);
    relay_close(&relay);
    depot_close(&way.depot);
}

Test(transfer, what_is_wrong_absent_or_too_large_is_told_at_once)
{
    static struct way way;
    struct gm_error err;
    depot_open(&way.depot);
    struct gm_hash small = depot_blob(&way.depot.blobs, 5000, 1);
    struct gm_hash large = depot_blob(&way.depot.blobs, LARGE_BYTES, 2);
    struct gm_hash absent = gm_blake3("absent", 6);
    way_open(&way, "");
    cr_assert_eq(get(&way, &absent, LARGE_BYTES, &err), GM_NOT_FOUND);
    cr_assert_eq(get(&way, &large, LARGE_BYTES - 1, &err), GM_LIMIT);
    way.depot.blobs.lies = true;
    cr_assert_eq(get(&way, &small, LARGE_BYTES, &err), GM_UNTRUSTED);
    cr_assert_eq(get(&way, &large, LARGE_BYTES, &err), GM_UNTRUSTED);
    size_t taken;
    struct gm_buf out;
    gm_buf_init(&out, LARGE_BYTES);
    cr_assert_eq(gm_transfer_get_many(&way.transfer, &small, 1, &out, &taken, &err), GM_UNTRUSTED);
    gm_buf_fini(&out);
    way_close(&way);
    depot_close(&way.depot);
}

Test(transfer, an_interrupted_blob_goes_on_where_it_ended)
{
    static struct way way;
    struct gm_error err = {.status = GM_OK};
    struct gm_blob_store *store;
    struct gm_folder folder = gm_folder_new();
    bool held;
    depot_open(&way.depot);
    struct gm_hash root = depot_blob(&way.depot.blobs, LARGE_BYTES, 2);
    way_open(&way, "");
    cr_assert_eq(gm_blob_store_open(folder.path, 0, &store, &err), GM_OK, "%s", err.text);
    way.depot.stop_at = 5; /* the tree and three pieces come */
    cr_assert_eq(gm_transfer_get_stored(&way.transfer, &root, store, &held, &err), GM_CANCELLED);
    cr_assert(held, "what came is worth keeping");
    cr_assert_eq(way.depot.pieces_given, 3);
    way.depot.stop_at = 0;
    atomic_store(&way.depot.stop, false);
    cr_assert_eq(gm_transfer_get_stored(&way.transfer, &root, store, &held, &err), GM_OK, "%s",
                 err.text);
    cr_assert(held);
    cr_assert_eq(way.depot.pieces_given, 6, "no piece came twice");
    uint64_t size;
    cr_assert(gm_blob_store_has(store, &root, &size));
    cr_assert_eq(size, LARGE_BYTES);
    gm_blob_store_release(store, &root);
    gm_blob_store_release(store, &root);
    cr_assert_eq(gm_blob_store_used_bytes(store), 0, "held twice, released twice");
    /* From a liar nothing is kept. */
    way.depot.blobs.lies = true;
    cr_assert_eq(gm_transfer_get_stored(&way.transfer, &root, store, &held, &err), GM_UNTRUSTED);
    cr_assert_not(held);
    cr_assert_eq(gm_blob_store_used_bytes(store), 0);
    gm_blob_store_close(store);
    way_close(&way);
    depot_close(&way.depot);
    gm_folder_free(&folder);
}

/* ---- up ---- */

enum { SMALL_COUNT = 30, LARGE_COUNT = 3, PUT_COUNT = SMALL_COUNT + LARGE_COUNT };

static void own_fill(struct way *way, struct gm_blob_name names[PUT_COUNT])
{
    for (uint8_t i = 0; i < PUT_COUNT; i++) {
        bool large = i % 11 == 5;
        names[i].size_bytes = large ? LARGE_BYTES - 100u * i : 70000u + i;
        names[i].root = depot_blob(&way->own, names[i].size_bytes, i);
    }
}

static void all_arrived(struct way *way, const struct gm_blob_name *names)
{
    (void)pthread_mutex_lock(&way->depot.lock);
    for (size_t i = 0; i < PUT_COUNT; i++)
        cr_assert_not_null(blobs_find(&way->depot.blobs, &names[i].root), "blob %zu", i);
    (void)pthread_mutex_unlock(&way->depot.lock);
}

Test(transfer, blobs_arrive_at_a_depot_that_is_busy_and_hangs_up)
{
    static struct way way;
    static struct relay relay;
    struct gm_blob_name names[PUT_COUNT];
    struct gm_error err = {.status = GM_OK};
    depot_open(&way.depot);
    relay_open(&relay, gm_server_port(way.depot.server, GM_PORT_CONTROL));
    way_open(&way, relay.address);
    own_fill(&way, names);
    way.depot.relay = &relay;
    way.depot.busy_each = 4;
    way.depot.cut_each = 7;
    struct gm_blob_source source = {&way.own, own_read};
    enum gm_status status = gm_transfer_put(&way.transfer, NULL, names, PUT_COUNT, &source, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
    all_arrived(&way, names);
    way_close(&way);
    relay_close(&relay);
    depot_close(&way.depot);
}

Test(transfer, an_interrupted_upload_sends_only_what_is_missing)
{
    static struct way way;
    struct gm_blob_name names[PUT_COUNT];
    struct gm_error err = {.status = GM_OK};
    depot_open(&way.depot);
    way_open(&way, "");
    own_fill(&way, names);
    struct gm_blob_source source = {&way.own, own_read};
    way.depot.stop_at = 10;
    enum gm_status status = gm_transfer_put(&way.transfer, NULL, names, PUT_COUNT, &source, &err);
    cr_assert_eq(status, GM_CANCELLED);
    cr_assert_gt(way.depot.pieces_taken, 3, "it stopped in the middle");
    way.depot.stop_at = 0;
    atomic_store(&way.depot.stop, false);
    status = gm_transfer_put(&way.transfer, NULL, names, PUT_COUNT, &source, &err);
    cr_assert_eq(status, GM_OK, "%s", err.text);
    all_arrived(&way, names);
    cr_assert_eq(way.depot.pieces_taken, LARGE_COUNT * 6, "no piece went twice");
    way_close(&way);
    depot_close(&way.depot);
}

Test(transfer, a_refusal_is_not_asked_for_twice_and_patience_ends)
{
    static struct way way;
    struct gm_blob_name names[PUT_COUNT];
    struct gm_error err;
    depot_open(&way.depot);
    way_open(&way, "");
    own_fill(&way, names);
    struct gm_blob_source source = {&way.own, own_read};
    way.depot.refusal = GM_STALE;
    cr_assert_eq(gm_transfer_put(&way.transfer, NULL, names, PUT_COUNT, &source, &err), GM_STALE);
    cr_assert_eq(way.depot.heard, 1);
    way.depot.refusal = GM_BUSY;
    way.transfer.patience_ms = 200;
    cr_assert_eq(gm_transfer_put(&way.transfer, NULL, names, PUT_COUNT, &source, &err), GM_BUSY);
    cr_assert_gt(way.depot.heard, 2, "but it did try again");
    way_close(&way);
    depot_close(&way.depot);
}

/* ---- what an executor reads from ---- */

Test(source, small_tensors_come_in_company_and_large_ones_alone)
{
    enum { COUNT = 40 };
    static struct way way;
    struct gm_market_source market;
    struct gm_hash roots[COUNT];
    struct gm_error err = {.status = GM_OK};
    static uint8_t bytes[LARGE_BYTES];
    depot_open(&way.depot);
    for (uint8_t i = 0; i < COUNT; i++)
        roots[i] = depot_blob(&way.depot.blobs, i % 13 == 7 ? LARGE_BYTES : 50000u + i, i);
    way_open(&way, "");
    gm_market_source_init(&market, &way.transfer, NULL, 64 << 20);
    struct gm_task_source source = gm_market_source_view(&market);
    cr_assert_eq(source.announce(source.ctx, roots, COUNT, &err), GM_OK, "%s", err.text);
    uint64_t heard = way.depot.heard;
    cr_assert_lt(heard, 10, "37 small ones of 50 KB in a few answers");
    for (size_t i = 0; i < COUNT; i++) {
        const struct gm_buf *blob = blobs_find(&way.depot.blobs, &roots[i]);
        for (size_t at = 0; at < blob->size_bytes; at += 1 << 20) {
            size_t size = blob->size_bytes - at < 1 << 20 ? blob->size_bytes - at : 1 << 20;
            cr_assert_eq(source.read(source.ctx, &roots[i], at, bytes, size, &err), GM_OK, "%s",
                         err.text);
            cr_assert_arr_eq(bytes, blob->data + at, size);
        }
    }
    cr_assert_eq(way.depot.heard - heard, 3 * 7, "a tree and six pieces for each large one");
    cr_assert_eq(source.read(source.ctx, &roots[0], 49999, bytes, 2, &err), GM_INVALID,
                 "a tensor that is shorter than its shape");
    gm_market_source_fini(&market);
    way_close(&way);
    depot_close(&way.depot);
}

Test(source, data_sets_are_kept_within_the_quota_and_the_longest_unused_goes)
{
    enum { SETS = 3, SET_BYTES = 2 * GM_BLOB_PIECE_BYTES + 100 };
    static struct way way;
    struct gm_market_source market;
    struct gm_blob_store *store;
    struct gm_hash roots[SETS];
    struct gm_error err = {.status = GM_OK};
    uint8_t byte;
    struct gm_folder folder = gm_folder_new();
    depot_open(&way.depot);
    for (uint8_t i = 0; i < SETS; i++)
        roots[i] = depot_blob(&way.depot.blobs, SET_BYTES, i);
    way_open(&way, "");
    cr_assert_eq(gm_blob_store_open(folder.path, 2 * SET_BYTES + 4096, &store, &err), GM_OK);
    gm_market_source_init(&market, &way.transfer, store, 64 << 20);
    struct gm_task_source source = gm_market_source_view(&market);
    static const int order[] = {0, 1, 0, 2, 0, 1};
    static const uint64_t pieces[] = {3, 6, 6, 9, 9, 12}; /* 1 gives way to 2, and 2 to 1 */
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        enum gm_status status =
            source.data(source.ctx, &roots[order[i]], SET_BYTES - 1, &byte, 1, &err);
        cr_assert_eq(status, GM_OK, "%s", err.text);
        cr_assert_eq(byte, blobs_find(&way.depot.blobs, &roots[order[i]])->data[SET_BYTES - 1]);
        cr_assert_eq(way.depot.pieces_given, pieces[i], "reading %zu", i);
    }
    gm_market_source_fini(&market);
    cr_assert_eq(gm_blob_store_used_bytes(store), 0, "nothing stays held");
    gm_blob_store_close(store);
    way_close(&way);
    depot_close(&way.depot);
    gm_folder_free(&folder);
}
