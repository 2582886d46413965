"""LLaMA-Factory's files are read as they are: each argument is translated, said to have no effect, or refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmtune_kernel.config import ConfigError, RunConfig, converted, read_config
from llmtune_kernel.config.llama_factory import translate
from llmtune_kernel.config.llama_factory_arguments import NO_EFFECT, REFUSED, TEMPLATES, TRANSLATED
from llmtune_kernel.data.named_templates import template_names

COMPAT = Path(__file__).resolve().parents[3] / "shared" / "compat"
# Those of the Model, Data, Finetuning, Generating and Training argument classes of 0.9.5, besides transformers' own.
ARGUMENTS = Path(__file__).with_name("llama_factory_arguments.txt").read_text().split()
LEAST = {"model_name_or_path": "m", "stage": "sft", "dataset": "rows"}
FULL = {"finetuning_type": "full"}


def read(**arguments: Any) -> RunConfig:
    return read_config(yaml.safe_dump({**LEAST, **arguments}))


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
    assert name in {*said, *found.origins.values()}


@pytest.mark.parametrize("name", sorted(name for name in REFUSED if name != "export_dir"))
def test_what_is_switched_off_is_not_refused(name: str) -> None:
    assert translate({**LEAST, name: False}).problems == []


def test_an_unknown_argument_is_refused_with_the_closest() -> None:
    with pytest.raises(
        ConfigError, match=r"line 4: cutof_len: LLaMA-Factory has no such.*did you mean cutoff_len\?"
    ):
        read_config("model_name_or_path: m\nstage: sft\ndataset: rows\ncutof_len: 10")


def test_a_value_that_is_wrong_is_told_at_its_argument() -> None:
    with pytest.raises(
        ConfigError, match=r"line 4: method.r: must be a whole number from 1 to 100000; got 0"
    ):
        read_config("model_name_or_path: m\nstage: sft\ndataset: rows\nlora_rank: 0")


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
        ({"flash_attn": "disabled"}, {"model": {"attention": "eager"}}),
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
        ({"max_steps": -1}, {"training": {"max_steps": None}}),
        ({"disable_gradient_checkpointing": True}, {"training": {"gradient_checkpointing": False}}),
        ({"report_to": "none"}, {"tracking": {"report_to": []}}),
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
        ({"finetuning_type": "oft"}, ["finetuning_type"]),
        ({"stage": "dpo", "pref_loss": "kto_pair"}, ["pref_loss", "objective.loss"]),
        ({"stage": "pt", "label_smoothing_factor": 0.1}, ["label_smoothing_factor"]),
        ({"stage": "dpo", "neftune_noise_alpha": 5}, ["neftune_noise_alpha"]),
        ({"val_size": 100}, ["val_size"]),
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
        ({"stage": "kto", "shift_attn": True}, ["objective"]),
        ({"finetuning_type": "full", "use_badam": True, "badam_mode": "ratio"}, ["badam_mode"]),
        ({"finetuning_type": "full", "use_apollo": True, "optim": "adafactor"}, ["optim"]),
        ({"finetuning_type": "full", "use_apollo": True, "apollo_scale_front": True}, ["apollo_scale_front"]),
        ({"finetuning_type": "full", "use_galore": True, "use_muon": True}, ["use_muon"]),
        ({"warmup_steps": 10}, ["warmup_steps"]),
        ({"hf_hub_token": "secret"}, ["hf_hub_token"]),
    ],
)
def test_what_would_train_otherwise_is_refused(arguments: dict[str, Any], refused: list[str]) -> None:
    assert refusals(**arguments) == refused[:1]


def test_of_several_losses_the_first_is_trained_as_there() -> None:
    found = translate({**LEAST, "use_asft_loss": True, "use_dft_loss": True})
    assert found.values["objective"]["loss"] == "dft"
    assert found.without_effect["use_asft_loss"] == "use_dft_loss goes first"


def test_a_file_for_another_command_says_which() -> None:
    with pytest.raises(ConfigError, match="this file is for llmtune export"):
        read_config("model_name_or_path: m\nadapter_name_or_path: a\nexport_dir: out")
    with pytest.raises(ConfigError, match="llmtune sample and %%sample do that"):
        read_config("model_name_or_path: m\nadapter_name_or_path: a\ninfer_backend: huggingface")


def test_the_translation_is_yaml_of_ours_that_says_the_same() -> None:
    text = yaml.safe_dump({**LEAST, "lora_rank": 32, "plot_loss": True, "overwrite_cache": True})
    translation = converted(text)
    assert translation is not None
    assert read_config(translation) == read_config(text)
    assert "# plot_loss: loss, speed and memory are shown while it trains" in translation.splitlines()
    assert converted("data: rows.jsonl") is None


def test_chat_templates_are_translated_to_ones_that_there_are() -> None:
    assert {ours or its for its, ours in TEMPLATES.items()} <= set(template_names())


@pytest.mark.skipif(not COMPAT.exists(), reason="LLaMA-Factory's example files are not here")
@pytest.mark.parametrize("path", sorted(COMPAT.glob("*.yaml")), ids=lambda path: path.stem)
def test_example_files_are_translated_or_say_which_command_they_are_for(path: Path) -> None:
    other = {"merge": "export_dir", "inference": "model_name_or_path"}
    text = path.read_text()
    expected = next((key for start, key in other.items() if path.stem.startswith(start)), None)
    if expected:
        with pytest.raises(ConfigError) as error:
            read_config(text)
        assert [problem.key for problem in error.value.problems] == [expected]
        return
    given, config = yaml.safe_load(text), read_config(text)
    assert config.model.name_or_path == given["model_name_or_path"]
    assert config.training.learning_rate == float(given["learning_rate"])
    assert config.data.max_length == given["cutoff_len"]
    assert config.data.limit == given["max_samples"]
