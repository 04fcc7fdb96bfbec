/* Values as people write them: whole numbers, sizes ("8GiB"), durations ("90s"). Each refuses
   signs, spaces, trailing text and overflow, and says what it expected. `what` names the value in
   the message: "--memory". */
#ifndef GM_BASE_TEXT_H
#define GM_BASE_TEXT_H

#include <stdint.h>

#include "base/status.h"

enum gm_status gm_text_u64(const char *what, const char *text, uint64_t min, uint64_t max,
                           uint64_t *out, struct gm_error *err) GM_MUST_USE;
/* Units B, KiB, MiB, GiB, TiB; a bare number is bytes. */
enum gm_status gm_text_size(const char *what, const char *text, uint64_t *out_bytes,
                            struct gm_error *err) GM_MUST_USE;
/* Units ms, s, m, h, d; a unit is required, except for 0. */
enum gm_status gm_text_duration(const char *what, const char *text, uint64_t *out_ms,
                                struct gm_error *err) GM_MUST_USE;
/* "1.50 GiB", "10.0 KiB", "1023 B": three digits, four from 1000 to 1023 of a unit; into a caller's
   buffer; returns `out`. */
enum { GM_TEXT_SIZE_CHARS = 24 };
char *gm_text_from_size(char out[GM_TEXT_SIZE_CHARS], uint64_t size_bytes);

#endif
