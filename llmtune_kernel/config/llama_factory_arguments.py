"""The arguments of LLaMA-Factory 0.9.5 and of transformers' `Seq2SeqTrainingArguments`, and what becomes of each."""

from __future__ import annotations

from llmtune_kernel.locale import N_

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
    "seed": "training.seed",
    "logging_steps": "training.logging_steps",
    "eval_steps": "training.eval_steps",
    "save_steps": "training.save_steps",
    "report_to": "tracking.report_to",
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
    },
    "freeze": {
        "freeze_trainable_layers": "method.trainable_layers",
        "freeze_trainable_modules": "",
        "freeze_extra_modules": "",
    },
    "full": {},
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
LISTS = ("freeze_trainable_modules", "freeze_extra_modules", "additional_target", "lora_target")

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

_CACHED = N_("rows are encoded by all cores, and what was encoded is kept until the data change")
_FOLDER = N_("each run has a folder of its own, with all that it says and saves")
_SHOWN = N_("loss, speed and memory are shown while it trains")
_ENOUGH = N_("checkpoints hold what a run needs to go on")
_REMOTE = N_("code that comes with a model is never run")
_MEASURED = N_("how the hardware is used is found out when the model is loaded")
_ANSWERS = N_("how answers are drawn is said under samples")
_TEXT_ONLY = N_("only text is trained")
_EXACT = N_("it is always so here")
_RATIO = N_("only badam_mode: ratio uses it, which is not supported")
_ROOM = N_("a model makes room for the tokens that are added")
_PIECES = N_("a new token begins as the mean of the tokens that it was before")
_ONE_PROCESS = N_("a run has one process, so far: nothing is shared out")

# Arguments that change nothing here, and why.
NO_EFFECT = {
    **dict.fromkeys(("badam_update_ratio", "badam_mask_mode"), _RATIO),
    **dict.fromkeys(
        (
            "overwrite_cache",
            "preprocessing_batch_size",
            "preprocessing_num_workers",
            "tokenized_path",
            "data_shared_file_system",
            "streaming",
            "buffer_size",
            "dataloader_num_workers",
            "dataloader_pin_memory",
            "dataloader_persistent_workers",
            "dataloader_prefetch_factor",
            "dataloader_multiprocessing_context",
            "dataloader_in_order",
        ),
        _CACHED,
    ),
    **dict.fromkeys(
        (
            "output_dir",
            "overwrite_output_dir",
            "run_name",
            "project",
            "logging_dir",
            "save_on_each_node",
            "log_on_each_node",
            "offload_folder",
        ),
        _FOLDER,
    ),
    **dict.fromkeys(
        (
            "plot_loss",
            "disable_tqdm",
            "logging_first_step",
            "logging_strategy",
            "log_level",
            "log_level_replica",
            "badam_verbose",
            "include_num_input_tokens_seen",
            "include_tokens_per_second",
            "include_effective_tokens_per_second",
            "print_param_status",
            "skip_memory_metrics",
            "logging_nan_inf_filter",
            "prediction_loss_only",
        ),
        _SHOWN,
    ),
    **dict.fromkeys(
        (
            "save_only_model",
            "save_strategy",
            "save_safetensors",
            "enable_jit_checkpoint",
            "restore_callback_states_from_checkpoint",
        ),
        _ENOUGH,
    ),
    "trust_remote_code": _REMOTE,
    "resize_vocab": _ROOM,
    "init_special_tokens": _PIECES,
    **dict.fromkeys(
        (
            "low_cpu_mem_usage",
            "use_fast_tokenizer",
            "infer_dtype",
            "compute_dtype",
            "device_map",
            "quantization_device_map",
            "use_cpu",
            "no_cuda",
            "ddp_timeout",
            "ddp_backend",
            "ddp_find_unused_parameters",
            "ddp_bucket_cap_mb",
            "ddp_broadcast_buffers",
            "ddp_static_graph",
            "local_rank",
            "use_kv_cache",
            "use_cache",
            "use_reentrant_gc",
            "tf32",
            "bf16_full_eval",
            "fp16_full_eval",
            "torch_empty_cache_steps",
            "average_tokens_across_devices",
            "upcast_layernorm",
            "upcast_lmhead_output",
            "model_max_length",
        ),
        _MEASURED,
    ),
    **dict.fromkeys(
        (
            "infer_backend",
            "do_sample",
            "num_beams",
            "eval_num_beams",
            "max_length",
            "repetition_penalty",
            "length_penalty",
            "skip_special_tokens",
            "predict_with_generate",
            "do_predict",
            "generation_max_length",
            "generation_num_beams",
            "generation_config",
            "vllm_maxlen",
            "vllm_gpu_util",
            "vllm_enforce_eager",
            "vllm_max_lora_rank",
            "vllm_config",
            "sglang_maxlen",
            "sglang_mem_fraction",
            "sglang_tp_size",
            "sglang_config",
            "sglang_lora_backend",
        ),
        _ANSWERS,
    ),
    **dict.fromkeys(
        (
            "image_max_pixels",
            "image_min_pixels",
            "image_do_pan_and_scan",
            "crop_to_patches",
            "video_max_pixels",
            "video_min_pixels",
            "video_fps",
            "video_maxlen",
            "use_audio_in_video",
            "audio_sampling_rate",
            "media_dir",
            "freeze_vision_tower",
            "freeze_multi_modal_projector",
            "freeze_language_model",
        ),
        _TEXT_ONLY,
    ),
    **dict.fromkeys(
        (
            "do_train",
            "do_eval",
            "split_special_tokens",
            "ignore_pad_token_for_loss",
            "pissa_convert",
            "block_diag_attn",
            "remove_unused_columns",
            "eval_do_concat_batches",
            "eval_use_gather_object",
            "eval_delay",
            "eval_accumulation_steps",
            "dataloader_drop_last",
            "label_names",
            "ignore_data_skip",
            "full_determinism",
            "loraplus_lr_embedding",
        ),
        _EXACT,
    ),
    **dict.fromkeys(
        (
            "deepspeed",
            "fsdp",
            "fsdp_config",
            "accelerator_config",
            "parallelism_config",
            "ray_num_workers",
            "ray_init_kwargs",
            "master_addr",
            "master_port",
        ),
        _ONE_PROCESS,
    ),
}

_NOT_YET = N_("this is not supported yet")
_TOKENS = N_("tokens are taken from the environment or from the login of the hub")
_EXPORT = N_("this belongs to exporting, which is not supported yet")
_OWN_TEMPLATE = N_("the chat template of the model writes tools")

# Arguments that would change something and cannot, unless they are switched off; and why.
REFUSED = {
    **dict.fromkeys(
        (
            "reward_model_adapters",
            "reward_model_quantization_bit",
            "pref_bco_weight",
            "adapter_folder",
            "cache_dir",
            "mixture_of_depths",
            "use_unsloth",
            "use_unsloth_gc",
            "moe_aux_loss_coef",
            "train_from_scratch",
            "use_v1_kernels",
            "module_dropout",
            "oft_rank",
            "oft_block_size",
            "oft_target",
            "apollo_scale_front",
            "badam_start_block",
            "use_swanlab",
            "swanlab_project",
            "swanlab_workspace",
            "swanlab_run_name",
            "swanlab_mode",
            "swanlab_api_key",
            "swanlab_logdir",
            "swanlab_lark_webhook_url",
            "swanlab_lark_secret",
            "use_llama_pro",
            "use_mca",
            "use_hyper_parallel",
            "hyper_parallel_args",
            "compute_accuracy",
            "disable_shuffling",
            "early_stopping_steps",
            "eval_on_each_dataset",
            "eval_on_start",
            "default_system",
            "interleave_probs",
            "fp8",
            "fp8_backend",
            "fp8_enable_fsdp_float8_all_gather",
            "enable_torch_profiler",
            "profiler_output_dir",
            "profiler_wait_steps",
            "profiler_warmup_steps",
            "profiler_active_steps",
            "profiler_repeat",
            "profiler_record_shapes",
            "profiler_profile_memory",
            "profiler_with_stack",
            "profile_modules",
            "lr_scheduler_kwargs",
            "gradient_checkpointing_kwargs",
            "torch_compile",
            "torch_compile_backend",
            "torch_compile_mode",
            "data_seed",
            "load_best_model_at_end",
            "metric_for_best_model",
            "greater_is_better",
            "save_total_limit",
            "include_for_metrics",
            "batch_eval_metrics",
            "train_sampling_strategy",
            "group_by_length",
            "length_column_name",
            "sortish_sampler",
            "push_to_hub",
            "hub_model_id",
            "hub_private_repo",
            "hub_strategy",
            "hub_always_push",
            "hub_revision",
            "trackio_space_id",
            "trackio_bucket_id",
            "trackio_static_space_id",
            "resume_from_checkpoint",
            "warmup_steps",
            "use_kt",
            "kt_weight_path",
            "kt_expert_checkpoint_path",
            "kt_use_lora_experts",
            "kt_lora_expert_num",
            "kt_lora_expert_intermediate_size",
            "debug",
        ),
        _NOT_YET,
    ),
    **dict.fromkeys(("hf_hub_token", "ms_hub_token", "om_hub_token", "hub_token"), _TOKENS),
    "new_special_tokens_config": N_("write the tokens of that file as add_special_tokens"),
    **dict.fromkeys(
        (
            "export_dir",
            "export_size",
            "export_device",
            "export_quantization_bit",
            "export_quantization_dataset",
            "export_quantization_nsamples",
            "export_quantization_maxlen",
            "export_legacy_format",
            "export_hub_model_id",
        ),
        _EXPORT,
    ),
    "liger_kernel_config": N_("which of Liger's kernels are used cannot be chosen"),
    "tool_format": _OWN_TEMPLATE,
}
# Settings of what is switched off: they say nothing then.
SWITCHES = {
    "galore_": "use_galore",
    "apollo_": "use_apollo",
    "badam_": "use_badam",
    "swanlab_": "use_swanlab",
    "profiler_": "enable_torch_profiler",
    "fp8_": "fp8",
    "kt_": "use_kt",
    "liger_kernel_config": "use_liger_kernel",
}
# Arguments that several others of ours are made of.
TRANSLATED = frozenset(
    {
        "stage",
        "finetuning_type",
        "dataset",
        "eval_dataset",
        "template",
        "enable_thinking",
        "preserve_thinking",
        "packing",
        "neat_packing",
        "model_revision",
        "add_tokens",
        "add_special_tokens",
        "flash_attn",
        "quantization_bit",
        "quantization_type",
        "quantization_method",
        "double_quantization",
        "enable_liger_kernel",
        "use_liger_kernel",
        "bf16",
        "fp16",
        "pure_bf16",
        "max_steps",
        "eval_strategy",
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
