/* Where a field stands. jansson knows lines for syntax errors only, and people fix files by lines.
   The text has been parsed already, so this only walks it. */
#include <string.h>

#include "model/json.h"

struct walker {
    const char *at;
    unsigned line;
};

static void blank_skip(struct walker *w)
{
    for (; *w->at == ' ' || *w->at == '\t' || *w->at == '\r' || *w->at == '\n'; w->at++)
        w->line += *w->at == '\n';
}

/* `at` is on the opening quote; leaves it behind the closing one. */
static void text_skip(struct walker *w)
{
    for (w->at++; *w->at != '\0' && *w->at != '"'; w->at++) {
        if (*w->at == '\\' && w->at[1] != '\0')
            w->at++;
    }
    if (*w->at == '"')
        w->at++;
}

static void value_skip(struct walker *w)
{
    int depth = 0;
    while (*w->at != '\0') {
        char c = *w->at;
        if (c == '"') {
            text_skip(w);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        w->line += c == '\n';
        w->at++;
    }
}

/* Moves from an object's '{' to the value of its field `name`; false when there is none. */
static bool field_find(struct walker *w, const char *name, size_t name_size)
{
    if (*w->at != '{')
        return false;
    w->at++;
    for (;;) {
        blank_skip(w);
        if (*w->at != '"')
            return false;
        const char *key = w->at + 1;
        unsigned key_line = w->line;
        text_skip(w);
        size_t key_size = (size_t)(w->at - 1 - key);
        blank_skip(w);
        if (*w->at != ':')
            return false;
        w->at++;
        if (key_size == name_size && memcmp(key, name, name_size) == 0) {
            blank_skip(w);
            w->line = *w->at == '{' || *w->at == '[' ? w->line : key_line;
            return true;
        }
        value_skip(w);
        if (*w->at != ',')
            return false;
        w->at++;
    }
}

unsigned gm_json_line(const char *text, const char *path)
{
    struct walker w = {text, 1};
    blank_skip(&w);
    while (*path != '\0') {
        size_t size = strcspn(path, ".[");
        struct walker next = w;
        if (!field_find(&next, path, size))
            break;
        w = next;
        path += size;
        path += *path == '.';
    }
    return w.line;
}
