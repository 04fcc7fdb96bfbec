/* What a store holds: values under (kind, key). The broker alone gives them meaning. */
#ifndef GM_BROKER_ENTRY_H
#define GM_BROKER_ENTRY_H

#include "base/bytes.h"

enum { GM_ENTRY_KEY_MAX = 64, GM_ENTRY_VALUE_MAX = 4 << 20 };

/* Numbers are stable: they are in stored records. */
enum gm_entry_kind {
    GM_ENTRY_JOB = 1,
    GM_ENTRY_STATE = 2,   /* job, step: the roots of a state that is kept */
    GM_ENTRY_TASK = 3,    /* job, task */
    GM_ENTRY_TRUSTED = 4, /* job, key: the first step that used an unseen result of the key */
    GM_ENTRY_LEASE = 5,
    GM_ENTRY_KEY = 6,   /* what is known of a worker */
    GM_ENTRY_STAGE = 7, /* key, root: a blob that waits for a submission */
};

struct gm_entry_key {
    enum gm_entry_kind kind;
    uint32_t size_bytes;
    uint8_t bytes[GM_ENTRY_KEY_MAX];
};

struct gm_entry {
    struct gm_entry_key key;
    bool drop;             /* remove what is there; else put `value` in its place */
    struct gm_bytes value; /* not owned */
};

/* By kind, then by key as memcmp, a prefix first. */
int gm_entry_key_compare(const struct gm_entry_key *a, const struct gm_entry_key *b);

#endif
