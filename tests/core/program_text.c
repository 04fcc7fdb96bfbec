#include "program_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
    char *out;
    size_t at;
};

GM_PRINTF(2, 3) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text->out + text->at, PROGRAM_TEXT_SIZE - text->at, format, args);
    va_end(args);
    if (n > 0 && text->at + (size_t)n < PROGRAM_TEXT_SIZE)
        text->at += (size_t)n;
}

char *program_text(char out[PROGRAM_TEXT_SIZE], const struct gm_program *program, bool attrs)
{
    struct text text = {out, 0};
    out[0] = '\0';
    for (uint32_t n = 0; n < program->node_count; n++) {
        const struct gm_node *node = &program->nodes[n];
        const struct gm_op_desc *desc = gm_op_find(node->op);
        put(&text, "%s%s(", n > 0 ? " " : "", desc->name);
        for (uint32_t i = 0; i < node->input_count; i++)
            put(&text, "%s%" PRIu32, i > 0 ? ", " : "", node->inputs[i]);
        put(&text, ")");
        for (uint32_t i = 0; attrs && i < desc->attr_count; i++) {
            put(&text, i > 0 ? " " : "[");
            if (desc->attrs[i].kind == GM_ATTR_F32)
                put(&text, "%g", (double)gm_attr_to_f32(node->attrs[i]));
            else
                put(&text, "%" PRIu64, node->attrs[i]);
            put(&text, i + 1 == desc->attr_count ? "]" : "");
        }
    }
    return out;
}
