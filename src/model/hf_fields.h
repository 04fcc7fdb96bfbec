/* Inside the layer: fields that any Hugging Face config may carry. What steers generation, logging
   or storage is ignored; what would change the computation must have its usual value. */
#ifndef GM_MODEL_HF_FIELDS_H
#define GM_MODEL_HF_FIELDS_H

#include "model/json.h"

#define GM_IGNORED(name_)                                                                          \
    {                                                                                              \
        .name = (name_), .kind = GM_FIELD_IGNORED                                                  \
    }
#define GM_FIXED(name_, expected_)                                                                 \
    {                                                                                              \
        .name = (name_), .kind = GM_FIELD_FIXED, .expected = (expected_)                           \
    }

/* clang-format off */
#define GM_HF_COMMON_FIELDS                                                                        \
    GM_FIXED("add_cross_attention", "false"), GM_FIXED("is_encoder_decoder", "false"),             \
    GM_FIXED("pruned_heads", "{}"), GM_FIXED("quantization_config", "null"),                       \
    GM_FIXED("chunk_size_feed_forward", "0"), GM_FIXED("auto_map", "null"),                        \
    GM_IGNORED("model_type"), GM_IGNORED("architectures"), GM_IGNORED("_name_or_path"),            \
    GM_IGNORED("name_or_path"), GM_IGNORED("_attn_implementation"),                                \
    GM_IGNORED("attn_implementation"), GM_IGNORED("_commit_hash"),                                 \
    GM_IGNORED("transformers_version"), GM_IGNORED("torch_dtype"), GM_IGNORED("dtype"),            \
    GM_IGNORED("use_cache"), GM_IGNORED("bos_token_id"), GM_IGNORED("eos_token_id"),               \
    GM_IGNORED("pad_token_id"), GM_IGNORED("sep_token_id"), GM_IGNORED("unk_token_id"),            \
    GM_IGNORED("decoder_start_token_id"), GM_IGNORED("task_specific_params"),                      \
    GM_IGNORED("id2label"), GM_IGNORED("label2id"), GM_IGNORED("num_labels"),                      \
    GM_IGNORED("problem_type"), GM_IGNORED("finetuning_task"), GM_IGNORED("output_attentions"),    \
    GM_IGNORED("output_hidden_states"), GM_IGNORED("output_scores"), GM_IGNORED("return_dict"),    \
    GM_IGNORED("return_dict_in_generate"), GM_IGNORED("torchscript"), GM_IGNORED("use_bfloat16"),  \
    GM_IGNORED("tf_legacy_loss"), GM_IGNORED("tokenizer_class"), GM_IGNORED("prefix"),             \
    GM_IGNORED("gradient_checkpointing"), GM_IGNORED("is_decoder"), GM_IGNORED("max_length"),      \
    GM_IGNORED("min_length"), GM_IGNORED("do_sample"), GM_IGNORED("early_stopping"),               \
    GM_IGNORED("num_beams"), GM_IGNORED("num_beam_groups"), GM_IGNORED("diversity_penalty"),       \
    GM_IGNORED("temperature"), GM_IGNORED("top_k"), GM_IGNORED("top_p"), GM_IGNORED("typical_p"),  \
    GM_IGNORED("repetition_penalty"), GM_IGNORED("length_penalty"),                                \
    GM_IGNORED("no_repeat_ngram_size"), GM_IGNORED("encoder_no_repeat_ngram_size"),                \
    GM_IGNORED("bad_words_ids"), GM_IGNORED("num_return_sequences"),                               \
    GM_IGNORED("exponential_decay_length_penalty"), GM_IGNORED("suppress_tokens"),                 \
    GM_IGNORED("begin_suppress_tokens"), GM_IGNORED("forced_bos_token_id"),                        \
    GM_IGNORED("forced_eos_token_id"), GM_IGNORED("remove_invalid_values"),                        \
    GM_IGNORED("cross_attention_hidden_size"), GM_IGNORED("tie_encoder_decoder")
/* clang-format on */

/* A whole number from min to max, a number from low to high; `type` is the config struct. */
#define GM_COUNT(name_, type, required_, min_, max_)                                               \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_U64, .offset = offsetof(type, name_),                     \
        .required = (required_), .min = (min_), .max = (max_)                                      \
    }
/* The same; null is the same as absent. */
#define GM_COUNT_OR_NULL(name_, type, min_, max_)                                                  \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_U64, .offset = offsetof(type, name_), .nullable = true,   \
        .min = (min_), .max = (max_)                                                               \
    }
#define GM_REAL(name_, type, low_, high_)                                                          \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_REAL, .offset = offsetof(type, name_), .low = (low_),     \
        .high = (high_)                                                                            \
    }
#define GM_FLAG(name_, type)                                                                       \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_BOOL, .offset = offsetof(type, name_)                     \
    }
#define GM_CHOICE(name_, type, choices_)                                                           \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_CHOICE, .offset = offsetof(type, name_),                  \
        .choices = (choices_)                                                                      \
    }
#define GM_NODE(name_, type)                                                                       \
    {                                                                                              \
        .name = #name_, .kind = GM_FIELD_NODE, .offset = offsetof(type, name_), .nullable = true   \
    }

/* Refuses dropout above 0 unless the job has switched it off. `value` is the config's, or the
   default that Hugging Face gives to an absent field. */
enum gm_status gm_dropout_check(const struct gm_json *doc, const char *field, double value,
                                bool dropout_off, struct gm_error *err) GM_MUST_USE;

#endif
