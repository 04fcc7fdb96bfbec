/* After the handshake: sealed messages, and which of them have come already. */
#include "trust/noise.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

/* Section 12.3: four zero bytes, then the counter, little-endian. */
static void nonce_of(uint8_t nonce[12], uint64_t counter)
{
    assert(counter != UINT64_MAX);
    memset(nonce, 0, 4);
    gm_store_u64(nonce + 4, counter);
}

void gm_noise_seal(const struct gm_noise_cipher *cipher, uint64_t counter, struct gm_bytes ad,
                   struct gm_bytes plain, uint8_t *out)
{
    uint8_t nonce[12];
    nonce_of(nonce, counter);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(
        out, NULL, plain.data, plain.size_bytes, ad.data, ad.size_bytes, NULL, nonce, cipher->key);
}

bool gm_noise_open(const struct gm_noise_cipher *cipher, uint64_t counter, struct gm_bytes ad,
                   struct gm_bytes sealed, uint8_t *out)
{
    uint8_t nonce[12];
    if (sealed.size_bytes < GM_NOISE_TAG_BYTES || counter == UINT64_MAX)
        return false; /* the counter comes from the peer: the world's fault, not ours */
    nonce_of(nonce, counter);
    return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data,
                                                     sealed.size_bytes, ad.data, ad.size_bytes,
                                                     nonce, cipher->key) == 0;
}

void gm_noise_session_wipe(struct gm_noise_session *session)
{
    sodium_memzero(session, sizeof *session);
}

static uint64_t bit_of(uint64_t counter)
{
    return (uint64_t)1 << counter % 64;
}

static uint64_t word_of(uint64_t counter)
{
    return counter % GM_NOISE_WINDOW_COUNTERS / 64;
}

bool gm_noise_window_fits(const struct gm_noise_window *window, uint64_t counter)
{
    if (counter >= window->next)
        return counter != UINT64_MAX;
    if (window->next - counter > GM_NOISE_WINDOW_COUNTERS)
        return false;
    return (window->seen[word_of(counter)] & bit_of(counter)) == 0;
}

bool gm_noise_window_take(struct gm_noise_window *window, uint64_t counter)
{
    if (!gm_noise_window_fits(window, counter))
        return false;
    if (counter >= window->next) {
        uint64_t step = counter + 1 - window->next;
        if (step >= GM_NOISE_WINDOW_COUNTERS)
            memset(window->seen, 0, sizeof window->seen);
        else /* the slots that the counters between get were those of counters now too old */
            for (uint64_t c = window->next; c < counter; c++)
                window->seen[word_of(c)] &= ~bit_of(c);
        window->next = counter + 1;
    }
    window->seen[word_of(counter)] |= bit_of(counter);
    return true;
}
