/* Somebody with a good key of their own who tries to use another worker's lease:

     thief tcp://HOST:PORT BROKER-KEY OWN-KEY HOLDER-KEY LEASE-TOKEN

   Ends with 1 when anything of it works, or when the holder can no longer do what the thief could
   not; with 3 when the holder had attested already, so that there was no input to steal. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "trust/token_lease.h"
#include "wire/client.h"

enum { WAIT_MS = 20000 };

struct attempt {
    const char *what;
    enum gm_port port;
    struct gm_message message;
    enum gm_status status; /* of the refusal */
};

static bool say(const char *what, const char *how)
{
    (void)fprintf(stderr, "thief: %s: %s\n", what, how);
    return false;
}

static bool refused(struct gm_client *client, const struct attempt *attempt)
{
    struct gm_reply reply;
    struct gm_error err = {.text = ""};
    if (gm_client_call(client, attempt->port, &attempt->message, WAIT_MS, &reply, &err) != GM_OK)
        return say(attempt->what, err.text);
    const struct gm_message *answer = &reply.message;
    bool right = answer->type == GM_MESSAGE_ERROR && answer->error.status == attempt->status;
    if (!right)
        (void)say(attempt->what, gm_message_name(answer->type));
    gm_reply_fini(&reply);
    return right;
}

/* Whether the lease is alive to whoever asks. */
static bool heartbeat(struct gm_client *client, const struct gm_lease_token *lease, bool *live)
{
    struct gm_message message = {.type = GM_MESSAGE_HEARTBEAT};
    struct gm_reply reply;
    struct gm_error err = {.text = ""};
    memcpy(message.heartbeat.lease, lease->lease, GM_ID_BYTES);
    if (gm_client_ask(client, GM_PORT_CONTROL, &message, WAIT_MS, GM_MESSAGE_HEARTBEAT_OK, &reply,
                      NULL, &err) != GM_OK)
        return say("heartbeat", err.text);
    *live = reply.message.heartbeat_ok.live != 0;
    gm_reply_fini(&reply);
    return true;
}

static bool program_read(struct gm_client *client, const struct gm_lease_token *lease)
{
    struct gm_message message = {.type = GM_MESSAGE_TREE_ASK};
    struct gm_reply reply;
    memcpy(message.tree_ask.root, lease->program.bytes, GM_ROOT_BYTES);
    if (gm_client_ask(client, GM_PORT_BLOBS, &message, WAIT_MS, GM_MESSAGE_TREE, &reply, NULL,
                      NULL) != GM_OK)
        return false;
    gm_reply_fini(&reply);
    return true;
}

static bool thief_fails(struct gm_client *client, const struct gm_lease_token *lease,
                        struct gm_bytes token)
{
    static const uint8_t blob[] = {4, 0, 0, 0, 'e', 'v', 'i', 'l'};
    static const uint8_t roots[GM_ROOT_BYTES];
    struct attempt attempts[] = {
        {.what = "attest", .port = GM_PORT_CONTROL, .status = GM_REFUSED},
        {.what = "uploaded", .port = GM_PORT_CONTROL, .status = GM_REFUSED},
        {.what = "verdict", .port = GM_PORT_CONTROL, .status = GM_REFUSED},
        {.what = "upload", .port = GM_PORT_BLOBS, .status = GM_REFUSED},
        {.what = "input", .port = GM_PORT_BLOBS, .status = GM_NOT_FOUND},
    };
    attempts[0].message.type = GM_MESSAGE_ATTEST;
    memcpy(attempts[0].message.attest.lease, lease->lease, GM_ID_BYTES);
    attempts[0].message.attest.token = token;
    attempts[0].message.attest.roots = (struct gm_bytes){roots, sizeof roots};
    attempts[1].message.type = GM_MESSAGE_UPLOADED;
    memcpy(attempts[1].message.uploaded.lease, lease->lease, GM_ID_BYTES);
    attempts[2].message.type = GM_MESSAGE_VERDICT_ASK;
    memcpy(attempts[2].message.verdict_ask.lease, lease->lease, GM_ID_BYTES);
    attempts[3].message.type = GM_MESSAGE_PUT_MANY;
    memcpy(attempts[3].message.put_many.lease, lease->lease, GM_ID_BYTES);
    attempts[3].message.put_many.blobs = (struct gm_bytes){blob, sizeof blob};
    attempts[4].message.type = GM_MESSAGE_TREE_ASK;
    memcpy(attempts[4].message.tree_ask.root, lease->program.bytes, GM_ROOT_BYTES);
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        if (!refused(client, &attempts[i]))
            return false;
    }
    bool live;
    return heartbeat(client, lease, &live) && (!live || say("heartbeat", "it counted"));
}

/* A release is answered in either case, so that it may be repeated; here it must do nothing. */
static bool release_ignored(struct gm_client *client, const struct gm_lease_token *lease)
{
    struct gm_message message = {.type = GM_MESSAGE_RELEASE};
    struct gm_reply reply;
    message.release.reason = GM_RELEASE_DRAIN;
    memcpy(message.release.lease, lease->lease, GM_ID_BYTES);
    if (gm_client_call(client, GM_PORT_CONTROL, &message, WAIT_MS, &reply, NULL) != GM_OK)
        return say("release", "no answer");
    gm_reply_fini(&reply);
    return true;
}

static bool holder_works(struct gm_client *client, const struct gm_lease_token *lease)
{
    bool live;
    return heartbeat(client, lease, &live) && live && program_read(client, lease);
}

static bool holder_holds(struct gm_client *client, const struct gm_lease_token *lease)
{
    bool live;
    if (!heartbeat(client, lease, &live))
        return false;
    if (!live)
        return say("the holder", "its lease is gone");
    return program_read(client, lease) || say("the holder", "cannot read its program");
}

static struct gm_client *client_open(char **argv, const char *key_path, struct gm_key *key)
{
    struct gm_client_config config = {.address = argv[1], .key = key};
    struct gm_client *client;
    struct gm_error err = {.text = ""};
    if (gm_key_load(key, key_path, &err) == GM_OK &&
        gm_key_public_load(&config.broker, argv[2], &err) == GM_OK &&
        gm_client_open(&config, &client, &err) == GM_OK)
        return client;
    (void)say("opening", err.text);
    return NULL;
}

int main(int argc, char **argv)
{
    struct gm_buf token;
    struct gm_lease_token lease;
    struct gm_key own;
    struct gm_key holder_key;
    if (argc != 6)
        return 2;
    gm_buf_init(&token, GM_TOKEN_BYTES_MAX);
    if (gm_file_read(argv[5], &token, NULL) != GM_OK ||
        gm_lease_token_open(&lease, gm_buf_view(&token), NULL) != GM_OK)
        return 2;
    struct gm_client *thief = client_open(argv, argv[3], &own);
    struct gm_client *holder = client_open(argv, argv[4], &holder_key);
    if (thief == NULL || holder == NULL)
        return 2;
    bool works = holder_works(holder, &lease);
    bool closed = works && thief_fails(thief, &lease, gm_buf_view(&token)) &&
                  release_ignored(thief, &lease) && holder_holds(holder, &lease);
    gm_client_close(thief);
    gm_client_close(holder);
    gm_buf_fini(&token);
    return !works ? 3 : closed ? 0 : 1;
}
