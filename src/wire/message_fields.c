#include "wire/message_fields.h"

#define AT(message, member) offsetof(struct gm_message, message.member)
#define U64(message, member)                                                                       \
    {                                                                                              \
        GM_FIELD_U64, #member, AT(message, member), 0, 1                                           \
    }
#define ID(message, member)                                                                        \
    {                                                                                              \
        GM_FIELD_EXACT, #member, AT(message, member), GM_ID_BYTES, 1                               \
    }
#define ROOT(message, member)                                                                      \
    {                                                                                              \
        GM_FIELD_EXACT, #member, AT(message, member), GM_ROOT_BYTES, 1                             \
    }
#define BYTES(message, member, max)                                                                \
    {                                                                                              \
        GM_FIELD_BYTES, #member, AT(message, member), max, 1                                       \
    }
#define LIST(message, member, unit, max)                                                           \
    {                                                                                              \
        GM_FIELD_BYTES, #member, AT(message, member), max, unit                                    \
    }
#define TEXT(message, member)                                                                      \
    {                                                                                              \
        GM_FIELD_TEXT, #member, AT(message, member), GM_WIRE_TEXT_MAX, 1                           \
    }
#define END                                                                                        \
    {                                                                                              \
        GM_FIELD_END, NULL, 0, 0, 1                                                                \
    }

enum {
    TOKEN_MAX = 4096,
    CONTENT_MAX = GM_WIRE_CONTROL_BYTES_MAX - TOKEN_MAX, /* what else a control message holds */
};

static const struct gm_field error_fields[] = {U64(error, status), TEXT(error, text),
                                               U64(error, retry_ms), END};
static const struct gm_field ok_fields[] = {END};

static const struct gm_field hello_fields[] = {TEXT(hello, software), U64(hello, thread_count),
                                               U64(hello, memory_bytes), U64(hello, flops_per_s),
                                               END};
static const struct gm_field hello_ok_fields[] = {U64(hello_ok, house), U64(hello_ok, heartbeat_ms),
                                                  U64(hello_ok, unix_ms), END};
static const struct gm_field lease_ask_fields[] = {ID(lease_ask, request), U64(lease_ask, wait_ms),
                                                   U64(lease_ask, memory_bytes), END};
static const struct gm_field lease_fields[] = {
    BYTES(lease, token, TOKEN_MAX), BYTES(lease, task, CONTENT_MAX), U64(lease, deadline_ms), END};
static const struct gm_field lease_none_fields[] = {U64(lease_none, retry_ms),
                                                    TEXT(lease_none, reason), END};
static const struct gm_field heartbeat_fields[] = {ID(heartbeat, lease), END};
static const struct gm_field heartbeat_ok_fields[] = {U64(heartbeat_ok, live),
                                                      U64(heartbeat_ok, deadline_ms), END};
static const struct gm_field attest_fields[] = {ID(attest, lease), BYTES(attest, token, TOKEN_MAX),
                                                LIST(attest, roots, GM_ROOT_BYTES, CONTENT_MAX),
                                                END};
static const struct gm_field receipt_fields[] = {BYTES(receipt, token, TOKEN_MAX), END};
static const struct gm_field uploaded_fields[] = {ID(uploaded, lease), END};
static const struct gm_field verdict_ask_fields[] = {ID(verdict_ask, lease), END};
static const struct gm_field verdict_fields[] = {U64(verdict, state),
                                                 BYTES(verdict, token, TOKEN_MAX), END};
static const struct gm_field release_fields[] = {ID(release, lease), U64(release, reason),
                                                 TEXT(release, text), END};

static const struct gm_field submit_fields[] = {ID(submit, request), ROOT(submit, recipe), END};
static const struct gm_field submitted_fields[] = {ID(submitted, job), END};
static const struct gm_field job_ask_fields[] = {ID(job_ask, job), END};
static const struct gm_field job_info_fields[] = {
    ID(job_info, job),        TEXT(job_info, name),           U64(job_info, state),
    U64(job_info, step),      U64(job_info, step_count),      U64(job_info, loss_first),
    U64(job_info, loss_last), U64(job_info, loss_validation), U64(job_info, tokens_per_s),
    U64(job_info, workers),   U64(job_info, reissued),        U64(job_info, rejected),
    U64(job_info, rewinds),   TEXT(job_info, text),           END};
static const struct gm_field job_list_fields[] = {END};
static const struct gm_field job_listed_fields[] = {
    LIST(job_listed, jobs, GM_ID_BYTES, CONTENT_MAX), END};
static const struct gm_field cancel_fields[] = {ID(cancel, job), END};
static const struct gm_field state_ask_fields[] = {ID(state_ask, job), END};
static const struct gm_field state_info_fields[] = {
    U64(state_info, step), ROOT(state_info, recipe),
    LIST(state_info, roots, GM_ROOT_BYTES, CONTENT_MAX), END};
static const struct gm_field broker_ask_fields[] = {END};
static const struct gm_field broker_info_fields[] = {
    U64(broker_info, workers),
    U64(broker_info, jobs_running),
    U64(broker_info, blob_bytes),
    U64(broker_info, blob_bytes_max),
    LIST(broker_info, banned, GM_KEY_BYTES, CONTENT_MAX),
    END};

static const struct gm_field tree_ask_fields[] = {ROOT(tree_ask, root), END};
static const struct gm_field tree_fields[] = {
    U64(tree, size_bytes), LIST(tree, pieces, GM_ROOT_BYTES, GM_WIRE_PIECE_BYTES), END};
static const struct gm_field piece_ask_fields[] = {ROOT(piece_ask, root),
                                                   U64(piece_ask, piece_index), END};
static const struct gm_field piece_fields[] = {BYTES(piece, data, GM_WIRE_PIECE_BYTES), END};
static const struct gm_field put_begin_fields[] = {
    ROOT(put_begin, root), U64(put_begin, size_bytes),
    LIST(put_begin, pieces, GM_ROOT_BYTES, GM_WIRE_PIECE_BYTES), ID(put_begin, lease), END};
static const struct gm_field put_have_fields[] = {BYTES(put_have, missing, GM_WIRE_PIECE_BYTES),
                                                  END};
static const struct gm_field put_piece_fields[] = {
    ROOT(put_piece, root), U64(put_piece, piece_index), BYTES(put_piece, data, GM_WIRE_PIECE_BYTES),
    END};
static const struct gm_field many_ask_fields[] = {
    LIST(many_ask, roots, GM_ROOT_BYTES, GM_WIRE_CONTROL_BYTES_MAX), END};
static const struct gm_field many_fields[] = {BYTES(many, blobs, GM_WIRE_PIECE_BYTES), END};
static const struct gm_field put_many_fields[] = {ID(put_many, lease),
                                                  BYTES(put_many, blobs, GM_WIRE_PIECE_BYTES), END};

const struct gm_field *gm_message_fields(uint64_t type)
{
    switch (type) {
#define GM_MESSAGE(number, NAME, name)                                                             \
    case GM_MESSAGE_##NAME:                                                                        \
        return name##_fields;
#include "wire/message.def"
#undef GM_MESSAGE
    default:
        return NULL;
    }
}
