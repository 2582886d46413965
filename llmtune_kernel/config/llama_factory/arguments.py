"""The arguments of LLaMA-Factory and of transformers' `Seq2SeqTrainingArguments`, and what becomes of each."""

from __future__ import annotations

# Arguments that are settings of ours with the same values. Of some objectives and methods only: below.
SAME = {
    "model_name_or_path": "model.name_or_path",
    "rope_scaling": "model.rope_scaling",
    "shift_attn": "model.shift_attn",
    "dataset_dir": "data.dataset_dir",
    "cutoff_len": "data.max_length",
    "max_samples": "data.limit",
    "train_on_prompt": "data.train_on_prompt",
    "mask_history": "data.mask_history",
    "mix_strategy": "data.mix",
    "val_size": "data.eval_fraction",
    "per_device_train_batch_size": "training.per_device_train_batch_size",
    "per_device_eval_batch_size": "training.per_device_eval_batch_size",
    "gradient_accumulation_steps": "training.gradient_accumulation_steps",
    "learning_rate": "training.learning_rate",
    "num_train_epochs": "training.num_train_epochs",
    "lr_scheduler_type": "training.lr_scheduler_type",
    "warmup_ratio": "training.warmup_ratio",
    "weight_decay": "training.weight_decay",
    "max_grad_norm": "training.max_grad_norm",
    "optim": "training.optim",
    "auto_find_batch_size": "training.auto_batch_size",
    "fp8": "training.fp8",
    "seed": "training.seed",
    "logging_steps": "training.logging_steps",
    "eval_steps": "training.eval_steps",
    "save_steps": "training.save_steps",
    "save_total_limit": "training.save_total_limit",
    "load_best_model_at_end": "training.load_best_model_at_end",
    "early_stopping_steps": "training.early_stopping_patience",
    "adam_beta1": "training.adam_beta1",
    "adam_beta2": "training.adam_beta2",
    "adam_epsilon": "training.adam_epsilon",
    "optim_args": "training.optim_args",
}
OF_METHOD = {
    "lora": {
        "lora_rank": "method.r",
        "lora_alpha": "method.lora_alpha",
        "lora_dropout": "method.lora_dropout",
        "use_rslora": "method.use_rslora",
        "use_dora": "method.use_dora",
        "loraplus_lr_ratio": "method.loraplus_lr_ratio",
        "lora_target": "",
        "additional_target": "",
        "pissa_init": "",
        "pissa_iter": "",
        "adapter_name_or_path": "",
        "create_new_adapter": "",
        "use_llama_pro": "",
    },
    "freeze": {
        "freeze_trainable_layers": "method.trainable_layers",
        "freeze_trainable_modules": "",
        "freeze_extra_modules": "",
        "use_llama_pro": "",
    },
    "full": {},
    "oft": {
        "oft_rank": "method.r",
        "oft_block_size": "method.oft_block_size",
        "module_dropout": "method.module_dropout",
        "oft_target": "",
        "additional_target": "",
        "adapter_name_or_path": "",
        "create_new_adapter": "",
    },
}
# Those that count for an adapter that is trained on, too.
WITH_ADAPTER = frozenset({"loraplus_lr_ratio", "adapter_name_or_path", "create_new_adapter"})
# Those of the stages that compare with a reference model.
REFERENCE = ("ref_model", "ref_model_adapters", "ref_model_quantization_bit")
OF_STAGE: dict[str, dict[str, str]] = {
    "pt": {},
    "sft": {
        "use_dft_loss": "",
        "use_eaft_loss": "",
        "use_asft_loss": "",
        "eaft_alpha": "objective.eaft_alpha",
        "asft_alpha": "objective.asft_alpha",
        "label_smoothing_factor": "objective.label_smoothing",
        "neftune_noise_alpha": "objective.neftune_noise_alpha",
    },
    "dpo": {
        "pref_loss": "objective.loss",
        "pref_beta": "objective.beta",
        "pref_ftx": "objective.pref_ftx",
        "dpo_label_smoothing": "objective.label_smoothing",
        "simpo_gamma": "objective.gamma",
        "ld_alpha": "objective.ld_alpha",
        **dict.fromkeys(REFERENCE, ""),
    },
    "kto": {
        "pref_beta": "objective.beta",
        "pref_ftx": "objective.pref_ftx",
        "kto_chosen_weight": "objective.desirable_weight",
        "kto_rejected_weight": "objective.undesirable_weight",
        **dict.fromkeys(REFERENCE, ""),
    },
    "rm": {},
    "ppo": {
        "reward_model": "objective.reward",
        "reward_model_type": "",
        "ppo_epochs": "objective.ppo_epochs",
        "ppo_buffer_size": "objective.num_mini_batches",
        "ppo_target": "objective.ppo_target",
        "ppo_score_norm": "objective.ppo_score_norm",
        "ppo_whiten_rewards": "objective.whiten_rewards",
        "max_new_tokens": "objective.response_length",
        "temperature": "objective.temperature",
        "top_p": "objective.top_p",
        "top_k": "objective.top_k",
        **dict.fromkeys(REFERENCE, ""),
    },
}
# Of these, those that other stages there have as well.
OF_SFT_HERE = ("label_smoothing_factor", "neftune_noise_alpha")
# Arguments that only another one gives an effect, with the value of it.
USED_WITH: dict[str, tuple[str, object]] = {
    "simpo_gamma": ("pref_loss", "simpo"),
    "eaft_alpha": ("use_eaft_loss", True),
    "asft_alpha": ("use_asft_loss", True),
}
# Optimizers by the argument that switches them on: their settings by our names, with what they are if left out.
OF_OPTIMIZER: dict[str, dict[str, tuple[str, str | int | float]]] = {
    "use_galore": {
        "galore_rank": ("rank", 16),
        "galore_update_interval": ("update_proj_gap", 200),
        "galore_scale": ("scale", 2.0),
        "galore_proj_type": ("proj_type", "std"),
    },
    "use_apollo": {
        "apollo_rank": ("rank", 16),
        "apollo_update_interval": ("update_proj_gap", 200),
        "apollo_scale": ("scale", 32.0),
        "apollo_proj": ("proj", "random"),
        "apollo_proj_type": ("proj_type", "std"),
        "apollo_scale_type": ("scale_type", "channel"),
    },
    "use_badam": {
        "badam_switch_mode": ("switch_mode", "ascending"),
        "badam_switch_interval": ("switch_every", 50),
    },
    "use_muon": {},
    "use_adam_mini": {},
}
# What a file leaves out, as that program takes it.
ITS_DEFAULTS = {
    "cutoff_len": 2048,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0.0,
    "per_device_train_batch_size": 8,
}
# The same of its stage ppo, whose weight of the divergence cannot be set.
ITS_PPO_DEFAULTS = {
    "ppo_target": 6.0,
    "max_new_tokens": 1024,
    "temperature": 0.95,
    "top_p": 0.7,
    "top_k": 50,
}
ITS_KL_COEF = 0.2
# The share of the tokens that its mixture of depths lets pass.
ITS_CAPACITY = 0.125
# How often it evaluates where it does so by steps and no number is given.
ITS_STEPS = 500
LISTS = ("freeze_trainable_modules", "freeze_extra_modules", "additional_target", "lora_target", "oft_target")

# Its chat templates that are ours, by our names. Of other names, the template of the model is taken.
TEMPLATES = {
    **dict.fromkeys(
        ("alpaca", "baichuan2", "bluelm", "chatml", "cohere", "deepseek", "exaone", "falcon", "gemma", "glm4")
    ),
    **dict.fromkeys(("llama2", "llama3", "llama4", "mistral", "orion", "openchat", "phi4", "qwen", "qwen3")),
    **dict.fromkeys(("solar", "starchat", "vicuna", "xverse", "yi", "zephyr")),
    "deepseek3": "deepseek-v3",
    "deepseekr1": "deepseek-r1",
    "granite3": "granite",
    "hermes2": "hermes",
    "phi": "phi3",
}
NO_THINKING = "_nothink"
# Those that have no name here: the model's own template is taken.
OTHER_TEMPLATES = [
    "aeva", "aquila", "atom", "baichuan", "bailing", "bailing_v2", "belle", "breeze", "chatglm2", "chatglm3",
    "chatml_de", "codegeex2", "codegeex4", "cpm", "cpm3", "cpm4", "dbrx", "deepseekcoder", "default", "dots_ocr",
    "empty", "ernie", "ernie_vl", "falcon_h1", "fewshot", "gemma2", "gemma3", "gemma3n", "gemma4", "gemma4n",
    "glm4_5v", "glm4_7", "glm4_moe", "glm4v", "glm_ocr", "glmz1", "gpt_oss", "granite3_vision", "granite4",
    "hunyuan", "hunyuan_small", "hy3", "hy_dense_1_8b", "hy_dense_7b", "index", "intern", "intern2", "intern_s1",
    "intern_vl", "internlm", "internlm2", "keye_vl", "kimi_vl", "lfm2", "lfm2_vl", "llama2_zh", "llava",
    "llava_next", "llava_next_llama3", "llava_next_mistral", "llava_next_qwen", "llava_next_video",
    "llava_next_video_mistral", "llava_next_video_yi", "llava_next_yi", "marco", "mimo", "mimo_v2", "mimo_vl",
    "minicpm_o", "minicpm_v", "minicpm_v_4_6", "minimax1", "minimax2", "ministral", "ministral3", "mistral_small",
    "mllama", "moonlight", "moss_vl", "neural", "olmo", "openchat-3.6", "opencoder", "paligemma", "paligemma_chat",
    "phi4_mini", "phi_small", "pixtral", "polylm", "qwen2_audio", "qwen2_omni", "qwen2_vl", "qwen3_5", "qwen3_6",
    "qwen3_omni", "qwen3_vl", "sailor", "seed_coder", "seed_oss", "skywork_o1", "smollm", "smollm2", "spark",
    "telechat", "telechat2", "vanilla", "video_llava", "xuanyuan", "yayi", "yi_vl", "youtu", "youtu_vl", "yuan",
    "ziya",
]  # fmt: skip

# Settings of what is switched off: they say nothing then.
SWITCHES = {
    "galore_": "use_galore",
    "apollo_": "use_apollo",
    "badam_": "use_badam",
    "profiler_": "enable_torch_profiler",
    "fp8_": "fp8",
    "kt_lora_expert_": "kt_use_lora_experts",
    "hub_": "push_to_hub",
    "liger_kernel_config": "use_liger_kernel",
    "metric_for_best_model": "load_best_model_at_end",
    "greater_is_better": "load_best_model_at_end",
}
# Arguments for which `no` is a word, and not a truth value.
STRATEGIES = ("eval_strategy", "logging_strategy", "save_strategy")
# Arguments that several others of ours are made of.
TRANSLATED = frozenset(
    {
        "stage",
        "finetuning_type",
        "do_train",
        "dataset",
        "eval_dataset",
        "interleave_probs",
        "template",
        "enable_thinking",
        "preserve_thinking",
        "packing",
        "neat_packing",
        "model_revision",
        "add_tokens",
        "add_special_tokens",
        "flash_attn",
        "use_unsloth",
        "use_unsloth_gc",
        "quantization_bit",
        "quantization_type",
        "quantization_method",
        "double_quantization",
        "mixture_of_depths",
        "enable_liger_kernel",
        "use_liger_kernel",
        "bf16",
        "fp16",
        "pure_bf16",
        "mixed_precision",
        "use_packed_sequences",
        "sequence_packing",
        "report_to",
        "max_steps",
        "eval_strategy",
        "save_strategy",
        "metric_for_best_model",
        "greater_is_better",
        "warmup_steps",
        "loraplus_lr_embedding",
        "gradient_checkpointing",
        "disable_gradient_checkpointing",
        "optim_target_modules",
        "galore_target",
        "galore_layerwise",
        "apollo_target",
        "apollo_layerwise",
        "badam_mode",
        *(name for switch, settings in OF_OPTIMIZER.items() for name in (switch, *settings)),
        *SAME,
        *(name for names in [*OF_METHOD.values(), *OF_STAGE.values()] for name in names),
    }
)
