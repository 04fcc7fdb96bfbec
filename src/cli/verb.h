/* A verb of the command line: its texts and what it does. One file per verb, one line in verbs.def.
 */
#ifndef GM_CLI_VERB_H
#define GM_CLI_VERB_H

#include "cli/args.h"

struct gm_verb {
    struct gm_verb_text text;
    /* The process's exit code is that of the status; `err` is printed by main. */
    enum gm_status (*run)(const struct gm_args *args, struct gm_error *err);
};

#define GM_VERB(name) extern const struct gm_verb gm_verb_##name;
#include "cli/verbs.def"
#undef GM_VERB

#endif
