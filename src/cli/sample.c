#include "cli/sample.h"

#include "base/mem.h"
#include "kernels/num/exp.h"
#include "kernels/num/random.h"

enum gm_status gm_sampler_init(struct gm_sampler *sampler, uint32_t vocab, float temperature,
                               uint32_t top, uint64_t seed, struct gm_error *err)
{
    *sampler = (struct gm_sampler){.temperature = temperature,
                                   .top = top > 0 && top < vocab ? top : vocab,
                                   .seed = seed,
                                   .vocab = vocab,
                                   .order = gm_mem_new(vocab, sizeof *sampler->order),
                                   .weights = gm_mem_new(vocab, sizeof *sampler->weights)};
    if (sampler->order != NULL && sampler->weights != NULL)
        return GM_OK;
    gm_sampler_fini(sampler);
    return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
}

void gm_sampler_fini(struct gm_sampler *sampler)
{
    gm_mem_free(sampler->order);
    gm_mem_free(sampler->weights);
    *sampler = (struct gm_sampler){0};
}

static uint32_t likeliest(const float *logits, uint32_t vocab)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < vocab; i++) {
        if (logits[i] > logits[best])
            best = i;
    }
    return best;
}

/* Whether token a goes before b: a total order, so that every way to sort gives the same. */
static bool before(const float *logits, uint32_t a, uint32_t b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* Lets order[at] sink to its place in a heap whose root is the last in order. */
static void heap_sink(uint32_t *order, const float *logits, uint32_t at, uint32_t count)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && before(logits, order[child], order[child + 1]))
            child++;
        if (!before(logits, order[at], order[child]))
            return;
        uint32_t kept = order[at];
        order[at] = order[child];
        order[child] = kept;
        at = child;
    }
}

/* order[0 .. top) becomes the `top` first tokens, in order. (qsort has no room for the logits.) */
static void order_make(struct gm_sampler *sampler, const float *logits)
{
    uint32_t *order = sampler->order;
    uint32_t top = sampler->top;
    for (uint32_t i = 0; i < top; i++)
        order[i] = i;
    for (uint32_t i = top / 2; i-- > 0;)
        heap_sink(order, logits, i, top);
    for (uint32_t i = top; i < sampler->vocab; i++) {
        if (!before(logits, i, order[0]))
            continue;
        order[0] = i;
        heap_sink(order, logits, 0, top);
    }
    for (uint32_t left = top; left > 1; left--) {
        uint32_t last = order[0];
        order[0] = order[left - 1];
        order[left - 1] = last;
        heap_sink(order, logits, 0, left - 1);
    }
}

uint32_t gm_sampler_choose(struct gm_sampler *sampler, const float *logits, uint64_t position)
{
    if (sampler->temperature == 0.0f)
        return likeliest(logits, sampler->vocab);
    order_make(sampler, logits);
    double total = 0;
    for (uint32_t i = 0; i < sampler->top; i++) {
        float below = logits[sampler->order[i]] - logits[sampler->order[0]];
        sampler->weights[i] = gm_f32_exp(below / sampler->temperature);
        total += (double)sampler->weights[i];
    }
    struct gm_philox random = gm_philox(sampler->seed, 0, position);
    double left = (double)gm_random_unit(random.word[0]) * total;
    for (uint32_t i = 0; i < sampler->top; i++) {
        left -= (double)sampler->weights[i];
        if (left < 0)
            return sampler->order[i];
    }
    return sampler->order[0]; /* rounding: as good as any */
}
