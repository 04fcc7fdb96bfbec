#include <math.h>
#include <stdlib.h>

#include "gm_test.h"
#include "kit.h"
#include "reference.h"

#define IN(i)      (&c->inputs[i].desc)
#define EACH(i, n) for (uint64_t i = 0; i < (n); i++)

static double attr(const struct kit_case *c, uint32_t i)
{
    return gm_attr_to_f32(c->attrs[i]);
}

static const struct gm_tensor_desc *out_desc(const struct kit_case *c, uint32_t j)
{
    return &c->program->values[c->program->nodes[0].output_first + j];
}

static void zero(const struct kit_case *c, uint32_t j, double *const *out)
{
    EACH(i, gm_tensor_count(out_desc(c, j))) out[j][i] = 0;
}

void ref_layernorm(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    EACH(r, gm_tensor_rows(IN(0)))
    {
        const double *x = in[0] + r * n;
        double mean = 0, var = 0;
        EACH(i, n) mean += x[i] / (double)n;
        EACH(i, n) var += (x[i] - mean) * (x[i] - mean) / (double)n;
        double rstd = 1 / sqrt(var + attr(c, 0));
        EACH(i, n) out[0][r * n + i] = (x[i] - mean) * rstd * in[1][i] + in[2][i];
        out[1][r] = mean;
        out[2][r] = rstd;
    }
}

/* dL/dx of y = h w, h = (x - mean) rstd, where mean and rstd are given. */
static void norm_dx(uint64_t n, const double *h, const double *w, const double *dy, double rstd,
                    bool centred, double *dx)
{
    double g = 0, gh = 0;
    EACH(i, n)
    {
        g += centred ? dy[i] * w[i] / (double)n : 0;
        gh += dy[i] * w[i] * h[i] / (double)n;
    }
    EACH(i, n) dx[i] = rstd * (dy[i] * w[i] - g - h[i] * gh);
}

void ref_layernorm_grad_x(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    double *h = calloc(n + 1, sizeof *h);
    EACH(r, gm_tensor_rows(IN(0)))
    {
        EACH(i, n) h[i] = (in[0][r * n + i] - in[2][r]) * in[3][r];
        norm_dx(n, h, in[1], in[4] + r * n, in[3][r], true, out[0] + r * n);
    }
    free(h);
}

void ref_layernorm_grad_w(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    zero(c, 0, out);
    zero(c, 1, out);
    EACH(at, gm_tensor_count(IN(0)))
    {
        uint64_t r = at / n, i = at % n;
        out[0][i] += in[3][at] * (in[0][at] - in[1][r]) * in[2][r];
        out[1][i] += in[3][at];
    }
}

void ref_rmsnorm(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    EACH(r, gm_tensor_rows(IN(0)))
    {
        double square = 0;
        EACH(i, n) square += in[0][r * n + i] * in[0][r * n + i] / (double)n;
        out[1][r] = 1 / sqrt(square + attr(c, 0));
        EACH(i, n) out[0][r * n + i] = in[0][r * n + i] * out[1][r] * in[1][i];
    }
}

void ref_rmsnorm_grad_x(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    double *h = calloc(n + 1, sizeof *h);
    EACH(r, gm_tensor_rows(IN(0)))
    {
        EACH(i, n) h[i] = in[0][r * n + i] * in[2][r];
        norm_dx(n, h, in[1], in[3] + r * n, in[2][r], false, out[0] + r * n);
    }
    free(h);
}

void ref_rmsnorm_grad_w(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    zero(c, 0, out);
    EACH(at, gm_tensor_count(IN(0))) out[0][at % n] += in[2][at] * in[0][at] * in[1][at / n];
}

void ref_rope_table(const struct kit_case *c, double *const *in, double *const *out)
{
    (void)in;
    uint64_t half = c->attrs[1] / 2;
    EACH(at, c->attrs[0] * half)
    {
        double angle = (double)(at / half) * pow(attr(c, 2), -(double)(at % half) / (double)half);
        out[0][at] = cos(angle);
        out[1][at] = sin(angle);
    }
}

void ref_rope(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t d = c->attrs[0], half = d / 2, n = gm_tensor_cols(IN(0)), t = IN(0)->dims[1];
    double sign = c->attrs[1] ? -1 : 1;
    EACH(at, gm_tensor_count(IN(0)))
    {
        uint64_t position = at / n % t, i = at % n % d, pair = i % half;
        double cosine = in[1][position * half + pair], sine = sign * in[2][position * half + pair];
        out[0][at] = i < half ? in[0][at] * cosine - in[0][at + half] * sine
                              : in[0][at] * cosine + in[0][at - half] * sine;
    }
}

/* ---- attention ---- */

struct attention {
    uint64_t batch, t, heads, kv_heads, d;
    bool causal;
    double scale;
};

static struct attention attention(const struct kit_case *c)
{
    struct attention a = {.batch = IN(0)->dims[0],
                          .t = IN(0)->dims[1],
                          .heads = c->attrs[0],
                          .kv_heads = c->attrs[1],
                          .causal = c->attrs[2] != 0,
                          .scale = attr(c, 3)};
    a.d = IN(0)->dims[2] / a.heads;
    return a;
}

/* Offsets of a query's row and of a key's. */
static uint64_t q_at(const struct attention *a, uint64_t b, uint64_t h, uint64_t i)
{
    return ((b * a->t + i) * a->heads + h) * a->d;
}

static uint64_t k_at(const struct attention *a, uint64_t b, uint64_t h, uint64_t j)
{
    uint64_t kv_head = h / (a->heads / a->kv_heads);
    return ((b * a->t + j) * a->kv_heads + kv_head) * a->d;
}

static double dot(const double *x, const double *y, uint64_t n)
{
    double sum = 0;
    EACH(i, n) sum += x[i] * y[i];
    return sum;
}

static void attention_row(const struct attention *a, double *const *in, double *const *out,
                          uint64_t b, uint64_t h, uint64_t i)
{
    uint64_t keys = a->causal ? i + 1 : a->t;
    const double *q = in[0] + q_at(a, b, h, i);
    double *o = out[0] + q_at(a, b, h, i);
    double m = -INFINITY, l = 0;
    EACH(j, keys) m = fmax(m, a->scale * dot(q, in[1] + k_at(a, b, h, j), a->d));
    EACH(d, a->d) o[d] = 0;
    EACH(j, keys)
    {
        double e = exp(a->scale * dot(q, in[1] + k_at(a, b, h, j), a->d) - m);
        l += e;
        EACH(d, a->d) o[d] += e * in[2][k_at(a, b, h, j) + d];
    }
    EACH(d, a->d) o[d] /= l;
    out[1][(b * a->heads + h) * a->t + i] = m;
    out[2][(b * a->heads + h) * a->t + i] = l;
}

void ref_attention(const struct kit_case *c, double *const *in, double *const *out)
{
    struct attention a = attention(c);
    EACH(b, a.batch)
    EACH(h, a.heads)
    EACH(i, a.t) attention_row(&a, in, out, b, h, i);
}

/* m, l and o are inputs like others here: the formulas hold for any. */
static void attention_grad_row(const struct attention *a, double *const *in, double *const *out,
                               uint64_t b, uint64_t h, uint64_t i)
{
    uint64_t keys = a->causal ? i + 1 : a->t;
    uint64_t at = q_at(a, b, h, i), stat = (b * a->heads + h) * a->t + i;
    double total = dot(in[6] + at, in[3] + at, a->d);
    EACH(j, keys)
    {
        uint64_t kv = k_at(a, b, h, j);
        double s = a->scale * dot(in[0] + at, in[1] + kv, a->d);
        double p = exp(s - in[4][stat]) / in[5][stat];
        double ds = p * (dot(in[6] + at, in[2] + kv, a->d) - total) * a->scale;
        EACH(d, a->d)
        {
            out[0][at + d] += ds * in[1][kv + d];
            out[1][kv + d] += ds * in[0][at + d];
            out[2][kv + d] += p * in[6][at + d];
        }
    }
}

void ref_attention_grad(const struct kit_case *c, double *const *in, double *const *out)
{
    struct attention a = attention(c);
    EACH(j, 3) zero(c, (uint32_t)j, out);
    EACH(b, a.batch)
    EACH(h, a.heads)
    EACH(i, a.t) attention_grad_row(&a, in, out, b, h, i);
}

/* ---- losses ---- */

void ref_cross_entropy(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    out[0][0] = out[1][0] = 0;
    EACH(r, gm_tensor_rows(IN(0)))
    {
        double m = -INFINITY, l = 0;
        EACH(i, n) m = fmax(m, in[0][r * n + i]);
        EACH(i, n) l += exp(in[0][r * n + i] - m);
        out[2][r] = m;
        out[3][r] = l;
        if (in[1][r] == UINT32_MAX)
            continue;
        out[0][0] += log(l) + m - in[0][r * n + (uint64_t)in[1][r]];
        out[1][0] += 1;
    }
}

void ref_cross_entropy_grad(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t n = gm_tensor_cols(IN(0));
    EACH(at, gm_tensor_count(IN(0)))
    {
        uint64_t r = at / n;
        double p = exp(in[0][at] - in[2][r]) / in[3][r];
        double hit = in[1][r] == (double)(at % n) ? 1 : 0;
        out[0][at] = in[1][r] == UINT32_MAX ? 0 : (p - hit) * in[4][0];
    }
}

void ref_mse(const struct kit_case *c, double *const *in, double *const *out)
{
    uint64_t count = gm_tensor_count(IN(0));
    out[0][0] = 0;
    EACH(i, count) out[0][0] += (in[0][i] - in[1][i]) * (in[0][i] - in[1][i]);
    out[1][0] = (double)count;
}

void ref_mse_grad(const struct kit_case *c, double *const *in, double *const *out)
{
    EACH(i, gm_tensor_count(IN(0))) out[0][i] = 2 * (in[0][i] - in[1][i]) * in[2][0];
}

/* ---- images ---- */

/* Calls for every pair of an input element and a weight that meet in an output element. */
typedef void conv_term(double *const *in, double *const *out, uint64_t x, uint64_t w, uint64_t y);

static void each_term(const uint64_t x[4], const uint64_t w[4], const uint64_t y[4],
                      const uint64_t *attrs, conv_term *term, double *const *in, double *const *out)
{
    EACH(n, x[0])
    EACH(o, w[0])
    EACH(at, y[2] * y[3])
    EACH(k, w[1] * w[2] * w[3])
    {
        uint64_t ch = k / (w[2] * w[3]), kh = k / w[3] % w[2], kw = k % w[3];
        int64_t row = (int64_t)(at / y[3] * attrs[0] + kh) - (int64_t)attrs[2];
        int64_t col = (int64_t)(at % y[3] * attrs[1] + kw) - (int64_t)attrs[3];
        if (row < 0 || col < 0 || row >= (int64_t)x[2] || col >= (int64_t)x[3])
            continue;
        uint64_t x_at = ((n * x[1] + ch) * x[2] + (uint64_t)row) * x[3] + (uint64_t)col;
        term(in, out, x_at, o * w[1] * w[2] * w[3] + k, (n * w[0] + o) * y[2] * y[3] + at);
    }
}

static void term_y(double *const *in, double *const *out, uint64_t x, uint64_t w, uint64_t y)
{
    out[0][y] += in[0][x] * in[1][w];
}

static void term_x(double *const *in, double *const *out, uint64_t x, uint64_t w, uint64_t y)
{
    out[0][x] += in[0][w] * in[1][y];
}

static void term_w(double *const *in, double *const *out, uint64_t x, uint64_t w, uint64_t y)
{
    out[0][w] += in[0][x] * in[1][y];
}

void ref_conv2d(const struct kit_case *c, double *const *in, double *const *out)
{
    const struct gm_tensor_desc *y = out_desc(c, 0);
    zero(c, 0, out);
    each_term(IN(0)->dims, IN(1)->dims, y->dims, c->attrs, term_y, in, out);
    EACH(i, c->input_count == 3 ? gm_tensor_count(y) : 0)
    out[0][i] += in[2][i / (y->dims[2] * y->dims[3]) % y->dims[1]];
}

void ref_conv2d_grad_x(const struct kit_case *c, double *const *in, double *const *out)
{
    zero(c, 0, out);
    each_term(out_desc(c, 0)->dims, IN(0)->dims, IN(1)->dims, c->attrs, term_x, in, out);
}

void ref_conv2d_grad_w(const struct kit_case *c, double *const *in, double *const *out)
{
    zero(c, 0, out);
    each_term(IN(0)->dims, out_desc(c, 0)->dims, IN(1)->dims, c->attrs, term_w, in, out);
}

void ref_max_pool2d(const struct kit_case *c, double *const *in, double *const *out)
{
    const uint64_t *x = IN(0)->dims, *y = out_desc(c, 0)->dims;
    EACH(at, gm_tensor_count(out_desc(c, 0)))
    {
        uint64_t plane = at / (y[2] * y[3]);
        uint64_t top = at / y[3] % y[2] * c->attrs[2], left = at % y[3] * c->attrs[3];
        out[0][at] = -INFINITY;
        EACH(k, c->attrs[0] * c->attrs[1])
        {
            uint64_t i = (top + k / c->attrs[1]) * x[3] + left + k % c->attrs[1];
            double value = in[0][plane * x[2] * x[3] + i];
            if (value <= out[0][at])
                continue;
            out[0][at] = value;
            out[1][at] = (double)i;
        }
    }
}

/* Only windows over a position count, wherever an index may point. */
void ref_max_pool2d_grad(const struct kit_case *c, double *const *in, double *const *out)
{
    const uint64_t *y = IN(0)->dims, *x = out_desc(c, 0)->dims;
    zero(c, 0, out);
    EACH(at, gm_tensor_count(IN(0)))
    {
        uint64_t plane = at / (y[2] * y[3]), i = (uint64_t)in[0][at];
        uint64_t top = at / y[3] % y[2] * c->attrs[2], left = at % y[3] * c->attrs[3];
        uint64_t row = i / x[3], col = i % x[3];
        if (row >= top && row < top + c->attrs[0] && col >= left && col < left + c->attrs[1])
            out[0][plane * x[2] * x[3] + i] += in[1][at];
    }
}
