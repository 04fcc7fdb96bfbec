/* Figures of a run in lines of JSON that are written field by field. */
#ifndef GM_CLI_FIGURE_H
#define GM_CLI_FIGURE_H

/* ,"name":1.25 on standard output; NaN, which JSON lacks, is null. */
void gm_figure_print(const char *name, float value);
/* ,"name":"text", with what JSON wants escaped. */
void gm_figure_print_text(const char *name, const char *text);

#endif
