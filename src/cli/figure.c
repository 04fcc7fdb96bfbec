#include "cli/figure.h"

#include <math.h>
#include <stdio.h>

void gm_figure_print(const char *name, float value)
{
    if (isnan(value) || isinf(value))
        (void)printf(",\"%s\":null", name);
    else
        (void)printf(",\"%s\":%.9g", name, (double)value);
}

void gm_figure_print_text(const char *name, const char *text)
{
    (void)printf(",\"%s\":\"", name);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            (void)printf("\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            (void)printf("\\u%04x", (unsigned)*c);
        else
            (void)putchar(*c);
    }
    (void)putchar('"');
}
