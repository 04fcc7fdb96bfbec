/* BLAKE3's compression function, the one text for C, OpenCL C and CUDA. It is written over a word
   type that the caller chooses by what it passes: 32-bit words hash one block, vectors of 32-bit
   words hash one block per lane. Macros, because the dialects share no other way to write code
   over a type. Formulas: "BLAKE3, one function, fast everywhere", section 2. */
#ifndef GM_KERNELS_NUM_BLAKE3_H
#define GM_KERNELS_NUM_BLAKE3_H

/* The first words of the fraction of sqrt(2), sqrt(3), sqrt(5), ...: as SHA-256 starts. */
#define GM_BLAKE3_IV0 0x6a09e667u
#define GM_BLAKE3_IV1 0xbb67ae85u
#define GM_BLAKE3_IV2 0x3c6ef372u
#define GM_BLAKE3_IV3 0xa54ff53au
#define GM_BLAKE3_IV4 0x510e527fu
#define GM_BLAKE3_IV5 0x9b05688cu
#define GM_BLAKE3_IV6 0x1f83d9abu
#define GM_BLAKE3_IV7 0x5be0cd19u

#define GM_BLAKE3_BLOCK_BYTES 64u
#define GM_BLAKE3_CHUNK_BYTES 1024u

/* Domain flags, added up. */
#define GM_BLAKE3_CHUNK_START         1u
#define GM_BLAKE3_CHUNK_END           2u
#define GM_BLAKE3_PARENT              4u
#define GM_BLAKE3_ROOT                8u
#define GM_BLAKE3_KEYED_HASH          16u
#define GM_BLAKE3_DERIVE_KEY_CONTEXT  32u
#define GM_BLAKE3_DERIVE_KEY_MATERIAL 64u

/* To the right. Who has a better instruction for its words may define its own before. */
#ifndef GM_BLAKE3_ROTATE
#define GM_BLAKE3_ROTATE(x, bits) (((x) >> (bits)) | ((x) << (32 - (bits))))
#endif

/* The quarter round G on v[a], v[b], v[c], v[d] with two message words. */
#define GM_BLAKE3_MIX(v, a, b, c, d, mx, my)                                                       \
    do {                                                                                           \
        v[a] = v[a] + v[b] + (mx);                                                                 \
        v[d] = GM_BLAKE3_ROTATE(v[d] ^ v[a], 16);                                                  \
        v[c] = v[c] + v[d];                                                                        \
        v[b] = GM_BLAKE3_ROTATE(v[b] ^ v[c], 12);                                                  \
        v[a] = v[a] + v[b] + (my);                                                                 \
        v[d] = GM_BLAKE3_ROTATE(v[d] ^ v[a], 8);                                                   \
        v[c] = v[c] + v[d];                                                                        \
        v[b] = GM_BLAKE3_ROTATE(v[b] ^ v[c], 7);                                                   \
    } while (0)

/* One round: columns, then diagonals, with the message words in the order s0..s15. */
#define GM_BLAKE3_ROUND(v, m, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14,     \
                        s15)                                                                       \
    do {                                                                                           \
        GM_BLAKE3_MIX(v, 0, 4, 8, 12, m[s0], m[s1]);                                               \
        GM_BLAKE3_MIX(v, 1, 5, 9, 13, m[s2], m[s3]);                                               \
        GM_BLAKE3_MIX(v, 2, 6, 10, 14, m[s4], m[s5]);                                              \
        GM_BLAKE3_MIX(v, 3, 7, 11, 15, m[s6], m[s7]);                                              \
        GM_BLAKE3_MIX(v, 0, 5, 10, 15, m[s8], m[s9]);                                              \
        GM_BLAKE3_MIX(v, 1, 6, 11, 12, m[s10], m[s11]);                                            \
        GM_BLAKE3_MIX(v, 2, 7, 8, 13, m[s12], m[s13]);                                             \
        GM_BLAKE3_MIX(v, 3, 4, 9, 14, m[s14], m[s15]);                                             \
    } while (0)

/* All seven rounds. Each row is the row before it, permuted; written out so that every index is a
   constant and the state stays in registers. */
#define GM_BLAKE3_ROUNDS(v, m)                                                                     \
    do {                                                                                           \
        GM_BLAKE3_ROUND(v, m, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);               \
        GM_BLAKE3_ROUND(v, m, 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8);               \
        GM_BLAKE3_ROUND(v, m, 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1);               \
        GM_BLAKE3_ROUND(v, m, 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6);               \
        GM_BLAKE3_ROUND(v, m, 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4);               \
        GM_BLAKE3_ROUND(v, m, 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7);               \
        GM_BLAKE3_ROUND(v, m, 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13);               \
    } while (0)

/* cv (8 words in and out) takes in one block m (16 words, never changed) of size_bytes bytes.
   v is scratch of 16 words. cv, m and v hold words of one type; zero is that type's zero. The other
   arguments are words of that type or plain 32-bit values. */
#define GM_BLAKE3_COMPRESS(cv, m, v, zero, counter_low, counter_high, size_bytes, flags)           \
    do {                                                                                           \
        v[0] = cv[0], v[1] = cv[1], v[2] = cv[2], v[3] = cv[3];                                    \
        v[4] = cv[4], v[5] = cv[5], v[6] = cv[6], v[7] = cv[7];                                    \
        v[8] = (zero) + GM_BLAKE3_IV0, v[9] = (zero) + GM_BLAKE3_IV1;                              \
        v[10] = (zero) + GM_BLAKE3_IV2, v[11] = (zero) + GM_BLAKE3_IV3;                            \
        v[12] = (zero) + (counter_low), v[13] = (zero) + (counter_high);                           \
        v[14] = (zero) + (size_bytes), v[15] = (zero) + (flags);                                   \
        GM_BLAKE3_ROUNDS(v, m);                                                                    \
        cv[0] = v[0] ^ v[8], cv[1] = v[1] ^ v[9];                                                  \
        cv[2] = v[2] ^ v[10], cv[3] = v[3] ^ v[11];                                                \
        cv[4] = v[4] ^ v[12], cv[5] = v[5] ^ v[13];                                                \
        cv[6] = v[6] ^ v[14], cv[7] = v[7] ^ v[15];                                                \
    } while (0)

#endif
