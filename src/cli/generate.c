/* gradmill generate: lets a trained model go on with a text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/device.h"
#include "cli/json_print.h"
#include "cli/sample.h"
#include "cli/verb.h"
#include "cli/writer.h"

enum { BYTE_VOCAB = 256, TOKENS_MAX = 1 << 24, PROMPT_MAX = 1 << 20 };

struct generate {
    const struct gm_args *args;
    bool json;
    bool bytes;    /* tokens are bytes of a text; otherwise ids are read and shown */
    bool terminal; /* standard output is one */
    struct gm_device *device;
    struct gm_writer writer;
    struct gm_sampler sampler;
    float *logits;
    uint32_t *tokens; /* the prompt, then what was chosen */
    size_t prompt_count;
    size_t count;
};

/* ---- the prompt ---- */

static enum gm_status prompt_room(struct generate *generate, size_t prompt_count,
                                  struct gm_error *err)
{
    uint64_t wanted;
    GM_TRY(gm_args_u64(generate->args, "--tokens", 1, TOKENS_MAX, &wanted, err));
    if (prompt_count == 0 || prompt_count > PROMPT_MAX)
        return gm_error_set(err, GM_USAGE, "the prompt has %zu tokens; expected 1 to %d",
                            prompt_count, PROMPT_MAX);
    generate->prompt_count = prompt_count;
    generate->tokens = gm_mem_new(prompt_count + wanted, sizeof *generate->tokens);
    if (generate->tokens == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    return GM_OK;
}

static enum gm_status prompt_text(struct generate *generate, const char *text, struct gm_error *err)
{
    if (!generate->bytes)
        return gm_error_set(err, GM_USAGE,
                            "--prompt: the model's vocabulary has %u tokens, which are not bytes; "
                            "give ids with --prompt-tokens",
                            generate->writer.model->vocab);
    GM_TRY(prompt_room(generate, strlen(text), err));
    for (size_t i = 0; text[i] != '\0'; i++)
        generate->tokens[i] = (uint8_t)text[i];
    return GM_OK;
}

/* "1,2,3" */
static enum gm_status prompt_ids(struct generate *generate, const char *text, struct gm_error *err)
{
    size_t count = 1;
    for (const char *c = text; *c != '\0'; c++)
        count += *c == ',';
    GM_TRY(prompt_room(generate, count, err));
    for (size_t i = 0; i < count; i++) {
        char id[24];
        uint64_t value;
        size_t size = strcspn(text, ",");
        (void)snprintf(id, sizeof id, "%.*s", (int)(size < sizeof id ? size : sizeof id), text);
        GM_TRY(
            gm_text_u64("--prompt-tokens", id, 0, generate->writer.model->vocab - 1, &value, err));
        generate->tokens[i] = (uint32_t)value;
        text += size + (text[size] == ',');
    }
    return GM_OK;
}

static enum gm_status prompt_read(struct generate *generate, struct gm_error *err)
{
    const char *text = gm_args_value(generate->args, "--prompt");
    const char *ids = gm_args_value(generate->args, "--prompt-tokens");
    if ((text == NULL) == (ids == NULL))
        return gm_error_set(err, GM_USAGE, "one of --prompt and --prompt-tokens is needed");
    return text != NULL ? prompt_text(generate, text, err) : prompt_ids(generate, ids, err);
}

/* ---- output ---- */

/* What a model makes up must not steer a terminal: control characters show as "?". A pipe gets
   every byte as it is. */
static void byte_print(const struct generate *generate, size_t index)
{
    uint32_t byte = generate->tokens[index];
    bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    /* The second byte of U+0080 to U+009F, which some terminals obey. */
    bool control_c1 =
        byte >= 0x80 && byte < 0xa0 && index > 0 && generate->tokens[index - 1] == 0xc2;
    (void)fputc(generate->terminal && (control || control_c1) ? '?' : (int)byte, stdout);
}

static void token_print(const struct generate *generate, size_t index)
{
    if (generate->json)
        return;
    if (generate->bytes)
        byte_print(generate, index);
    else
        (void)printf("%s%u", index > 0 ? "," : "", generate->tokens[index]);
    (void)fflush(stdout);
}

static json_t *tokens_json(const uint32_t *tokens, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < count; i++) {
        if (json_array_append_new(array, json_integer(tokens[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *text_json(const uint32_t *tokens, size_t count)
{
    char *text = gm_mem_new(count, 1);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        text[i] = (char)tokens[i];
    json_t *value = gm_json_text(text, count);
    gm_mem_free(text);
    return value;
}

static enum gm_status result_json(const struct generate *generate, struct gm_error *err)
{
    const uint32_t *chosen = generate->tokens + generate->prompt_count;
    size_t count = generate->count - generate->prompt_count;
    json_t *object = json_pack("{s:o, s:o}", "prompt_tokens",
                               tokens_json(generate->tokens, generate->prompt_count), "tokens",
                               tokens_json(chosen, count));
    if (object != NULL && generate->bytes &&
        json_object_set_new(object, "text", text_json(chosen, count)) != 0) {
        json_decref(object);
        object = NULL;
    }
    return gm_json_print(object, err);
}

/* ---- the run ---- */

static enum gm_status text_make(struct generate *generate, struct gm_error *err)
{
    uint64_t wanted;
    GM_TRY(gm_args_u64(generate->args, "--tokens", 1, TOKENS_MAX, &wanted, err));
    for (; generate->count < generate->prompt_count; generate->count++)
        token_print(generate, generate->count);
    for (uint64_t i = 0; i < wanted; i++) {
        GM_TRY(gm_writer_logits(&generate->writer, generate->tokens, generate->count,
                                generate->logits, err));
        generate->tokens[generate->count] =
            gm_sampler_choose(&generate->sampler, generate->logits, i);
        token_print(generate, generate->count++);
    }
    if (generate->json)
        return result_json(generate, err);
    (void)fputc('\n', stdout);
    return GM_OK;
}

static enum gm_status temperature_read(const struct gm_args *args, float *out, struct gm_error *err)
{
    const char *text = gm_args_value(args, "--temperature");
    char *end = NULL;
    double value = strtod(text, &end);
    bool digits = strspn(text, "0123456789.eE+-") == strlen(text) && text[0] != '\0';
    if (!digits || *end != '\0' || !(value >= 0 && value <= 1000))
        return gm_error_set(err, GM_USAGE,
                            "--temperature: \"%s\": expected a number from 0 to 1000", text);
    *out = (float)value;
    return GM_OK;
}

static enum gm_status sampler_make(struct generate *generate, struct gm_error *err)
{
    float temperature = 0;
    uint64_t top;
    uint64_t seed;
    uint32_t vocab = generate->writer.model->vocab;
    GM_TRY(temperature_read(generate->args, &temperature, err));
    GM_TRY(gm_args_u64(generate->args, "--top-k", 0, UINT32_MAX, &top, err));
    GM_TRY(gm_args_u64(generate->args, "--seed", 0, UINT64_MAX, &seed, err));
    generate->logits = gm_mem_new(vocab, sizeof *generate->logits);
    if (generate->logits == NULL)
        return gm_error_set(err, GM_NO_MEMORY, "not enough memory");
    return gm_sampler_init(&generate->sampler, vocab, temperature, (uint32_t)top, seed, err);
}

static enum gm_status generate_do(struct generate *generate, struct gm_error *err)
{
    const struct gm_args *args = generate->args;
    uint64_t window;
    GM_TRY(gm_args_u64(args, "--window", 0, UINT32_MAX, &window, err));
    GM_TRY(gm_device_from_args(args, &generate->device, err));
    GM_TRY(gm_writer_open(args->operands[0], (uint32_t)window, generate->device, &generate->writer,
                          err));
    generate->bytes = generate->writer.model->vocab == BYTE_VOCAB;
    GM_TRY(prompt_read(generate, err));
    GM_TRY(sampler_make(generate, err));
    return text_make(generate, err);
}

static enum gm_status generate_run(const struct gm_args *args, struct gm_error *err)
{
    struct generate generate = {
        .args = args, .json = gm_args_has(args, "--json"), .terminal = isatty(STDOUT_FILENO) == 1};
    enum gm_status status = generate_do(&generate, err);
    gm_sampler_fini(&generate.sampler);
    gm_mem_free(generate.logits);
    gm_mem_free(generate.tokens);
    if (generate.writer.model != NULL)
        gm_writer_close(&generate.writer);
    if (generate.device != NULL)
        generate.device->ops->close(generate.device);
    return status;
}

static const struct gm_option generate_options[] = {
    {"--prompt", "TEXT", "the text to go on with, for models of bytes", NULL},
    {"--prompt-tokens", "IDS", "the same as token ids, as 1,2,3, for any model", NULL},
    {"--tokens", "N", "how many tokens to add", "200"},
    {"--temperature", "T", "0: always the likeliest; higher: more chance", "0.8"},
    {"--top-k", "K", "choose among the K likeliest only; 0: all", "0"},
    {"--seed", "S", "another seed, another text", "0"},
    {"--window", "N",
     "tokens the model looks back on, best as many as it was\n"
     "trained on; 0: all its positions",
     "0"},
    {"--json", NULL, "one JSON object, with the ids", NULL},
    GM_DEVICE_OPTIONS,
    {NULL, NULL, NULL, NULL},
};

static const char generate_details[] =
    "The model's config.json must lie beside its weights. Models with a vocabulary of\n"
    "256 are models of bytes: the prompt and the answer are text. Others take and\n"
    "show token ids. The same command gives the same text on every machine.\n"
    "With --json, \"text\" has U+FFFD for what is not UTF-8; \"tokens\" are exact.";

const struct gm_verb gm_verb_generate = {
    .text = {.name = "generate",
             .usage = "DIR|MODEL.safetensors --prompt TEXT [options]",
             .summary = "let a trained model go on with a text",
             .details = generate_details,
             .options = generate_options,
             .operands_min = 1,
             .operands_max = 1},
    .run = generate_run,
};
