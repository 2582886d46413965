"""Arguments of LLaMA-Factory that are no settings of ours: why they change nothing, or what to do instead of them."""

from __future__ import annotations

from llmtune_kernel.config.llama_factory.backends import (
    KEPT_OF_BACKENDS,
    MEASURED,
    NO_EFFECT_OF_BACKENDS,
    REFUSED_OF_BACKENDS,
)
from llmtune_kernel.locale import N_

_CACHED = N_("rows are encoded by all cores, and what was encoded is kept until the data change")
_FOLDER = N_("each run has a folder of its own, with all that it says and saves")
_SHOWN = N_("loss, speed and memory are shown while it trains")
_ENOUGH = N_("checkpoints hold what a run needs to go on")
_REMOTE = N_("code that comes with a model is never run")
_ANSWERS = N_("how answers are drawn is said under samples")
_TEXT_ONLY = N_("only text is trained")
_BY_BATCHES = N_("what evaluation shows is counted batch by batch")
OTHER_TRACKER = N_(
    "of the trackers only tensorboard is supported, with report_to; loss, speed and memory are shown anyway"
)

# Arguments that change nothing here, whatever they say, and why.
NO_EFFECT = {
    **dict.fromkeys(
        ("badam_update_ratio", "badam_mask_mode"),
        N_("only badam_mode: ratio uses it, which is not supported"),
    ),
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
    "cache_dir": N_("downloads are kept in the folder that the environment variable HF_HOME names"),
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
        ),
        _SHOWN,
    ),
    **dict.fromkeys(
        ("save_only_model", "enable_jit_checkpoint", "restore_callback_states_from_checkpoint"), _ENOUGH
    ),
    "ignore_data_skip": N_("a run that is continued goes on with the rows that it has not seen"),
    "trust_remote_code": _REMOTE,
    "resize_vocab": N_("a model makes room for the tokens that are added"),
    "init_special_tokens": N_("a new token begins as the mean of the tokens that it was before"),
    "pissa_convert": N_("adapters are saved for the model as it was before training"),
    "block_diag_attn": N_("attention never goes from one example to another"),
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
            "gradient_checkpointing_kwargs",
            "tf32",
            "bf16_full_eval",
            "fp16_full_eval",
            "torch_empty_cache_steps",
            "average_tokens_across_devices",
            "upcast_layernorm",
            "upcast_lmhead_output",
            "use_v1_kernels",
            "model_max_length",
        ),
        MEASURED,
    ),
    **dict.fromkeys(
        ("torch_compile", "torch_compile_backend", "torch_compile_mode"),
        N_("models are not compiled; what they learn is the same"),
    ),
    **dict.fromkeys(
        ("group_by_length", "length_column_name", "sortish_sampler"),
        N_("lengths need no grouping where there is no padding"),
    ),
    "fp8_backend": N_("products in FP8 are computed by torchao"),
    "do_eval": N_("what there is to evaluate on is evaluated"),
    **dict.fromkeys(
        ("do_predict", "predict_with_generate"),
        N_("a run answers the prompts under samples, not the evaluation data"),
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
            "remove_unused_columns",
            "label_names",
            "prediction_loss_only",
            "include_for_metrics",
            "batch_eval_metrics",
            "eval_do_concat_batches",
            "eval_use_gather_object",
            "eval_accumulation_steps",
        ),
        _BY_BATCHES,
    ),
    **dict.fromkeys(
        (
            "use_swanlab",
            "swanlab_project",
            "swanlab_workspace",
            "swanlab_run_name",
            "swanlab_mode",
            "swanlab_api_key",
            "swanlab_logdir",
            "swanlab_lark_webhook_url",
            "swanlab_lark_secret",
            "trackio_space_id",
            "trackio_bucket_id",
            "trackio_static_space_id",
        ),
        OTHER_TRACKER,
    ),
    **NO_EFFECT_OF_BACKENDS,
}

_LEAVE = N_("leave it out")
# Values that are as it always is here, of arguments that are refused otherwise.
KEPT = {"ignore_pad_token_for_loss": True, "train_sampling_strategy": "random", **KEPT_OF_BACKENDS}
# Arguments that would change something and cannot, unless they are switched off: why, and what to do instead.
REFUSED = {
    "debug": (N_("this is not supported yet"), _LEAVE),
    "liger_kernel_config": (N_("which of Liger's kernels are used cannot be chosen"), _LEAVE),
    "reward_model_adapters": (
        N_("a reward model is taken without further adapters"),
        N_("merge them into it, or name a run of stage: rm as reward_model"),
    ),
    "reward_model_quantization_bit": (N_("the reward model keeps its precision"), _LEAVE),
    "pref_bco_weight": (N_("losses are not mixed"), N_("take pref_loss: bco")),
    "adapter_folder": (
        N_("the folder of an adapter is part of its path"),
        N_("write it at the end of adapter_name_or_path"),
    ),
    **REFUSED_OF_BACKENDS,
    "train_from_scratch": (
        N_("training begins with the weights of the model"),
        N_("name a folder whose weights are random as model_name_or_path"),
    ),
    "apollo_scale_front": (N_("growth is limited after the scaling"), _LEAVE),
    "badam_start_block": (
        N_("the first block is the first of its order"),
        N_("take badam_switch_mode: descending to begin with the last one"),
    ),
    "compute_accuracy": (N_("evaluation shows the loss, not the accuracy"), _LEAVE),
    "disable_shuffling": (N_("rows are shuffled anew in each epoch"), _LEAVE),
    "train_sampling_strategy": (N_("rows are shuffled anew in each epoch"), _LEAVE),
    "eval_on_each_dataset": (N_("all evaluation data are evaluated together"), _LEAVE),
    **dict.fromkeys(
        ("eval_on_start", "eval_delay"), (N_("when it is evaluated is said by eval_steps alone"), _LEAVE)
    ),
    "default_system": (
        N_("system prompts are taken from the rows"),
        N_("give the rows a column for it, and name that in dataset_info.json"),
    ),
    **dict.fromkeys(
        (
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
        ),
        (N_("runs are not profiled"), _LEAVE),
    ),
    "lr_scheduler_kwargs": (
        N_("a schedule has no further settings"),
        N_("leave it out, or take another lr_scheduler_type"),
    ),
    "data_seed": (N_("seed is for the order of the rows, too"), N_("write it as seed")),
    **dict.fromkeys(
        (
            "push_to_hub",
            "hub_model_id",
            "hub_private_repo",
            "hub_strategy",
            "hub_always_push",
            "hub_revision",
        ),
        (
            N_("results are not uploaded yet"),
            N_("upload the folder of the result: hf upload REPOSITORY FOLDER"),
        ),
    ),
    "resume_from_checkpoint": (
        N_("a run goes on from a checkpoint of its own"),
        N_("continue it with --resume NAME"),
    ),
    **dict.fromkeys(
        ("hf_hub_token", "ms_hub_token", "om_hub_token", "hub_token"),
        (
            N_("tokens are taken from the environment or from the login of the hub"),
            N_("set HF_TOKEN, or log in with hf auth login"),
        ),
    ),
    "new_special_tokens_config": (
        N_("no file of new tokens is read"),
        N_("write the tokens of that file as add_special_tokens"),
    ),
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
        (N_("this belongs to exporting, which is not supported yet"), _LEAVE),
    ),
    "tool_format": (N_("the chat template of the model writes tools"), _LEAVE),
    "split_special_tokens": (N_("special tokens are always read as such"), _LEAVE),
    "ignore_pad_token_for_loss": (N_("padding is never learned"), _LEAVE),
    "dataloader_drop_last": (N_("the last batch of an epoch is trained, however small"), _LEAVE),
    "full_determinism": (N_("only random numbers are fixed, by seed"), _LEAVE),
}
