"""Arguments for many processes and other trainers: FSDP, DeepSpeed, Ray, both Megatrons, HyperParallel, KTransformers.

They say how and where a model is computed, which changes nothing of what it learns; those that would are refused.
"""

from __future__ import annotations

from llmtune_kernel.locale import N_

ONE_PROCESS = N_("a run has one process, so far: nothing is shared out")
MEASURED = N_("how the hardware is used is found out when the model is loaded")
_UNREAD = N_("a run has one process, so far: nothing is shared out, and the settings of that are not read")
_EXPERTS = N_(
    "experts are computed where the model is, from its own weights: llmtune estimate says whether they fit"
)
_RECOMPUTED = N_("activations are computed again where memory is short, or with gradient_checkpointing: true")
SAFETENSORS = N_("weights are always saved as safetensors")
_LEAVE = N_("leave it out")

# Arguments that change nothing here, whatever they say, and why.
NO_EFFECT_OF_BACKENDS = {
    **dict.fromkeys(
        (
            "deepspeed",
            "fsdp_config",
            "accelerator_config",
            "parallelism_config",
            "ray_init_kwargs",
            "hyper_parallel_args",
        ),
        _UNREAD,
    ),
    **dict.fromkeys(
        (
            "fsdp",
            "fsdp_min_num_params",
            "fsdp_transformer_layer_cls_to_wrap",
            "fsdp_activation_checkpointing",
            "fsdp_auto_wrap_policy",
            "fsdp_backward_prefetch",
            "fsdp_cpu_ram_efficient_loading",
            "fsdp_forward_prefetch",
            "fsdp_offload_params",
            "fsdp_reshard_after_forward",
            "fsdp_sharding_strategy",
            "fsdp_state_dict_type",
            "fsdp_sync_module_states",
            "fsdp_use_orig_params",
            "fsdp_version",
            "fp8_enable_fsdp_float8_all_gather",
            "ray_num_workers",
            "master_addr",
            "master_port",
            "use_mca",
            "use_megatron_bridge",
            "use_hyper_parallel",
            "hyper_parallel_cp_size",
            "tensor_model_parallel_size",
            "pipeline_model_parallel_size",
            "virtual_pipeline_model_parallel_size",
            "pipeline_model_parallel_layout",
            "expert_model_parallel_size",
            "expert_tensor_parallel_size",
            "context_parallel_size",
            "sequence_parallel",
            "account_for_embedding_in_pipeline_split",
            "account_for_loss_in_pipeline_split",
            "overlap_p2p_comm",
            "overlap_param_gather",
            "overlap_grad_reduce",
            "delay_grad_reduce",
            "variable_seq_lengths",
            "use_distributed_optimizer",
            "distrib_optim_fully_reshardable",
            "distrib_optim_fully_reshardable_mem_efficient",
            "accumulate_allreduce_grads_in_fp32",
            "ddp_average_in_collective",
            "ddp_bucket_size",
            "moe_token_dispatcher_type",
            "moe_shared_expert_overlap",
        ),
        ONE_PROCESS,
    ),
    **dict.fromkeys(
        (
            "bias_activation_fusion",
            "apply_rope_fusion",
            "masked_softmax_fusion",
            "cross_entropy_loss_fusion",
            "moe_grouped_gemm",
            "moe_router_dtype",
            "moe_enable_routing_replay",
            "transformer_impl",
            "cuda_graph_impl",
            "cuda_graph_scope",
            "optimizer_cpu_offload",
            "optimizer_offload_fraction",
            "compile_warmup",
        ),
        MEASURED,
    ),
    **dict.fromkeys(
        (
            "recompute_granularity",
            "recompute_method",
            "recompute_modules",
            "recompute_num_layers",
            "moe_layer_recompute",
        ),
        _RECOMPUTED,
    ),
    **dict.fromkeys(
        (
            "use_kt",
            "kt_config",
            "kt_cpu_activation",
            "kt_weight_path",
            "kt_non_expert_weight_path",
            "kt_expert_checkpoint_path",
        ),
        _EXPERTS,
    ),
    **dict.fromkeys(
        ("save_safetensors", "save_hf_model", "export_hf_on_finish", "ckpt_format", "ckpt_d2h_non_blocking"),
        SAFETENSORS,
    ),
    **dict.fromkeys(
        ("moe_token_drop_policy", "moe_pad_expert_input_to_capacity"),
        N_("only moe_expert_capacity_factor uses it, which is not supported"),
    ),
    "check_for_nan_in_loss_and_grad": N_("loss, speed and memory are shown while it trains"),
}

# Of those that are refused the values that are as it always is here.
KEPT_OF_BACKENDS = {"calculate_per_token_loss": True, "optimizer": "adam"}
# Arguments that would change what is learned: why they cannot, and what to do instead.
REFUSED_OF_BACKENDS = {
    **dict.fromkeys(
        ("kt_use_lora_experts", "kt_lora_expert_num", "kt_lora_expert_intermediate_size"),
        (N_("a model gets no further experts"), N_("leave it out: lora_target says which layers learn")),
    ),
    **dict.fromkeys(
        ("moe_aux_loss_coef", "moe_aux_loss_coeff"), (N_("no loss of the router is added"), _LEAVE)
    ),
    "moe_expert_capacity_factor": (N_("experts compute all tokens that are sent to them"), _LEAVE),
    "mtp_num_layers": (N_("only the next token is predicted"), _LEAVE),
    "calculate_per_token_loss": (N_("the loss is the mean over all tokens of a step"), _LEAVE),
    "megatron_pretrained_checkpoint": (
        N_("a checkpoint of Megatron is not read"),
        N_("convert it to the format of Hugging Face, and name its folder as model_name_or_path"),
    ),
    **dict.fromkeys(
        ("extra_config", "additional_configs"),
        (N_("settings of Megatron are not read"), N_("write what training needs as arguments of this file")),
    ),
    **dict.fromkeys(
        ("fp8_recipe", "fp8_param"), (N_("which recipe of FP8 is used cannot be chosen"), _LEAVE)
    ),
    "optimizer": (N_("the optimizer is said by optim"), N_("write it as optim")),
    "save_merged_model": (N_("adapters are not merged into the model at the end"), _LEAVE),
}
