/* Inside safetensors: the element types, and their values as f32. */
#ifndef GM_MODEL_SAFETENSORS_TYPES_H
#define GM_MODEL_SAFETENSORS_TYPES_H

#include "model/safetensors.h"

size_t gm_safetensors_type_bytes(enum gm_safetensors_type type);
bool gm_safetensors_type_is_float(enum gm_safetensors_type type);
/* `count` elements of a float type from little-endian bytes. */
void gm_safetensors_to_f32(enum gm_safetensors_type type, const uint8_t *bytes, size_t count,
                           float *out);

#endif
