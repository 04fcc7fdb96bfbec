/* Right: every operation against double precision, every gradient against finite differences of
   double precision. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gm_test.h"
#include "kit.h"

struct doubles {
    double *in[GM_OP_INPUTS_MAX];
    double *out[GM_OP_OUTPUTS_MAX];
};

static double element(const struct gm_tensor *tensor, uint64_t i)
{
    return tensor->desc.dtype == GM_DTYPE_F32 ? (double)((const float *)tensor->data)[i]
                                              : (double)((const uint32_t *)tensor->data)[i];
}

static const struct gm_tensor_desc *output_desc(const struct kit_case *c, uint32_t j)
{
    return &c->program->values[c->program->nodes[0].output_first + j];
}

static void doubles_init(struct doubles *d, const struct kit_case *c)
{
    memset(d, 0, sizeof *d);
    for (uint32_t i = 0; i < c->input_count; i++) {
        uint64_t count = gm_tensor_count(&c->inputs[i].desc);
        d->in[i] = gm_mem_new(count, sizeof(double));
        for (uint64_t k = 0; k < count; k++)
            d->in[i][k] = element(&c->inputs[i], k);
    }
    for (uint32_t j = 0; j < c->output_count; j++)
        d->out[j] = gm_mem_new(gm_tensor_count(output_desc(c, j)), sizeof(double));
}

static void doubles_fini(struct doubles *d)
{
    for (uint32_t i = 0; i < GM_OP_INPUTS_MAX; i++)
        gm_mem_free(d->in[i]);
    for (uint32_t j = 0; j < GM_OP_OUTPUTS_MAX; j++)
        gm_mem_free(d->out[j]);
}

static void expect_close(const struct kit_case *c, const struct doubles *d, double tolerance)
{
    for (uint32_t j = 0; j < c->output_count; j++) {
        uint64_t count = gm_tensor_count(&c->outputs[j].desc);
        double greatest = 0;
        for (uint64_t i = 0; i < count; i++)
            greatest = fmax(greatest, fabs(d->out[j][i]));
        bool whole = c->outputs[j].desc.dtype != GM_DTYPE_F32;
        for (uint64_t i = 0; i < count; i++) {
            double got = element(&c->outputs[j], i);
            double want = tolerance == 0 && !whole ? (double)(float)d->out[j][i] : d->out[j][i];
            double room = whole ? 0 : tolerance * greatest;
            cr_assert(fabs(got - want) <= room,
                      "%s: output %u element %llu is %.9g, expected %.9g within %.3g",
                      kit_case_text(c), j, (unsigned long long)i, got, want, room);
        }
    }
}

static void compare(const struct kit_op *op, enum kit_flavour flavour, uint64_t seed,
                    struct gm_device *device)
{
    struct kit_case c;
    struct doubles d;
    kit_case_init(&c, op, flavour, seed);
    kit_case_run(&c, device);
    doubles_init(&d, &c);
    op->reference(&c, d.in, d.out);
    expect_close(&c, &d, op->tolerance);
    doubles_fini(&d);
    kit_case_fini(&c);
}

Test(accuracy, every_operation_agrees_with_double_precision)
{
    struct gm_device *device = kit_open(NULL, 2);
    for (uint32_t i = 0; i < kit_op_count; i++) {
        for (uint64_t seed = 0; seed < 6; seed++)
            compare(&kit_ops[i], KIT_PLAIN, seed, device);
        compare(&kit_ops[i], KIT_LARGE, 0, device);
    }
    device->ops->close(device);
}

/* ---- gradients ---- */

/* A loss with a different weight on every element of the operation's first output. */
struct gradient_test {
    const struct kit_op *op;
    struct kit_case c;
    struct doubles d;
    struct gm_tensor weights;
    struct gm_tensor gradients[GM_OP_INPUTS_MAX + 1]; /* per f32 input, in order */
    uint32_t wanted_count;
    uint32_t wanted[GM_OP_INPUTS_MAX];
};

/* Tables of angles and the like have no gradient by design. */
static bool differentiable(enum gm_op op, uint32_t input, const struct gm_tensor *tensor)
{
    return tensor->desc.dtype == GM_DTYPE_F32 && (op != GM_OP_ROPE || input == 0);
}

static struct gm_program *gradient_program(struct gradient_test *t)
{
    struct gm_builder *builder = gm_builder_new();
    gm_value values[GM_OP_INPUTS_MAX], wanted[GM_OP_INPUTS_MAX], gradients[GM_OP_INPUTS_MAX];
    gm_value y = kit_case_build(&t->c, builder, values);
    gm_value weights =
        gm_builder_input(builder, GM_SOURCE_TENSOR, "weights", *output_desc(&t->c, 0));
    gm_value product =
        gm_builder_node(builder, GM_OP_MUL, 2, (gm_value[]){y, weights}, NULL, 0, NULL);
    gm_value loss = gm_builder_node(builder, GM_OP_SUM, 1, &product, NULL, 0, NULL);
    for (uint32_t i = 0; i < t->c.input_count; i++) {
        if (!differentiable(t->c.op, i, &t->c.inputs[i]))
            continue;
        t->wanted[t->wanted_count] = i;
        wanted[t->wanted_count++] = values[i];
    }
    gm_autodiff(builder, loss, t->wanted_count, wanted, gradients);
    for (uint32_t g = 0; g < t->wanted_count; g++) {
        char name[16];
        snprintf(name, sizeof name, "d%u", g);
        gm_builder_output(builder, name, gradients[g]);
    }
    struct gm_program *program = NULL;
    struct gm_error err = {0};
    cr_assert_eq(gm_builder_finish(builder, &program, &err), GM_OK, "%s: %s", kit_case_text(&t->c),
                 err.text);
    return program;
}

static double loss_of(struct gradient_test *t)
{
    t->op->reference(&t->c, t->d.in, t->d.out);
    double loss = 0;
    for (uint64_t i = 0; i < gm_tensor_count(&t->weights.desc); i++)
        loss += t->d.out[0][i] * element(&t->weights, i);
    return loss;
}

/* Central difference of order 4 with respect to one element of an input. */
static double difference(struct gradient_test *t, uint32_t input, uint64_t i)
{
    const double h = 1e-4;
    double *x = &t->d.in[input][i];
    double at = *x, loss[4];
    const double steps[4] = {1, -1, 2, -2};
    for (int k = 0; k < 4; k++) {
        *x = at + steps[k] * h;
        loss[k] = loss_of(t);
    }
    *x = at;
    return (8 * (loss[0] - loss[1]) - (loss[2] - loss[3])) / (12 * h);
}

static void expect_gradient(struct gradient_test *t, uint32_t g)
{
    enum { ELEMENTS = 25 };
    uint32_t input = t->wanted[g];
    uint64_t count = gm_tensor_count(&t->c.inputs[input].desc);
    double greatest = 1e-3;
    for (uint64_t i = 0; i < count; i++)
        greatest = fmax(greatest, fabs(element(&t->gradients[g], i)));
    for (uint32_t n = 0; n < ELEMENTS; n++) {
        uint64_t i = kit_random_range(&t->c.random, 0, count - 1);
        double x = t->d.in[input][i];
        if (t->c.op == GM_OP_RELU && fabs(x) < 1e-3)
            continue; /* no derivative at the corner */
        double want = difference(t, input, i);
        double got = element(&t->gradients[g], i);
        cr_assert(fabs(got - want) <= 2e-5 * greatest,
                  "%s: gradient of input %u, element %llu, is %.9g, expected %.9g of at most %.3g",
                  kit_case_text(&t->c), input, (unsigned long long)i, got, want, greatest);
    }
}

static void check_gradients(const struct kit_op *op, uint64_t seed, struct gm_device *device)
{
    struct gradient_test t = {.op = op};
    kit_case_init(&t.c, op, KIT_PLAIN, seed);
    doubles_init(&t.d, &t.c);
    t.weights = kit_tensor_new(output_desc(&t.c, 0));
    kit_tensor_fill(&t.weights, &t.c.random, KIT_NORMAL, 0);
    struct gm_program *program = gradient_program(&t);

    struct gm_tensor inputs[GM_OP_INPUTS_MAX + 1];
    memcpy(inputs, t.c.inputs, sizeof t.c.inputs);
    inputs[t.c.input_count] = t.weights;
    struct gm_exec_args args = {.iterations = 1};
    struct gm_error err = {0};
    enum gm_status status = kit_run(device, program, &args, inputs, t.gradients, &err);
    cr_assert_eq(status, GM_OK, "%s: %s", kit_case_text(&t.c), err.text);
    for (uint32_t g = 0; g < t.wanted_count; g++) {
        expect_gradient(&t, g);
        gm_mem_free(t.gradients[g].data);
    }
    gm_program_free(program);
    gm_mem_free(t.weights.data);
    doubles_fini(&t.d);
    kit_case_fini(&t.c);
}

Test(accuracy, every_gradient_agrees_with_finite_differences)
{
    struct gm_device *device = kit_open(NULL, 1);
    for (uint32_t i = 0; i < kit_op_count; i++) {
        for (uint64_t seed = 0; kit_ops[i].gradient && seed < 4; seed++)
            check_gradients(&kit_ops[i], seed, device);
    }
    device->ops->close(device);
}
