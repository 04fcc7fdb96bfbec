/* gradmill key: makes and shows identities. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/json_print.h"
#include "cli/verb.h"
#include "trust/key.h"
#include "trust/key_file.h"

static enum gm_status public_print(const struct gm_key_public *key, const char *secret_path,
                                   const char *public_path, bool json, struct gm_error *err)
{
    char hex[GM_KEY_HEX_SIZE];
    char print_hex[GM_HASH_HEX_SIZE];
    struct gm_hash print = gm_key_thumbprint(key);
    (void)gm_key_public_hex(hex, key);
    (void)gm_hash_hex(print_hex, &print);
    if (json) {
        json_t *object = json_pack("{s:s, s:s}", "public", hex, "thumbprint", print_hex);
        if (object != NULL && secret_path != NULL &&
            (json_object_set_new(object, "secret_file",
                                 gm_json_text(secret_path, strlen(secret_path))) != 0 ||
             json_object_set_new(object, "public_file",
                                 gm_json_text(public_path, strlen(public_path))) != 0)) {
            json_decref(object);
            object = NULL;
        }
        return gm_json_print(object, err);
    }
    if (secret_path != NULL)
        (void)printf("secret key  %s (mode 0600: keep it to yourself)\npublic key  %s\n",
                     secret_path, public_path);
    (void)printf("public      %s\nthumbprint  %s\n", hex, print_hex);
    return GM_OK;
}

/* ---- key new ---- */

static enum gm_status pair_write(struct gm_key *key, const char *path, const char *public_path,
                                 struct gm_error *err)
{
    struct stat info;
    /* Looked at first: a secret key must not be left behind without the file that goes with it. */
    if (lstat(public_path, &info) == 0)
        return gm_error_set(err, GM_EXISTS, "%s: exists already; nothing was made", public_path);
    GM_TRY(gm_key_generate(key, err));
    GM_TRY(gm_key_save(key, path, err));
    return gm_key_public_save(&key->public_key, public_path, err);
}

static enum gm_status key_new(const char *path, bool json, struct gm_error *err)
{
    struct gm_key key;
    size_t size = strlen(path) + sizeof ".pub";
    char *public_path = gm_mem_new(size, 1);
    if (public_path == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    (void)snprintf(public_path, size, "%s.pub", path);
    enum gm_status status = pair_write(&key, path, public_path, err);
    if (status == GM_OK)
        status = public_print(&key.public_key, path, public_path, json, err);
    gm_key_wipe(&key);
    gm_mem_free(public_path);
    return status;
}

/* ---- key show ---- */

/* Reads the first line alone, so that no secret is copied to find out what the file is. */
static bool holds_secret(const char *path)
{
    static const char magic[] = GM_KEY_SECRET_MAGIC;
    char start[sizeof magic] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, start, sizeof start - 1);
    (void)close(fd);
    return got == (ssize_t)sizeof start - 1 && memcmp(start, magic, sizeof start - 1) == 0;
}

static enum gm_status key_show(const char *path, bool json, struct gm_error *err)
{
    struct gm_key_public shown;
    if (holds_secret(path)) {
        struct gm_key key;
        enum gm_status status = gm_key_load(&key, path, err);
        shown = key.public_key;
        gm_key_wipe(&key);
        GM_TRY(status);
    } else {
        GM_TRY(gm_key_public_load(&shown, path, err));
    }
    return public_print(&shown, NULL, NULL, json, err);
}

static enum gm_status key_run(const struct gm_args *args, struct gm_error *err)
{
    const char *what = args->operands[0];
    bool json = gm_args_has(args, "--json");
    if (strcmp(what, "new") == 0)
        return key_new(args->operands[1], json, err);
    if (strcmp(what, "show") == 0)
        return key_show(args->operands[1], json, err);
    return gm_error_set(err, GM_USAGE, "\"%s\": expected new or show", what);
}

static const struct gm_option key_options[] = {
    {"--json", NULL, "one JSON object", NULL},
    {NULL, NULL, NULL, NULL},
};

static const char key_details[] =
    "new writes a secret key to FILE, readable by its owner alone, and the public key\n"
    "to FILE.pub; what is there already is not replaced. show takes a secret or a\n"
    "public key file and never prints a secret. The thumbprint (RFC 9679) is the name\n"
    "by which tokens refer to a key.";

const struct gm_verb gm_verb_key = {
    .text = {.name = "key",
             .usage = "new FILE | show FILE",
             .summary = "make a key, or show the public part of one",
             .details = key_details,
             .options = key_options,
             .operands_min = 2,
             .operands_max = 2},
    .run = key_run,
};
