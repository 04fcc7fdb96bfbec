/* A token opened for reading: its claims as a list of names and values, and in words what they
   prove. What people and programs see of a token comes from this list. */
#ifndef GM_CLI_TOKEN_TEXT_H
#define GM_CLI_TOKEN_TEXT_H

#include <stdbool.h>

#include "trust/key.h"
#include "trust/token.h"

enum { GM_TOKEN_FACTS_MAX = 32, GM_TOKEN_FACT_SIZE = 224 };

struct gm_token_fact {
    const char *name;
    bool is_number;
    uint64_t number;
    char text[GM_TOKEN_FACT_SIZE]; /* also of a number; no control characters */
};

struct gm_token_text {
    enum gm_token_kind kind;
    struct gm_key_public signer;
    struct gm_hash name; /* by which other tokens refer to this one */
    size_t fact_count;
    struct gm_token_fact facts[GM_TOKEN_FACTS_MAX];
};

/* Opens a token of any kind. GM_INVALID: not strictly encoded; GM_UNTRUSTED: the signature is not
   by the key it carries. */
enum gm_status gm_token_text_open(struct gm_token_text *out, struct gm_bytes token,
                                  struct gm_error *err) GM_MUST_USE;

/* Onto standard output, for people and as one JSON object. `trusted`: the signer's key was named;
   `asked`: some key was. */
void gm_token_text_print(const struct gm_token_text *token, bool trusted, bool asked);
enum gm_status gm_token_text_json(const struct gm_token_text *token, bool trusted,
                                  struct gm_error *err) GM_MUST_USE;

#endif
