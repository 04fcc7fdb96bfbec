#include "model/safetensors_types.h"

#include <assert.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size_bytes;
} types[GM_SAFETENSORS_TYPE_COUNT] = {
    [GM_SAFETENSORS_F32] = {"F32", 4},   [GM_SAFETENSORS_F16] = {"F16", 2},
    [GM_SAFETENSORS_BF16] = {"BF16", 2}, [GM_SAFETENSORS_F64] = {"F64", 8},
    [GM_SAFETENSORS_U32] = {"U32", 4},   [GM_SAFETENSORS_U16] = {"U16", 2},
    [GM_SAFETENSORS_U8] = {"U8", 1},     [GM_SAFETENSORS_I64] = {"I64", 8},
    [GM_SAFETENSORS_U64] = {"U64", 8},   [GM_SAFETENSORS_I32] = {"I32", 4},
    [GM_SAFETENSORS_I16] = {"I16", 2},   [GM_SAFETENSORS_I8] = {"I8", 1},
    [GM_SAFETENSORS_BOOL] = {"BOOL", 1},
};

const char *gm_safetensors_type_name(enum gm_safetensors_type type)
{
    return types[type].name;
}

size_t gm_safetensors_type_bytes(enum gm_safetensors_type type)
{
    return types[type].size_bytes;
}

bool gm_safetensors_type_is_float(enum gm_safetensors_type type)
{
    return type == GM_SAFETENSORS_F32 || type == GM_SAFETENSORS_F16 ||
           type == GM_SAFETENSORS_BF16 || type == GM_SAFETENSORS_F64;
}

static float f32_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE binary16: 1 sign, 5 exponent, 10 fraction bits. Every value is an f32. */
static float f32_from_f16(uint32_t half)
{
    uint32_t sign = (half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 0x1f;
    uint32_t fraction = half & 0x3ff;
    if (exponent == 0x1f)
        return f32_from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0)
        return f32_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float magnitude = (float)fraction * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
}

static float f32_from_f64(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value; /* rounds to nearest even; too large becomes infinity */
}

void gm_safetensors_to_f32(enum gm_safetensors_type type, const uint8_t *bytes, size_t count,
                           float *out)
{
    assert(gm_safetensors_type_is_float(type));
    for (size_t i = 0; i < count; i++) {
        if (type == GM_SAFETENSORS_F32)
            out[i] = f32_from_bits(gm_load_u32(bytes + 4 * i));
        else if (type == GM_SAFETENSORS_F64)
            out[i] = f32_from_f64(gm_load_u64(bytes + 8 * i));
        else {
            uint32_t half = bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8;
            out[i] = type == GM_SAFETENSORS_F16 ? f32_from_f16(half) : f32_from_bits(half << 16);
        }
    }
}
