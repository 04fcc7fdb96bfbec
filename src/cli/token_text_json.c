/* A token as one JSON object. */
#include "cli/json_print.h"
#include "cli/token_text.h"

static json_t *fact_value(const struct gm_token_fact *fact)
{
    if (fact->is_number && fact->number <= INT64_MAX)
        return json_integer((json_int_t)fact->number);
    return json_string(fact->text);
}

enum gm_status gm_token_text_json(const struct gm_token_text *token, bool trusted,
                                  struct gm_error *err)
{
    struct gm_hash print = gm_key_thumbprint(&token->signer);
    json_t *says = json_object();
    bool whole = says != NULL;
    for (size_t i = 0; i < token->fact_count && whole; i++)
        whole = json_object_set_new(says, token->facts[i].name, fact_value(&token->facts[i])) == 0;
    if (!whole) {
        json_decref(says);
        return gm_json_print(NULL, err);
    }
    /* pack takes what it is given also when it fails. */
    return gm_json_print(
        json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o}", "kind", gm_token_kind_name(token->kind),
                  "valid", 1, "trusted", trusted ? 1 : 0, "token",
                  gm_json_hex(token->name.bytes, sizeof token->name.bytes), "signer",
                  gm_json_hex(token->signer.bytes, sizeof token->signer.bytes), "signer_thumbprint",
                  gm_json_hex(print.bytes, sizeof print.bytes), "says", says),
        err);
}
