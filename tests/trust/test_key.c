/* Identities: published keys, names and signatures; files that only their owner may read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/file.h"
#include "gm_test.h"
#include "trust/key.h"

/* RFC 8032, 7.1, test 1; the thumbprint is RFC 9679's over that key. */
static const char seed_hex[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
static const char public_hex[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char print_hex[] = "866eefbd6718c8846cd7ddfe43fc74ab1daac4538ff8514ea2ec2d410a415743";
static const char signature_hex[] =
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b4"
    "6bd25bf5f0595bbe24655141438e7a100b";

static void key_of_rfc(struct gm_key *key)
{
    uint8_t seed[GM_KEY_SIZE];
    cr_assert(gm_hex_decode(seed, sizeof seed, seed_hex));
    gm_key_from_seed(key, seed);
}

struct place {
    char folder[32];
    char path[64];
};

static void place_make(struct place *place)
{
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/gm-key-XXXXXX");
    cr_assert_not_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/worker.key", place->folder);
}

static void place_clear(const struct place *place)
{
    (void)unlink(place->path);
    cr_assert_eq(rmdir(place->folder), 0, "a file was left behind in %s", place->folder);
}

Test(key, agrees_with_the_published_key_name_and_signature)
{
    struct gm_key key;
    char hex[2 * GM_SIGNATURE_SIZE + 1];
    uint8_t signature[GM_SIGNATURE_SIZE];
    key_of_rfc(&key);
    cr_assert_str_eq(gm_key_public_hex(hex, &key.public_key), public_hex);
    struct gm_hash print = gm_key_thumbprint(&key.public_key);
    cr_assert_str_eq(gm_hash_hex(hex, &print), print_hex);
    gm_key_sign(&key, (struct gm_bytes){NULL, 0}, signature);
    gm_hex_encode(hex, signature, sizeof signature);
    cr_assert_str_eq(hex, signature_hex);
    cr_assert(gm_key_verify(&key.public_key, (struct gm_bytes){NULL, 0}, signature));
    cr_assert(
        !gm_key_verify(&key.public_key, (struct gm_bytes){(const uint8_t *)"x", 1}, signature));
    signature[0] ^= 1;
    cr_assert(!gm_key_verify(&key.public_key, (struct gm_bytes){NULL, 0}, signature));
}

Test(key, both_x25519_forms_are_one_identity)
{
    struct gm_key key;
    uint8_t secret[GM_KEY_SIZE], from_secret[GM_KEY_SIZE], from_public[GM_KEY_SIZE];
    cr_assert_eq(gm_key_generate(&key, NULL), GM_OK);
    gm_key_to_x25519(&key, secret);
    cr_assert_eq(crypto_scalarmult_base(from_secret, secret), 0);
    cr_assert(gm_key_public_to_x25519(&key.public_key, from_public));
    cr_assert_arr_eq(from_secret, from_public, GM_KEY_SIZE);
}

Test(key, a_file_gives_back_its_key_and_is_never_replaced)
{
    struct place place;
    struct gm_key key, again, other;
    struct gm_error err;
    struct stat info;
    place_make(&place);
    cr_assert_eq(gm_key_generate(&key, &err), GM_OK);
    cr_assert_eq(gm_key_save(&key, place.path, &err), GM_OK, "%s", err.text);
    cr_assert_eq(stat(place.path, &info), 0);
    cr_assert_eq(info.st_mode & 07777, 0600);
    cr_assert_eq(gm_key_load(&again, place.path, &err), GM_OK, "%s", err.text);
    cr_assert_arr_eq(&again, &key, sizeof key);

    cr_assert_eq(gm_key_generate(&other, &err), GM_OK);
    cr_assert_eq(gm_key_save(&other, place.path, &err), GM_EXISTS);
    cr_assert_eq(gm_key_load(&again, place.path, &err), GM_OK);
    cr_assert_arr_eq(&again, &key, sizeof key);
    place_clear(&place);
}

Test(key, a_file_that_others_may_read_is_refused_with_the_remedy)
{
    struct place place;
    struct gm_key key;
    struct gm_error err;
    static const struct gm_key nothing;
    place_make(&place);
    key_of_rfc(&key);
    cr_assert_eq(gm_key_save(&key, place.path, NULL), GM_OK);
    static const mode_t modes[] = {0640, 0604, 0660, 0610, 0644};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char wanted[16];
        (void)snprintf(wanted, sizeof wanted, "mode %04o", (unsigned)modes[i]);
        cr_assert_eq(chmod(place.path, modes[i]), 0);
        cr_assert_eq(gm_key_load(&key, place.path, &err), GM_REFUSED);
        cr_assert_not_null(strstr(err.text, wanted), "%s", err.text);
        cr_assert_not_null(strstr(err.text, "chmod 600"), "%s", err.text);
        cr_assert_arr_eq(&key, &nothing, sizeof key);
    }
    place_clear(&place);
}

static void expect_bad(const struct place *place, const char *text, const char *complaint)
{
    struct gm_key key;
    struct gm_error err;
    struct gm_bytes content = {(const uint8_t *)text, strlen(text)};
    cr_assert_eq(gm_file_write(place->path, 0600, content, &err), GM_OK);
    cr_assert_eq(gm_key_load(&key, place->path, &err), GM_INVALID);
    cr_assert_not_null(strstr(err.text, complaint), "%s", err.text);
    cr_assert_not_null(strstr(err.text, place->path), "%s", err.text);
}

Test(key, a_file_that_is_no_key_is_named_as_such)
{
    struct place place;
    struct gm_key key;
    struct gm_error err;
    char text[256];
    place_make(&place);
    cr_assert_eq(gm_key_load(&key, place.path, &err), GM_NOT_FOUND);
    cr_assert_eq(gm_key_load(&key, place.folder, &err), GM_INVALID);
    expect_bad(&place, "", "not a key file");
    expect_bad(&place, "gradmill-public-key-1\n", "not a key file");
    expect_bad(&place, "gradmill-secret-key-1\n9d61", "it was cut or changed");
    (void)snprintf(text, sizeof text, "gradmill-secret-key-1\n%s", seed_hex);
    expect_bad(&place, text, "it was cut or changed");
    (void)snprintf(text, sizeof text, "gradmill-secret-key-1\n%s\n\n", seed_hex);
    expect_bad(&place, text, "it was cut or changed");
    (void)snprintf(text, sizeof text, "gradmill-secret-key-1\n%s\n", seed_hex);
    text[30] = 'x';
    expect_bad(&place, text, "not 64 hex digits");
    place_clear(&place);
}

Test(key, a_public_key_comes_as_hex_or_as_a_file)
{
    struct place place;
    struct gm_key key;
    struct gm_key_public loaded;
    struct gm_error err;
    char zeros[GM_KEY_HEX_SIZE];
    place_make(&place);
    key_of_rfc(&key);
    cr_assert_eq(gm_key_public_load(&loaded, public_hex, &err), GM_OK);
    cr_assert(gm_key_public_equal(&loaded, &key.public_key));
    cr_assert_eq(gm_key_public_load(&loaded, place.path, &err), GM_NOT_FOUND);
    cr_assert_eq(gm_key_public_save(&key.public_key, place.path, &err), GM_OK);
    loaded = (struct gm_key_public){{0}};
    cr_assert_eq(gm_key_public_load(&loaded, place.path, &err), GM_OK, "%s", err.text);
    cr_assert(gm_key_public_equal(&loaded, &key.public_key));
    memset(zeros, '0', sizeof zeros - 1);
    zeros[sizeof zeros - 1] = '\0';
    cr_assert_eq(gm_key_public_load(&loaded, zeros, &err), GM_INVALID, "a point of small order");
    place_clear(&place);
}
