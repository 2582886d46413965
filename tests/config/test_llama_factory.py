"""LLaMA-Factory's files are read as they are: each argument is translated, said to have no effect, or refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmtune_kernel.config import ConfigError, RunConfig, read_config
from llmtune_kernel.config.llama_factory import translate
from llmtune_kernel.config.llama_factory.arguments import TEMPLATES, TRANSLATED
from llmtune_kernel.config.llama_factory.reasons import KEPT, NO_EFFECT, REFUSED
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.named_templates import template_names

# Those of the Model, Data, Finetuning, Generating and Training argument classes of 0.9.5 and of its main branch in
# August 2026 (0.9.6.dev0), with those of Megatron Core Adapter, Megatron Bridge and KTransformers, not transformers'.
ARGUMENTS = Path(__file__).with_name("llama_factory_arguments.txt").read_text().split()
LEAST = {"model_name_or_path": "m", "stage": "sft", "dataset": "rows"}
FULL = {"finetuning_type": "full"}


def read(**arguments: Any) -> RunConfig:
    return read_config(yaml.safe_dump({**LEAST, **arguments}))


def sourced(name: str, **settings: Any) -> dict[str, Any]:
    return SourceConfig(source=name, **settings).model_dump()


def refusals(**arguments: Any) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(**arguments)
    return [problem.key for problem in error.value.problems]


def test_every_argument_is_in_one_list() -> None:
    from transformers import Seq2SeqTrainingArguments

    own = [field.name for field in dataclasses.fields(Seq2SeqTrainingArguments)]
    for name in {*ARGUMENTS, *own}:
        assert sum(name in listed for listed in (TRANSLATED, NO_EFFECT, REFUSED)) == 1, name


@pytest.mark.parametrize("name", sorted({*TRANSLATED, *NO_EFFECT, *REFUSED}))
def test_no_argument_is_ignored_without_a_word(name: str) -> None:
    found = translate({**LEAST, name: "something"})
    said = {argument for argument, *_ in found.problems} | found.without_effect.keys()
    assert name in {*said, *found.used, *found.origins.values()}


@pytest.mark.parametrize("off", [False, "no", "", 0, 0.0])
@pytest.mark.parametrize("name", sorted(REFUSED.keys() - KEPT.keys() - {"export_dir"}))
def test_what_is_switched_off_is_not_refused(name: str, off: object) -> None:
    assert translate({**LEAST, name: off}).problems == []


@pytest.mark.parametrize("name", sorted(KEPT))
def test_what_is_so_here_anyway_is_refused_only_where_it_is_to_be_otherwise(name: str) -> None:
    assert translate({**LEAST, name: KEPT[name]}).problems == []
    assert refusals(**{name: False}) == [name]


def test_a_template_that_is_mistyped_is_told_and_a_new_one_is_not() -> None:
    with pytest.raises(ConfigError, match=r"LLaMA-Factory has no template lama3; did you mean llama3\?"):
        read(template="lama3")
    for name in ("gemma2", "qwen3_5_nothink", "empty", "something_new"):
        assert "template" in translate({**LEAST, "template": name}).without_effect


def test_pure_bfloat16_is_kept() -> None:
    model = read(pure_bf16=True, **FULL).model
    assert (model.dtype, model.pure_bf16) == ("bfloat16", True)
    assert not read(bf16=True, **FULL).model.pure_bf16


def test_what_is_refused_says_what_to_do_instead() -> None:
    assert all(instead for _, instead in REFUSED.values())
    with pytest.raises(ConfigError, match=r"data_seed: seed is for the order .*; write it as seed"):
        read(data_seed=1)


def test_a_file_without_the_name_of_a_model_is_known_all_the_same() -> None:
    with pytest.raises(ConfigError, match="this LLaMA-Factory file names no model"):
        read_config("stage: sft\ndataset: rows\ntemplate: llama3")
    with pytest.raises(ConfigError, match=r"model_name: .*did you mean model_name_or_path\?"):
        read_config("model_name: m\nfinetuning_type: lora\ndataset: rows")


def test_a_fix_is_told_in_its_words() -> None:
    with pytest.raises(ConfigError, match="quantization_bit: 4") as told:
        read(use_dora=True, quantization_bit=8)
    assert "model.quantization" not in str(told.value)


def test_an_unknown_argument_is_refused_with_the_closest() -> None:
    with pytest.raises(
        ConfigError, match=r"line 4: cutof_len: LLaMA-Factory has no such.*did you mean cutoff_len\?"
    ):
        read_config("model_name_or_path: m\nstage: sft\ndataset: rows\ncutof_len: 10")


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("lora_rank: 0", r"line 4: lora_rank: must be a whole number from 1 to 100000; got 0"),
        ("lora_rank: '16'", r"line 4: lora_rank: must be a whole number .*; write it without quotes"),
        ("quantization_bit: '4'", r"line 4: quantization_bit: '4' is text; write it without quotes"),
        ("use_galore: true", r"line 4: use_galore: optim: galore_adamw trains the weights themselves"),
        ("report_to: [tensorbord]", r"line 4: report_to: must be tensorboard"),
        (
            "use_dora: true\nquantization_bit: 8",
            r"line 4: use_dora: use_dora does not go with weights of int8",
        ),
        (
            "mix_strategy: interleave_under\ninterleave_probs: '0'",
            r"line 5: interleave_probs: must be a number above 0",
        ),
    ],
)
def test_a_value_that_is_wrong_is_told_at_its_argument(argument: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_config(f"model_name_or_path: m\nstage: sft\ndataset: rows\n{argument}")


def test_a_value_of_an_override_that_is_wrong_is_told_as_such() -> None:
    with pytest.raises(ConfigError, match=r"--set training.max_steps=0: must be a whole number"):
        read_config(yaml.safe_dump(LEAST), overrides=["training.max_steps=0"])


def test_what_a_file_leaves_out_is_as_that_program_takes_it() -> None:
    config = read()
    assert config.data.max_length == 2048
    training = config.training
    assert (training.learning_rate, training.lr_scheduler_type, training.warmup_ratio) == (5e-5, "linear", 0)
    assert training.per_device_train_batch_size == 8
    assert config.method.model_dump(exclude_defaults=True) == {}
    assert read(lora_rank=16).method.model_dump(include={"r", "lora_alpha"}) == {"r": 16, "lora_alpha": 32}


@pytest.mark.parametrize(
    ("arguments", "ours"),
    [
        ({"dataset": "a, b"}, {"data": {"train": ["a", "b"]}}),
        ({"eval_dataset": "c"}, {"data": {"eval": "c"}}),
        ({"template": "llama3"}, {"data": {"template": "llama3"}}),
        ({"template": "deepseekr1"}, {"data": {"template": "deepseek-r1"}}),
        ({"template": "qwen3_nothink"}, {"data": {"template": "qwen3", "enable_thinking": False}}),
        ({"template": "default"}, {"data": {"template": None}}),
        ({"neat_packing": True}, {"data": {"packing": True}}),
        ({"lora_target": "q_proj,v_proj"}, {"method": {"target_modules": ["q_proj", "v_proj"]}}),
        ({"additional_target": "lm_head"}, {"method": {"modules_to_save": ["lm_head"]}}),
        (
            {"dataset": "a,b", "mix_strategy": "interleave_over", "interleave_probs": "0.7, 0.3"},
            {
                "data": {
                    "train": [sourced("a", weight=0.7), sourced("b", weight=0.3)],
                    "mix": "interleave_over",
                }
            },
        ),
        ({"auto_find_batch_size": True}, {"training": {"auto_batch_size": True}}),
        ({"pissa_init": True, "pissa_iter": -1}, {"method": {"init_lora_weights": "pissa"}}),
        ({"pissa_init": True}, {"method": {"init_lora_weights": "pissa_niter_16"}}),
        ({"loraplus_lr_ratio": 16.0}, {"method": {"loraplus_lr_ratio": 16.0}}),
        (
            {
                "finetuning_type": "freeze",
                "freeze_trainable_layers": -3,
                "freeze_trainable_modules": "mlp,norm",
            },
            {"method": {"type": "freeze", "trainable_layers": -3, "trainable_modules": ["mlp", "norm"]}},
        ),
        (
            {"finetuning_type": "freeze", "freeze_trainable_layers": 8, "use_llama_pro": True},
            {"method": {"type": "freeze", "trainable_layers": 8, "block_expansion": "existing"}},
        ),
        ({"finetuning_type": "freeze", "use_llama_pro": False}, {"method": {"block_expansion": "none"}}),
        ({"use_llama_pro": True}, {"method": {"type": "lora", "expanded_blocks": 2}}),
        (
            {"use_llama_pro": True, "freeze_trainable_layers": 8, "lora_target": "q_proj"},
            {"method": {"expanded_blocks": 8, "target_modules": ["q_proj"]}},
        ),
        ({"use_llama_pro": True, "adapter_name_or_path": "a"}, {"method": {"expanded_blocks": None}}),
        ({"quantization_bit": 4}, {"model": {"quantization": "nf4", "double_quantization": True}}),
        ({"quantization_bit": 4, "quantization_type": "fp4"}, {"model": {"quantization": "fp4"}}),
        (
            {"quantization_bit": 4, "double_quantization": False},
            {"model": {"quantization": "nf4", "double_quantization": False}},
        ),
        ({"quantization_bit": 8}, {"model": {"quantization": "int8"}}),
        ({"quantization_bit": 2, "quantization_method": "hqq"}, {"model": {"quantization": "hqq2"}}),
        (
            {"quantization_bit": 4, "quantization_method": "hqq", "double_quantization": False},
            {"model": {"quantization": "hqq4"}},
        ),
        ({"quantization_bit": 8, "quantization_method": "eetq"}, {"model": {"quantization": "eetq8"}}),
        (
            {"adapter_name_or_path": "a,b", "lora_rank": 16, "loraplus_lr_ratio": 8.0},
            {"model": {"adapters": ["a"]}, "method": {"adapter": "b", "r": 8, "loraplus_lr_ratio": 8.0}},
        ),
        (
            {"adapter_name_or_path": "a", "create_new_adapter": True, "lora_rank": 16},
            {"model": {"adapters": ["a"]}, "method": {"adapter": None, "r": 16}},
        ),
        (
            {"adapter_name_or_path": "a", "create_new_adapter": True, "quantization_bit": 4},
            {"model": {"adapters": []}, "method": {"adapter": "a"}},
        ),
        ({"add_tokens": "<a>, <b>", "resize_vocab": True}, {"model": {"add_tokens": ["<a>", "<b>"]}}),
        ({"add_special_tokens": "<c>"}, {"model": {"add_tokens": ["<c>"]}}),
        (
            {"finetuning_type": "oft", "oft_block_size": 16, "oft_target": "q_proj,v_proj"},
            {
                "method": {
                    "type": "peft",
                    "peft_type": "OFT",
                    "oft_block_size": 16,
                    "target_modules": ["q_proj", "v_proj"],
                }
            },
        ),
        (
            {
                "finetuning_type": "oft",
                "oft_rank": 4,
                "oft_block_size": 0,
                "oft_target": "all",
                "module_dropout": 0.1,
                "additional_target": "lm_head",
                "quantization_bit": 4,
                "quantization_method": "hqq",
            },
            {
                "method": {
                    "r": 4,
                    "oft_block_size": 0,
                    "module_dropout": 0.1,
                    "target_modules": "all-linear",
                    "modules_to_save": ["lm_head"],
                },
                "model": {"quantization": "hqq4"},
            },
        ),
        ({"flash_attn": "disabled"}, {"model": {"attention": "eager"}}),
        ({"fp16": "yes"}, {"model": {"dtype": "float16"}}),
        ({"bf16": "True"}, {"model": {"dtype": "bfloat16"}}),
        ({"use_rslora": "true", "use_dora": "off"}, {"method": {"use_rslora": True, "use_dora": False}}),
        ({"packing": "true"}, {"data": {"packing": True}}),
        ({"packing": "no"}, {"data": {"packing": False}}),
        ({**FULL, "use_galore": "true"}, {"training": {"optim": "galore_adamw"}}),
        ({**FULL, "use_galore": 1}, {"training": {"optim": "galore_adamw"}}),
        ({"bf16": True}, {"model": {"dtype": "bfloat16"}}),
        ({"stage": "pt"}, {"objective": {"type": "pretrain"}}),
        ({"use_dft_loss": True}, {"objective": {"type": "sft", "loss": "dft"}}),
        ({"use_eaft_loss": True, "eaft_alpha": 2.0}, {"objective": {"loss": "eaft", "eaft_alpha": 2.0}}),
        ({"use_asft_loss": True, "asft_alpha": 0.5}, {"objective": {"loss": "asft", "asft_alpha": 0.5}}),
        ({"use_dft_loss": True, "asft_alpha": 0.5}, {"objective": {"loss": "dft", "asft_alpha": 0.1}}),
        (
            {"label_smoothing_factor": 0.1, "neftune_noise_alpha": 5},
            {"objective": {"loss": "nll", "label_smoothing": 0.1, "neftune_noise_alpha": 5}},
        ),
        (
            {"stage": "dpo", "pref_loss": "simpo", "pref_beta": 2.0, "simpo_gamma": 1.0},
            {"objective": {"type": "dpo", "loss": "simpo", "beta": 2.0, "gamma": 1.0}},
        ),
        ({"stage": "dpo", "simpo_gamma": 0.5}, {"objective": {"loss": "sigmoid", "gamma": None}}),
        (
            {"stage": "kto", "kto_chosen_weight": 2.0},
            {"objective": {"type": "kto", "desirable_weight": 2.0, "undesirable_weight": 1.0}},
        ),
        ({"stage": "kto", "pref_ftx": 0.1, "pref_loss": "sigmoid"}, {"objective": {"pref_ftx": 0.1}}),
        (
            {"stage": "kto", "ref_model": "base", "ref_model_quantization_bit": 4},
            {"objective": {"reference_model": "base", "reference_quantization": "nf4"}},
        ),
        (
            {"stage": "dpo", "ref_model": "base", "ref_model_adapters": "a,b"},
            {"objective": {"reference_model": "base", "reference_adapters": ["a", "b"]}},
        ),
        (
            {"stage": "dpo", "pref_loss": "orpo", "ref_model": "base"},
            {"objective": {"loss": "orpo", "reference_model": None}},
        ),
        ({"stage": "dpo", "ref_model_adapters": "a"}, {"objective": {"reference_adapters": []}}),
        ({"stage": "rm"}, {"objective": {"type": "reward", "center_rewards_coefficient": None}}),
        (
            {"stage": "ppo", "reward_model": "http://localhost:8000", "reward_model_type": "api"},
            {
                "objective": {
                    "reward": "http://localhost:8000",
                    "ppo_epochs": 4,
                    "kl_coef": 0.2,
                    "ppo_target": 6.0,
                    "response_length": 1024,
                    "temperature": 0.95,
                    "top_p": 0.7,
                    "top_k": 50,
                }
            },
        ),
        (
            {
                "stage": "ppo",
                "reward_model": "saves/reward",
                "ppo_epochs": 2,
                "ppo_buffer_size": 3,
                "ppo_target": 5.0,
                "ppo_score_norm": True,
                "ppo_whiten_rewards": True,
                "max_new_tokens": 256,
                "max_steps": 7,
                "save_steps": 10,
            },
            {
                "objective": {
                    "reward": "saves/reward",
                    "ppo_epochs": 2,
                    "num_mini_batches": 3,
                    "ppo_target": 5.0,
                    "ppo_score_norm": True,
                    "whiten_rewards": True,
                    "response_length": 256,
                },
                "training": {"max_steps": 42, "save_steps": 60},
            },
        ),
        ({"max_steps": 7}, {"training": {"max_steps": 7}}),
        ({"val_size": 0.2}, {"data": {"eval_fraction": 0.2, "eval_rows": 0}}),
        ({"val_size": 100}, {"data": {"eval_fraction": 0.0, "eval_rows": 100}}),
        ({"warmup_steps": 20}, {"training": {"warmup_steps": 20, "warmup_ratio": 0.03}}),
        ({"warmup_steps": 0, "warmup_ratio": 0.1}, {"training": {"warmup_steps": None, "warmup_ratio": 0.1}}),
        ({"warmup_steps": 0}, {"training": {"warmup_steps": None, "warmup_ratio": 0.0}}),
        ({"warmup_steps": 0.2}, {"training": {"warmup_steps": None, "warmup_ratio": 0.2}}),
        ({"warmup_steps": 9, "warmup_ratio": 0.1}, {"training": {"warmup_steps": 9, "warmup_ratio": 0.03}}),
        ({"save_total_limit": 3}, {"training": {"save_total_limit": 3}}),
        ({"save_strategy": "no", "save_steps": 10}, {"training": {"save_steps": None}}),
        (
            {"save_strategy": "epoch", "save_steps": 10},
            {"training": {"save_strategy": "epoch", "save_steps": None}},
        ),
        ({"eval_strategy": "epoch", "eval_steps": 500}, {"training": {"eval_steps": None}}),
        (
            {
                "load_best_model_at_end": True,
                "metric_for_best_model": "eval_loss",
                "early_stopping_steps": 3,
                "val_size": 9,
            },
            {"training": {"load_best_model_at_end": True, "early_stopping_patience": 3}},
        ),
        ({"eval_strategy": "no", "val_size": 0.1}, {"data": {"eval_fraction": 0.1}}),
        ({"eval_strategy": "steps", "eval_steps": 7}, {"training": {"eval_steps": 7}}),
        ({"eval_strategy": "steps", "logging_steps": 5}, {"training": {"eval_steps": 5}}),
        ({"eval_strategy": "steps"}, {"training": {"eval_steps": 500}}),
        (
            {"max_steps": 25, "eval_strategy": "steps", "eval_steps": 0.1, "save_steps": 0.5},
            {"training": {"eval_steps": 3, "save_steps": 13}},
        ),
        ({"max_steps": -1}, {"training": {"max_steps": None}}),
        ({"disable_gradient_checkpointing": True}, {"training": {"gradient_checkpointing": False}}),
        (
            {"use_unsloth": True, "use_unsloth_gc": True, "flash_attn": "fa2"},
            {
                "model": {"backend": "unsloth", "attention": "auto"},
                "training": {"gradient_checkpointing": True},
            },
        ),
        (
            {"use_unsloth_gc": True, "disable_gradient_checkpointing": True},
            {"model": {"backend": "transformers"}, "training": {"gradient_checkpointing": False}},
        ),
        ({"report_to": "none"}, {"tracking": {"report_to": []}}),
        ({"report_to": ["wandb", "tensorboard"]}, {"tracking": {"report_to": ["tensorboard"]}}),
        ({"use_packed_sequences": True}, {"data": {"packing": True}}),
        ({"mixed_precision": "fp16_mixed"}, {"model": {"dtype": "float16"}}),
        ({"rope_scaling": "llama3"}, {"model": {"rope_scaling": "llama3"}}),
        ({"flash_attn": "fa2"}, {"model": {"attention": "flash_attention_2"}}),
        ({"enable_liger_kernel": True}, {"model": {"liger_kernel": True}}),
        (
            {"use_liger_kernel": True, "enable_liger_kernel": True},
            {"model": {"liger_kernel": True}},
        ),
        (
            {"liger_kernel_config": {"rope": False}},
            {"model": {"liger_kernel": False}},
        ),
        ({**FULL, "mixture_of_depths": "convert"}, {"model": {"mixture_of_depths": 0.125}}),
        ({**FULL, "mixture_of_depths": "load"}, {"model": {"mixture_of_depths": None}}),
        (
            {"shift_attn": True, "flash_attn": "fa2"},
            {"model": {"shift_attn": True, "attention": "auto"}},
        ),
        (
            {
                **FULL,
                "use_galore": True,
                "galore_layerwise": True,
                "galore_rank": 8,
                "galore_target": "mlp,q_proj",
            },
            {
                "training": {
                    "optim": "galore_adamw_layerwise",
                    "optim_target_modules": ["mlp", "q_proj"],
                    "optim_args": {"rank": 8, "update_proj_gap": 200, "scale": 2.0, "proj_type": "std"},
                }
            },
        ),
        ({**FULL, "use_galore": True, "optim": "adafactor"}, {"training": {"optim": "galore_adafactor"}}),
        ({**FULL, "use_galore": True, "optim": "adamw_8bit"}, {"training": {"optim": "galore_adamw_8bit"}}),
        (
            {**FULL, "use_apollo": True, "apollo_layerwise": True},
            {"training": {"optim": "apollo_adamw_layerwise"}},
        ),
        (
            {**FULL, "use_badam": True, "badam_switch_interval": 9},
            {"training": {"optim": "badam", "optim_args": {"switch_mode": "ascending", "switch_every": 9}}},
        ),
        ({**FULL, "use_muon": True}, {"training": {"optim": "muon"}}),
        (
            {"use_adam_mini": True, "adam_beta2": 0.95},
            {"training": {"optim": "adam_mini", "adam_beta2": 0.95}},
        ),
        ({**FULL, "fp8": True, "fp8_backend": "te"}, {"training": {"fp8": True}}),
        (
            {**FULL, "optim": "galore_adamw", "optim_args": "rank=8"},
            {"training": {"optim_args": {"rank": 8}}},
        ),
    ],
)
def test_arguments_become_our_settings(arguments: dict[str, Any], ours: dict[str, Any]) -> None:
    found = read(**arguments).model_dump()
    for section, values in ours.items():
        assert {key: found[section][key] for key in values} == values


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        ({"stage": "ppo"}, ["stage"]),
        (
            {"stage": "ppo", "reward_model": "r", "reward_model_type": "oft"},
            ["reward_model_type"],
        ),
        ({"finetuning_type": "lokr"}, ["finetuning_type"]),
        ({"finetuning_type": "full", "adapter_name_or_path": "a"}, ["adapter_name_or_path"]),
        ({"finetuning_type": "oft", "quantization_bit": 4}, ["finetuning_type"]),
        ({"stage": "dpo", "pref_loss": "kto_pair"}, ["pref_loss", "objective.loss"]),
        ({"stage": "pt", "label_smoothing_factor": 0.1}, ["label_smoothing_factor"]),
        ({"stage": "dpo", "neftune_noise_alpha": 5}, ["neftune_noise_alpha"]),
        ({"val_size": 1}, ["val_size"]),
        ({"val_size": 100, "eval_dataset": "b"}, ["val_size"]),
        ({"quantization_bit": 3}, ["quantization_bit"]),
        (
            {"stage": "dpo", "ref_model": "base", "ref_model_quantization_bit": 3},
            ["ref_model_quantization_bit"],
        ),
        ({"quantization_bit": 7, "quantization_method": "hqq"}, ["quantization_bit"]),
        ({"quantization_bit": 4, "quantization_method": "eetq"}, ["quantization_bit"]),
        ({"quantization_bit": 4, "quantization_method": "gptq"}, ["quantization_method"]),
        ({"flash_attn": "fa4"}, ["flash_attn"]),
        ({"use_liger_kernel": True, "liger_kernel_config": {"rope": False}}, ["liger_kernel_config"]),
        ({"stage": "kto", "shift_attn": True}, ["stage"]),
        ({"finetuning_type": "full", "use_llama_pro": True}, ["use_llama_pro"]),
        ({"finetuning_type": "full", "mixture_of_depths": "maybe"}, ["mixture_of_depths"]),
        (
            {"finetuning_type": "freeze", "use_llama_pro": True, "freeze_trainable_layers": -2},
            ["use_llama_pro"],
        ),
        ({"finetuning_type": "full", "use_badam": True, "badam_mode": "ratio"}, ["badam_mode"]),
        ({"finetuning_type": "full", "use_apollo": True, "optim": "adafactor"}, ["optim"]),
        ({"finetuning_type": "full", "use_apollo": True, "apollo_scale_front": True}, ["apollo_scale_front"]),
        ({"finetuning_type": "full", "use_galore": True, "use_muon": True}, ["use_muon"]),
        ({"eval_steps": 0.1, "eval_strategy": "steps"}, ["eval_steps"]),
        ({"save_steps": 0.5}, ["save_steps"]),
        ({"eval_strategy": "best"}, ["eval_strategy"]),
        ({"save_strategy": "best"}, ["save_strategy"]),
        (
            {"load_best_model_at_end": True, "metric_for_best_model": "accuracy", "val_size": 0.1},
            ["metric_for_best_model"],
        ),
        ({"load_best_model_at_end": True}, ["load_best_model_at_end"]),
        ({"interleave_probs": "0.5,0.5", "dataset": "a,b"}, ["interleave_probs"]),
        (
            {"interleave_probs": "0.5", "dataset": "a,b", "mix_strategy": "interleave_over"},
            ["interleave_probs"],
        ),
        ({"interleave_probs": "half", "mix_strategy": "interleave_over"}, ["interleave_probs"]),
        ({"dataloader_drop_last": True}, ["dataloader_drop_last"]),
        ({"full_determinism": True}, ["full_determinism"]),
        ({"eval_delay": 100}, ["eval_delay"]),
        (
            {"loraplus_lr_ratio": 16.0, "loraplus_lr_embedding": 1e-3, "lora_target": "q_proj,embed_tokens"},
            ["loraplus_lr_embedding"],
        ),
        ({"hf_hub_token": "secret"}, ["hf_hub_token"]),
        ({"bf16": True, "fp16": True}, ["fp16"]),
        ({"mixed_precision": "bf16_with_fp8_mixed"}, ["mixed_precision"]),
        ({"megatron_pretrained_checkpoint": "checkpoint"}, ["megatron_pretrained_checkpoint"]),
        ({"moe_aux_loss_coeff": 0.001}, ["moe_aux_loss_coeff"]),
        ({"mtp_num_layers": 1}, ["mtp_num_layers"]),
        ({"optimizer": "sgd"}, ["optimizer"]),
        ({"use_kt": True, "kt_use_lora_experts": True, "kt_lora_expert_num": 2}, ["kt_use_lora_experts"]),
        ({"deepspeed": {"optimizer": {"type": "Lion"}}}, ["deepspeed"]),
    ],
)
def test_what_would_train_otherwise_is_refused(arguments: dict[str, Any], refused: list[str]) -> None:
    assert refusals(**arguments) == refused[:1]


def test_of_several_losses_the_first_is_trained_as_there() -> None:
    found = translate({**LEAST, "use_asft_loss": True, "use_dft_loss": True})
    assert found.values["objective"]["loss"] == "dft"
    assert found.without_effect["use_asft_loss"] == "use_dft_loss goes first"


@pytest.mark.parametrize(
    ("arguments", "name", "why"),
    [
        ({"quantization_type": "fp4"}, "quantization_type", "only quantization_bit uses it"),
        ({"quantization_method": "hqq"}, "quantization_method", "only quantization_bit uses it"),
        ({"eval_steps": 5}, "eval_steps", "only eval_strategy: steps uses it"),
        (
            {"additional_target": "lm_head", **FULL},
            "additional_target",
            "only finetuning_type: lora or oft uses it",
        ),
        ({"loraplus_lr_embedding": 1e-3}, "loraplus_lr_embedding", "only adapters of embeddings use it"),
        ({"do_train": True}, "do_train", "it is always so here"),
        ({"metric_for_best_model": "loss"}, "metric_for_best_model", "it is switched off"),
        ({"warmup_ratio": 0.1, "warmup_steps": 5}, "warmup_ratio", "warmup_steps goes first"),
        ({"mtp_num_layers": 0}, "mtp_num_layers", "it is switched off"),
        ({"optimizer": "adam"}, "optimizer", "it is always so here"),
        ({"calculate_per_token_loss": True}, "calculate_per_token_loss", "it is always so here"),
        ({"fp8": True, "fp8_backend": "msamp"}, "fp8_backend", "products in FP8 are computed by torchao"),
        (
            {"fp8": True, "fp8_enable_fsdp_float8_all_gather": True},
            "fp8_enable_fsdp_float8_all_gather",
            "a run has one process, so far: nothing is shared out",
        ),
    ],
)
def test_what_has_no_effect_says_the_true_reason(arguments: dict[str, Any], name: str, why: str) -> None:
    found = translate({**LEAST, **arguments})
    assert found.problems == []
    assert found.without_effect[name] == why


def test_what_was_translated_is_not_said_to_be_without_effect() -> None:
    quantized = {"quantization_bit": 4, "quantization_method": "bnb", "quantization_type": "fp4"}
    assert translate({**LEAST, **quantized}).without_effect == {}
    strategies = {"eval_strategy": "epoch", "save_strategy": "steps", "val_size": 0.1}
    assert translate({**LEAST, **strategies}).without_effect == {}
    assert translate({**LEAST, "packing": True, "neat_packing": True}).without_effect == {}


@pytest.mark.parametrize("switch", ["use_unsloth", "shift_attn"])
def test_what_is_not_there_is_not_said_to_be_without_effect(switch: str) -> None:
    assert translate({**LEAST, switch: True}).without_effect == {}
    assert "flash_attn" in translate({**LEAST, switch: True, "flash_attn": "sdpa"}).without_effect


def test_what_a_stage_does_nothing_with_is_without_effect_as_there() -> None:
    found = translate(
        {**LEAST, "stage": "dpo", "packing": True, "train_on_prompt": True, "mask_history": True}
    )
    assert (
        found.without_effect["packing"]
        == found.without_effect["train_on_prompt"]
        == "only stage: sft uses it"
    )
    assert found.values["data"].keys() & {"packing", "train_on_prompt", "mask_history"} == {"mask_history"}
    assert not found.problems


def test_arguments_that_say_more_of_another_have_its_effect() -> None:
    found = translate({**LEAST, "use_llama_pro": True, "freeze_trainable_layers": 4})
    assert found.without_effect == translate(LEAST).without_effect
    alone = translate({**LEAST, "freeze_trainable_layers": 4})
    assert alone.without_effect["freeze_trainable_layers"] == "only finetuning_type: freeze uses it"


def test_chat_templates_are_translated_to_ones_that_there_are() -> None:
    assert {ours or its for its, ours in TEMPLATES.items()} <= set(template_names())
