/* Every function against libm in binary64, over a stride of all floats: the bounds that its header
   states. Measured, bounded figures: the headers name the exhaustive maxima. */
#include "gm_test.h"

#include <float.h>
#include <math.h>

#include "kernels/num/gelu.h"
#include "kernels/num/pow.h"
#include "kernels/num/silu.h"
#include "kernels/num/trig.h"

#define STRIDE 4099u /* a prime: about a million floats of every kind */

/* Distance between neighbouring floats at r. */
static double ulp_at(double r)
{
    int exponent;
    frexp(r, &exponent);
    return ldexp(1.0, exponent - 24 < -149 || r == 0.0 ? -149 : exponent - 24);
}

static double ulp_error(float got, double expected)
{
    if (isnan(expected))
        return isnan(got) ? 0.0 : INFINITY;
    if (fabs(expected) >= 0x1.ffffffp+127)
        return isinf(got) && (got > 0.0f) == (expected > 0.0) ? 0.0 : INFINITY;
    return fabs((double)got - expected) / ulp_at(expected);
}

typedef float function_f32(float x);
typedef double function_f64(double x);

/* The largest error in ulp over floats with |x| <= limit and NaN, which limit = inf lets in. */
static double ulp_sweep(function_f32 *function, function_f64 *reference, float limit)
{
    double worst = 0.0;
    for (gm_u64 bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
        float x = gm_bits_f32((gm_u32)bits);
        if (fabsf(x) > limit || (isnan(x) && isfinite(limit)))
            continue;
        worst = fmax(worst, ulp_error(function(x), reference((double)x)));
    }
    return worst;
}

Test(accuracy, elementary_functions_stay_within_their_ulps)
{
    double worst;
    worst = ulp_sweep(gm_f32_exp, exp, INFINITY);
    cr_assert(worst <= 1.1, "exp: %f ulp", worst);
    worst = ulp_sweep(gm_f32_log, log, INFINITY);
    cr_assert(worst <= 1.0, "log: %f ulp", worst);
    worst = ulp_sweep(gm_f32_tanh, tanh, INFINITY);
    cr_assert(worst <= 1.5, "tanh: %f ulp", worst);
    worst = ulp_sweep(gm_f32_erf, erf, INFINITY);
    cr_assert(worst <= 1.2, "erf: %f ulp", worst);
    worst = ulp_sweep(gm_f32_sin, sin, GM_F32_TRIG_MAX);
    cr_assert(worst <= 1.0, "sin: %f ulp", worst);
    worst = ulp_sweep(gm_f32_cos, cos, GM_F32_TRIG_MAX);
    cr_assert(worst <= 1.0, "cos: %f ulp", worst);
}

Test(accuracy, special_cases_are_as_stated)
{
    float inf = INFINITY;
    cr_assert_eq(gm_f32_bits(gm_f32_tanh(-0.0f)), 0x80000000u);
    cr_assert_eq(gm_f32_bits(gm_f32_erf(-0.0f)), 0x80000000u);
    cr_assert_eq(gm_f32_bits(gm_f32_sin(-0.0f)), 0x80000000u);
    cr_assert_eq(gm_f32_bits(gm_f32_exp(-inf)), 0u);
    cr_assert_eq(gm_f32_bits(gm_f32_exp(0.0f)), 0x3f800000u);
    cr_assert_eq(gm_f32_log(-0.0f), -inf);
    cr_assert(isnan(gm_f32_log(-1.0f)) && isnan(gm_f32_log(-inf)));
    cr_assert(isnan(gm_f32_sin(0x1.000002p+20f)) && isnan(gm_f32_cos(inf)));
    cr_assert_eq(gm_f32_tanh(inf), 1.0f);
    cr_assert_eq(gm_f32_erf(-inf), -1.0f);
}

static double reference_sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double reference_silu(double x)
{
    return x / (1.0 + exp(-x));
}

static double reference_silu_grad(double x)
{
    double s = reference_sigmoid(x);
    return x < -700.0 ? 0.0 : s * (1.0 + x * (1.0 - s));
}

static double reference_gelu(double x)
{
    return x * 0.5 * erfc(-x * M_SQRT1_2);
}

static double reference_gelu_grad(double x)
{
    return 0.5 * erfc(-x * M_SQRT1_2) + x * exp(-x * x / 2.0) * 0.5 * M_SQRT1_2 * M_2_SQRTPI;
}

static double gelu_tanh_inner(double x)
{
    return tanh(M_SQRT1_2 * M_2_SQRTPI * (x + 0.044715 * x * x * x));
}

static double reference_gelu_tanh(double x)
{
    return 0.5 * x * (1.0 + gelu_tanh_inner(x));
}

static double reference_gelu_tanh_grad(double x)
{
    double t = gelu_tanh_inner(x);
    double slope = M_SQRT1_2 * M_2_SQRTPI * (1.0 + 0.134145 * x * x);
    return fabs(x) > 100.0 ? (double)(x > 0.0) : 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope;
}

/* The largest |error| / max(|x|, 1) over all finite floats; infinite when a result is not finite.
 */
static double scaled_sweep(function_f32 *function, function_f64 *reference)
{
    double worst = 0.0;
    for (gm_u64 bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
        float x = gm_bits_f32((gm_u32)bits);
        if (!isfinite(x))
            continue;
        float y = function(x);
        double error = fabs((double)y - reference((double)x)) / fmax(fabs((double)x), 1.0);
        worst = isfinite(y) ? fmax(worst, error) : (double)INFINITY;
    }
    return worst;
}

Test(accuracy, activations_and_their_derivatives_stay_within_2_to_the_minus_22)
{
    double worst;
    worst = scaled_sweep(gm_f32_sigmoid, reference_sigmoid);
    cr_assert(worst <= 0x1p-22, "sigmoid: %a", worst);
    worst = scaled_sweep(gm_f32_silu, reference_silu);
    cr_assert(worst <= 0x1p-22, "silu: %a", worst);
    worst = scaled_sweep(gm_f32_silu_grad, reference_silu_grad);
    cr_assert(worst <= 0x1p-22, "silu_grad: %a", worst);
    worst = scaled_sweep(gm_f32_gelu, reference_gelu);
    cr_assert(worst <= 0x1p-22, "gelu: %a", worst);
    worst = scaled_sweep(gm_f32_gelu_grad, reference_gelu_grad);
    cr_assert(worst <= 0x1p-22, "gelu_grad: %a", worst);
    worst = scaled_sweep(gm_f32_gelu_tanh, reference_gelu_tanh);
    cr_assert(worst <= 0x1p-22, "gelu_tanh: %a", worst);
    worst = scaled_sweep(gm_f32_gelu_tanh_grad, reference_gelu_tanh_grad);
    cr_assert(worst <= 0x1p-22, "gelu_tanh_grad: %a", worst);
}

/* The derivatives above are themselves checked, against their functions. */
static double difference_quotient(function_f64 *function, double x)
{
    double h = 1e-5;
    return (function(x + h) - function(x - h)) / (2.0 * h);
}

Test(accuracy, derivatives_are_those_of_their_functions)
{
    for (double x = -12.0; x < 12.0; x += 0.01) {
        cr_assert_float_eq(gm_f32_silu_grad((float)x), difference_quotient(reference_silu, x),
                           2e-6);
        cr_assert_float_eq(gm_f32_gelu_grad((float)x), difference_quotient(reference_gelu, x),
                           2e-6);
        cr_assert_float_eq(gm_f32_gelu_tanh_grad((float)x),
                           difference_quotient(reference_gelu_tanh, x), 2e-6);
    }
}

Test(accuracy, pow_and_its_complement_stay_within_one_ulp)
{
    double worst_pow = 0.0;
    double worst_complement = 0.0;
    gm_u32 random = 1;
    for (int i = 0; i < 1000000; i++) {
        random = random * 1664525u + 1013904223u;
        float unit = (float)(random >> 8) * 0x1p-24f;
        random = random * 1664525u + 1013904223u;
        float update = (float)(1u + (random >> 4) % 10000000u);
        float beta = 1.0f - unit * 0.1f - 0x1p-24f;
        float any = gm_bits_f32(1u + random % 0x7f7fffffu);
        double complement = -expm1((double)update * log((double)beta));
        worst_pow = fmax(worst_pow, ulp_error(gm_f32_pow(any, 16.0f * unit - 8.0f),
                                              pow((double)any, (double)(16.0f * unit - 8.0f))));
        worst_pow =
            fmax(worst_pow, ulp_error(gm_f32_pow(beta, update), pow((double)beta, (double)update)));
        worst_complement =
            fmax(worst_complement, ulp_error(gm_f32_one_minus_pow(beta, update), complement));
    }
    cr_assert(worst_pow <= 1.0, "pow: %f ulp", worst_pow);
    cr_assert(worst_complement <= 1.0, "one_minus_pow: %f ulp", worst_complement);
}

Test(accuracy, pow_has_the_stated_limits)
{
    float inf = INFINITY;
    cr_assert_eq(gm_f32_pow(0.0f, 2.0f), 0.0f);
    cr_assert_eq(gm_f32_pow(-0.0f, -2.0f), inf);
    cr_assert_eq(gm_f32_pow(0.0f, 0.0f), 1.0f);
    cr_assert_eq(gm_f32_pow(inf, 0.5f), inf);
    cr_assert_eq(gm_f32_pow(inf, -0.5f), 0.0f);
    cr_assert_eq(gm_f32_pow(1.0f, inf), 1.0f);
    cr_assert_eq(gm_f32_pow(0.5f, inf), 0.0f);
    cr_assert_eq(gm_f32_pow(0.5f, -inf), inf);
    cr_assert_eq(gm_f32_pow(7.0f, 1.0f), 7.0f);
    cr_assert(isnan(gm_f32_pow(-2.0f, 2.0f)));
    cr_assert(isnan(gm_f32_pow(2.0f, NAN)) && isnan(gm_f32_pow(NAN, 2.0f)));
}
