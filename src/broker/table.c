#include "broker/table.h"

#include <string.h>

#include "base/mem.h"
#include "broker/codec.h"
#include "broker/list.h"

bool gm_broker_id_equal(const struct gm_broker_id *a, const struct gm_broker_id *b)
{
    return memcmp(a->bytes, b->bytes, GM_ID_BYTES) == 0;
}

struct gm_broker_id gm_broker_id_of(const uint8_t bytes[static GM_ID_BYTES])
{
    struct gm_broker_id id;
    memcpy(id.bytes, bytes, GM_ID_BYTES);
    return id;
}

bool gm_broker_is_house(const struct gm_broker *broker, const struct gm_key_public *key)
{
    for (size_t i = 0; i < broker->config.house_count; i++) {
        if (gm_key_public_equal(&broker->config.house[i], key))
            return true;
    }
    return false;
}

enum gm_status gm_broker_text_set(struct gm_broker_text *text, struct gm_bytes bytes)
{
    uint8_t *copy = gm_mem_new(bytes.size_bytes, 1);
    if (copy == NULL)
        return GM_NO_MEMORY;
    if (bytes.size_bytes != 0)
        memcpy(copy, bytes.data, bytes.size_bytes);
    gm_mem_free(text->data);
    *text = (struct gm_broker_text){copy, bytes.size_bytes};
    return GM_OK;
}

void gm_broker_text_fini(struct gm_broker_text *text)
{
    gm_mem_free(text->data);
    *text = (struct gm_broker_text){0};
}

/* ---- leases ---- */

static int compare_lease(const void *key, const void *element)
{
    const struct gm_broker_lease *lease = element;
    return memcmp(key, lease->id.bytes, GM_ID_BYTES);
}

struct gm_broker_lease *gm_broker_lease_find(const struct gm_broker *broker,
                                             const struct gm_broker_id *id)
{
    int found;
    size_t at = gm_list_find((void *const *)broker->leases, broker->lease_count, id->bytes,
                             compare_lease, &found);
    return found ? broker->leases[at] : NULL;
}

enum gm_status gm_broker_lease_add(struct gm_broker *broker, const struct gm_broker_id *id,
                                   struct gm_broker_lease **out)
{
    int found;
    size_t at = gm_list_find((void *const *)broker->leases, broker->lease_count, id->bytes,
                             compare_lease, &found);
    if (found)
        return GM_EXISTS;
    struct gm_broker_lease *lease = gm_mem_new(1, sizeof *lease);
    if (lease == NULL)
        return GM_NO_MEMORY;
    lease->id = *id;
    lease->dirty = true;
    *out = lease;
    return gm_list_insert((void ***)&broker->leases, &broker->lease_count, &broker->lease_capacity,
                          at, lease);
}

void gm_broker_lease_free(struct gm_broker_lease *lease)
{
    gm_broker_text_fini(&lease->token);
    gm_broker_text_fini(&lease->attestation);
    gm_broker_text_fini(&lease->receipt);
    gm_broker_text_fini(&lease->verdict_token);
    gm_mem_free(lease);
}

enum gm_status gm_broker_lease_remove(struct gm_broker *broker, size_t at)
{
    struct gm_broker_lease *lease = broker->leases[at];
    GM_TRY(gm_broker_out_drop(broker->out, gm_broker_lease_key(&lease->id)));
    gm_list_remove((void **)broker->leases, &broker->lease_count, at);
    gm_broker_lease_free(lease);
    return GM_OK;
}

/* ---- workers and peers: both begin with their key ---- */

static int compare_key_first(const void *key, const void *element)
{
    return memcmp(key, element, GM_KEY_SIZE);
}

struct gm_broker_worker *gm_broker_worker_find(const struct gm_broker *broker,
                                               const struct gm_key_public *key)
{
    int found;
    size_t at = gm_list_find((void *const *)broker->workers, broker->worker_count, key->bytes,
                             compare_key_first, &found);
    return found ? broker->workers[at] : NULL;
}

enum gm_status gm_broker_worker_get(struct gm_broker *broker, const struct gm_key_public *key,
                                    struct gm_broker_worker **out)
{
    int found;
    size_t at = gm_list_find((void *const *)broker->workers, broker->worker_count, key->bytes,
                             compare_key_first, &found);
    if (found) {
        *out = broker->workers[at];
        return GM_OK;
    }
    struct gm_broker_worker *worker = gm_mem_new(1, sizeof *worker);
    if (worker == NULL)
        return GM_NO_MEMORY;
    worker->key = *key;
    worker->dirty = true;
    *out = worker;
    return gm_list_insert((void ***)&broker->workers, &broker->worker_count,
                          &broker->worker_capacity, at, worker);
}

struct gm_broker_peer *gm_broker_peer_find(const struct gm_broker *broker,
                                           const struct gm_key_public *key)
{
    int found;
    size_t at = gm_list_find((void *const *)broker->peers, broker->peer_count, key->bytes,
                             compare_key_first, &found);
    return found ? broker->peers[at] : NULL;
}

enum gm_status gm_broker_peer_get(struct gm_broker *broker, const struct gm_key_public *key,
                                  struct gm_broker_peer **out)
{
    int found;
    size_t at = gm_list_find((void *const *)broker->peers, broker->peer_count, key->bytes,
                             compare_key_first, &found);
    if (found) {
        *out = broker->peers[at];
        return GM_OK;
    }
    struct gm_broker_peer *peer = gm_mem_new(1, sizeof *peer);
    if (peer == NULL)
        return GM_NO_MEMORY;
    peer->key = *key;
    peer->house = gm_broker_is_house(broker, key);
    *out = peer;
    return gm_list_insert((void ***)&broker->peers, &broker->peer_count, &broker->peer_capacity, at,
                          peer);
}

/* ---- staged blobs: begin with key and root, one after the other ---- */

static void staged_name(uint8_t name[static GM_KEY_SIZE + GM_HASH_SIZE],
                        const struct gm_key_public *key, const struct gm_hash *root)
{
    memcpy(name, key->bytes, GM_KEY_SIZE);
    memcpy(name + GM_KEY_SIZE, root->bytes, GM_HASH_SIZE);
}

static int compare_staged(const void *key, const void *element)
{
    const struct gm_broker_staged *staged = element;
    uint8_t name[GM_KEY_SIZE + GM_HASH_SIZE];
    staged_name(name, &staged->key, &staged->root);
    return memcmp(key, name, sizeof name);
}

struct gm_broker_staged *gm_broker_staged_find(const struct gm_broker *broker,
                                               const struct gm_key_public *key,
                                               const struct gm_hash *root)
{
    uint8_t name[GM_KEY_SIZE + GM_HASH_SIZE];
    int found;
    staged_name(name, key, root);
    size_t at = gm_list_find((void *const *)broker->staged, broker->staged_count, name,
                             compare_staged, &found);
    return found ? broker->staged[at] : NULL;
}

enum gm_status gm_broker_staged_add(struct gm_broker *broker, const struct gm_key_public *key,
                                    const struct gm_hash *root, struct gm_broker_staged **out)
{
    uint8_t name[GM_KEY_SIZE + GM_HASH_SIZE];
    int found;
    staged_name(name, key, root);
    size_t at = gm_list_find((void *const *)broker->staged, broker->staged_count, name,
                             compare_staged, &found);
    if (found)
        return GM_EXISTS;
    struct gm_broker_staged *staged = gm_mem_new(1, sizeof *staged);
    if (staged == NULL)
        return GM_NO_MEMORY;
    staged->key = *key;
    staged->root = *root;
    staged->dirty = true;
    *out = staged;
    return gm_list_insert((void ***)&broker->staged, &broker->staged_count,
                          &broker->staged_capacity, at, staged);
}

enum gm_status gm_broker_staged_remove(struct gm_broker *broker, size_t at)
{
    struct gm_broker_staged *staged = broker->staged[at];
    GM_TRY(gm_broker_out_drop(broker->out, gm_broker_staged_key(staged)));
    gm_list_remove((void **)broker->staged, &broker->staged_count, at);
    gm_mem_free(staged);
    broker->out->sweep = true;
    return GM_OK;
}
