#include <math.h>
#include <string.h>

#include "kernels/num/philox.h"
#include "kit.h"
#include "reference.h"

static double attr(const struct kit_case *c, uint32_t i)
{
    return gm_attr_to_f32(c->attrs[i]);
}

static const struct gm_tensor_desc *out_desc(const struct kit_case *c)
{
    return &c->program->values[c->program->nodes[0].output_first];
}

#define IN(i)       (&c->inputs[i].desc)
#define EACH(i, n)  for (uint64_t i = 0; i < (n); i++)
#define EACH_OUT(i) EACH(i, gm_tensor_count(out_desc(c)))
#define IGNORE(x)   ((void)(x))

void ref_fill(const struct kit_case *c, double *const *in, double *const *out)
{
    IGNORE(in);
    EACH_OUT(i) out[0][i] = attr(c, 0);
}

void ref_iota(const struct kit_case *c, double *const *in, double *const *out)
{
    IGNORE(in);
    EACH_OUT(i) out[0][i] = (double)(i % c->attrs[0]);
}

static struct gm_philox words(const struct kit_case *c, double *const *in, uint64_t i)
{
    uint64_t seed = (uint64_t)in[0][0] | (uint64_t)in[0][1] << 32;
    return gm_philox(seed, c->attrs[0], i / 4);
}

void ref_random_uniform(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH_OUT(i)
    {
        double u = (words(c, in, i).word[i % 4] >> 8) * 0x1p-24;
        out[0][i] = attr(c, 1) + u * (attr(c, 2) - attr(c, 1));
    }
}

void ref_random_normal(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH_OUT(i)
    {
        struct gm_philox w = words(c, in, i);
        uint32_t pair = (i % 4) / 2 * 2;
        double radius = sqrt(-2 * log(((w.word[pair] >> 8) + 1.0) * 0x1p-24));
        double angle = 2 * 3.14159265358979323846 * (w.word[pair + 1] >> 8) * 0x1p-24;
        double z = radius * (i % 2 == 0 ? cos(angle) : sin(angle));
        out[0][i] = attr(c, 1) + attr(c, 2) * z;
    }
}

void ref_copy(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH_OUT(i) out[0][i] = in[0][i];
}

void ref_reshape(const struct kit_case *c, double *const *in, double *const *out)
{
    ref_copy(c, in, out);
}

void ref_slice_cols(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = c->attrs[1];
    EACH_OUT(i) out[0][i] = in[0][i / n * gm_tensor_cols(IN(0)) + c->attrs[0] + i % n];
}

void ref_concat_cols(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(out_desc(c));
    uint64_t first = 0;
    EACH(k, c->input_count)
    {
        uint64_t cols = gm_tensor_cols(IN(k));
        EACH(i, gm_tensor_count(IN(k))) out[0][i / cols * n + first + i % cols] = in[k][i];
        first += cols;
    }
}

#define BINARY(name, expression)                                                                   \
    void ref_##name(const struct kit_case *c, double *const *in, double *const *out)               \
    {                                                                                              \
        EACH_OUT(i)                                                                                \
        {                                                                                          \
            double a = in[0][i];                                                                   \
            double b = in[c->input_count - 1][i];                                                  \
            IGNORE(b);                                                                             \
            out[0][i] = (expression);                                                              \
        }                                                                                          \
    }

static double gelu_slope(double x)
{
    double pdf = exp(-x * x / 2) / sqrt(2 * 3.14159265358979323846);
    return 0.5 * erfc(-x / sqrt(2.0)) + x * pdf;
}

static double gelu_tanh_of(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Central difference of order 4: independent of the closed form that the kernel uses. */
static double slope(double (*f)(double), double x)
{
    double h = 1e-3;
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

static double silu_of(double x)
{
    return x * sigmoid(x);
}

BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a *b)
BINARY(div, a / b)
BINARY(scale, a *attr(c, 0))
BINARY(relu, a > 0 ? a : 0)
BINARY(gelu, 0.5 * a * erfc(-a / sqrt(2.0)))
BINARY(gelu_tanh, gelu_tanh_of(a))
BINARY(silu, silu_of(a))
BINARY(relu_grad, a > 0 ? b : 0)
BINARY(gelu_grad, b *gelu_slope(a))
BINARY(gelu_tanh_grad, b *slope(gelu_tanh_of, a))
BINARY(silu_grad, b *slope(silu_of, a))

void ref_scale_by(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH_OUT(i) out[0][i] = in[0][i] * in[1][0];
}

void ref_add_row(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH_OUT(i) out[0][i] = in[0][i] + in[1][i % gm_tensor_cols(IN(0))];
}

/* Channel of element i of a tensor (N, C, ...). */
static uint64_t channel(const struct gm_tensor_desc *x, uint64_t i)
{
    uint64_t inner = 1;
    for (uint32_t d = 2; d < x->rank; d++)
        inner *= x->dims[d];
    return i / inner % x->dims[1];
}

void ref_add_channel(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH_OUT(i) out[0][i] = in[0][i] + in[1][channel(IN(0), i)];
}

void ref_matmul(const struct kit_case *c, double *const *in, double *const *out)
{
    const struct gm_tensor_desc *a = IN(0);
    const struct gm_tensor_desc *b = IN(1);
    bool ta = c->attrs[0], tb = c->attrs[1], batched = c->attrs[2];
    uint64_t a_rows = batched ? a->dims[a->rank - 2] : gm_tensor_rows(a);
    uint64_t b_rows = batched ? b->dims[b->rank - 2] : gm_tensor_rows(b);
    uint64_t a_cols = gm_tensor_cols(a), b_cols = gm_tensor_cols(b);
    uint64_t m = ta ? a_cols : a_rows, k = ta ? a_rows : a_cols, n = tb ? b_rows : b_cols;
    EACH_OUT(at)
    {
        uint64_t t = at / (m * n), i = at / n % m, j = at % n;
        double sum = c->input_count == 3 ? in[2][j] : 0;
        EACH(s, k)
        sum += in[0][t * m * k + (ta ? s * a_cols + i : i * a_cols + s)] *
               in[1][t * k * n + (tb ? j * b_cols + s : s * b_cols + j)];
        out[0][at] = sum;
    }
}

void ref_sum(const struct kit_case *c, double *const *in, double *const *out)
{
    out[0][0] = 0;
    EACH(i, gm_tensor_count(IN(0))) out[0][0] += in[0][i];
}

void ref_sum_squares(const struct kit_case *c, double *const *in, double *const *out)
{
    out[0][0] = 0;
    EACH(i, gm_tensor_count(IN(0))) out[0][0] += in[0][i] * in[0][i];
}

void ref_sum_rows(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH_OUT(j) out[0][j] = 0;
    EACH(i, gm_tensor_count(IN(0))) out[0][i % gm_tensor_cols(IN(0))] += in[0][i];
}

void ref_sum_channels(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH_OUT(j) out[0][j] = 0;
    EACH(i, gm_tensor_count(IN(0))) out[0][channel(IN(0), i)] += in[0][i];
}

void ref_argmax(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    EACH_OUT(r)
    {
        out[0][r] = 0;
        EACH(i, n)
        {
            if (in[0][r * n + i] > in[0][r * n + (uint64_t)out[0][r]])
                out[0][r] = (double)i;
        }
    }
}

void ref_embedding(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    EACH_OUT(i) out[0][i] = in[0][(uint64_t)in[1][i / n] * n + i % n];
}

void ref_embedding_grad(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(1));
    EACH_OUT(i) out[0][i] = 0;
    EACH(i, gm_tensor_count(IN(1))) out[0][(uint64_t)in[0][i / n] * n + i % n] += in[1][i];
}

void ref_learning_rate(const struct kit_case *c, double *const *in, double *const *out)
{
    double step = in[0][0], lr = attr(c, 1), low = attr(c, 2);
    double warmup = (double)c->attrs[3], total = (double)c->attrs[4];
    double share = fmin(1, (step - warmup) / (total - warmup));
    if (step < warmup)
        out[0][0] = lr * (step + 1) / warmup;
    else if (c->attrs[0] == 0)
        out[0][0] = lr;
    else if (c->attrs[0] == 1)
        out[0][0] = low + (lr - low) * (1 - share);
    else
        out[0][0] = low + (lr - low) * (1 + cos(3.14159265358979323846 * share)) / 2;
}

void ref_clip_factor(const struct kit_case *c, double *const *in, double *const *out)
{
    out[0][0] = fmin(1, attr(c, 0) / sqrt(in[0][0]));
}

void ref_reciprocal_count(const struct kit_case *c, double *const *in, double *const *out)
{
    IGNORE(c);
    out[0][0] = in[0][0] == 0 ? 0 : 1 / in[0][0];
}

void ref_adamw(const struct kit_case *c, double *const *in, double *const *out)
{
    double beta1 = attr(c, 0), beta2 = attr(c, 1), lr = in[4][0], t = in[5][0] + 1;
    EACH_OUT(i)
    {
        double p = in[0][i], g = in[1][i];
        double m = beta1 * in[2][i] + (1 - beta1) * g;
        double v = beta2 * in[3][i] + (1 - beta2) * g * g;
        double m_hat = m / (1 - pow(beta1, t)), v_hat = v / (1 - pow(beta2, t));
        out[0][i] = p - lr * attr(c, 3) * p - lr * m_hat / (sqrt(v_hat) + attr(c, 2));
        out[1][i] = m;
        out[2][i] = v;
    }
}

void ref_sgd(const struct kit_case *c, double *const *in, double *const *out)
{
    double momentum = attr(c, 0);
    EACH_OUT(i)
    {
        double d = in[1][i] + attr(c, 1) * in[0][i];
        double b = momentum * in[2][i] + d;
        out[0][i] = in[0][i] - in[3][0] * (c->attrs[2] ? d + momentum * b : b);
        out[1][i] = b;
    }
}
