#include "trust/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/file.h"
#include "base/mem.h"

enum gm_status gm_key_text_parse(const char *path, const char *magic, struct gm_bytes text,
                                 uint8_t out[static GM_KEY_SIZE], struct gm_error *err)
{
    size_t magic_bytes = strlen(magic);
    size_t wanted_bytes = magic_bytes + 1 + 2 * GM_KEY_SIZE + 1;
    char hex[GM_KEY_HEX_SIZE];
    if (text.size_bytes < magic_bytes + 1 || memcmp(text.data, magic, magic_bytes) != 0 ||
        text.data[magic_bytes] != '\n')
        return gm_error_set(err, GM_INVALID, "%s: not a key file: the first line is not \"%s\"",
                            path, magic);
    if (text.size_bytes != wanted_bytes || text.data[wanted_bytes - 1] != '\n')
        return gm_error_set(err, GM_INVALID,
                            "%s: a key file has %zu bytes, this one %zu: it was cut or changed",
                            path, wanted_bytes, text.size_bytes);
    memcpy(hex, text.data + magic_bytes + 1, 2 * GM_KEY_SIZE);
    hex[2 * GM_KEY_SIZE] = '\0';
    bool decoded = gm_hex_decode(out, GM_KEY_SIZE, hex);
    sodium_memzero(hex, sizeof hex);
    if (!decoded)
        return gm_error_set(err, GM_INVALID, "%s: the second line is not 64 hex digits", path);
    return GM_OK;
}

static enum gm_status check_mode(int fd, const char *path, struct gm_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return gm_error_errno(err, errno, path, "cannot look at");
    if (!S_ISREG(info.st_mode))
        return gm_error_set(err, GM_INVALID, "%s: not a regular file", path);
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return gm_error_set(err, GM_REFUSED,
                            "%s: mode %04o lets others at the secret key; run: chmod 600 %s", path,
                            (unsigned)(info.st_mode & 07777), path);
    return GM_OK;
}

static enum gm_status read_some(int fd, const char *path, uint8_t *data, size_t *size_bytes,
                                struct gm_error *err)
{
    size_t done = 0;
    while (done < GM_KEY_FILE_BYTES_MAX) {
        ssize_t got = read(fd, data + done, GM_KEY_FILE_BYTES_MAX - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return gm_error_errno(err, errno, path, "cannot read");
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *size_bytes = done;
    return GM_OK;
}

enum gm_status gm_key_load(struct gm_key *key, const char *path, struct gm_error *err)
{
    uint8_t text[GM_KEY_FILE_BYTES_MAX], seed[GM_KEY_SIZE];
    size_t size_bytes = 0;
    gm_key_wipe(key);
    /* Not gm_file_read: the mode must be that of the very file that is read, and no copy of the
       secret may stay on the heap. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return gm_error_errno(err, errno, path, "cannot open");
    enum gm_status status = check_mode(fd, path, err);
    if (status == GM_OK)
        status = read_some(fd, path, text, &size_bytes, err);
    (void)close(fd);
    if (status == GM_OK)
        status = gm_key_text_parse(path, GM_KEY_SECRET_MAGIC, (struct gm_bytes){text, size_bytes},
                                   seed, err);
    if (status == GM_OK)
        gm_key_from_seed(key, seed);
    sodium_memzero(text, sizeof text);
    sodium_memzero(seed, sizeof seed);
    return status;
}

/* Under a name of its own first, then linked: a key that is there is never replaced, and a file
   that was cut short never gets the final name. */
static enum gm_status write_new(const char *path, struct gm_bytes text, struct gm_error *err)
{
    size_t size = strlen(path) + 32;
    char *draft = gm_mem_new(size, 1);
    if (draft == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "%s: not enough memory", path);
    (void)snprintf(draft, size, "%s.%ld", path, (long)getpid());
    enum gm_status status = gm_file_write(draft, 0600, text, err);
    if (status == GM_OK) {
        if (link(draft, path) != 0)
            status = gm_error_errno(err, errno, path, "cannot create the key file");
        (void)unlink(draft);
    }
    gm_mem_free(draft);
    return status;
}

enum gm_status gm_key_save(const struct gm_key *key, const char *path, struct gm_error *err)
{
    char text[GM_KEY_FILE_BYTES_MAX], hex[GM_KEY_HEX_SIZE];
    gm_hex_encode(hex, key->secret, GM_KEY_SIZE);
    int size = snprintf(text, sizeof text, "%s\n%s\n", GM_KEY_SECRET_MAGIC, hex);
    enum gm_status status =
        write_new(path, (struct gm_bytes){(const uint8_t *)text, (size_t)size}, err);
    sodium_memzero(text, sizeof text);
    sodium_memzero(hex, sizeof hex);
    return status;
}

enum gm_status gm_key_public_save(const struct gm_key_public *key, const char *path,
                                  struct gm_error *err)
{
    char text[GM_KEY_FILE_BYTES_MAX], hex[GM_KEY_HEX_SIZE];
    int size =
        snprintf(text, sizeof text, "%s\n%s\n", GM_KEY_PUBLIC_MAGIC, gm_key_public_hex(hex, key));
    return gm_file_write(path, 0644, (struct gm_bytes){(const uint8_t *)text, (size_t)size}, err);
}

enum gm_status gm_key_public_load(struct gm_key_public *key, const char *hex_or_path,
                                  struct gm_error *err)
{
    if (!gm_hex_decode(key->bytes, GM_KEY_SIZE, hex_or_path)) {
        struct gm_buf text;
        gm_buf_init(&text, GM_KEY_FILE_BYTES_MAX);
        enum gm_status status = gm_file_read(hex_or_path, &text, err);
        if (status == GM_NOT_FOUND)
            status = gm_error_set(err, GM_NOT_FOUND, "%s: neither 64 hex digits nor a file",
                                  hex_or_path);
        if (status == GM_OK)
            status = gm_key_text_parse(hex_or_path, GM_KEY_PUBLIC_MAGIC, gm_buf_view(&text),
                                       key->bytes, err);
        gm_buf_fini(&text);
        GM_TRY(status);
    }
    if (!gm_key_public_valid(key))
        return gm_error_set(err, GM_INVALID, "%s: these bytes are no Ed25519 public key",
                            hex_or_path);
    return GM_OK;
}
