"""Files of v1 of LLaMA-Factory are translated by what each key means here; those beside runs say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from llmtune_kernel.config import ConfigError, RunConfig, converted, read_config
from llmtune_kernel.config.llama_factory import translate

LORA = {"name": "lora", "r": 16, "lora_alpha": 32, "target_modules": "all"}
LEAST: dict[str, Any] = {"model": "m", "train_dataset": "rows.json"}
# Arguments of its Model, Data, Training and Sample argument classes in August 2026 (0.9.6.dev0).
ARGUMENTS = [
    "model",
    "custom_chat_template",
    "trust_remote_code",
    "flash_attn",
    "model_class",
    "init_config",
    "peft_config",
    "kernel_config",
    "quant_config",
    "train_dataset",
    "eval_dataset",
    "output_dir",
    "micro_batch_size",
    "global_batch_size",
    "cutoff_len",
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "max_grad_norm",
    "bf16",
    "batching_strategy",
    "batching_workers",
    "enable_activation_checkpointing",
    "dist_config",
    "dp_size",
    "cp_size",
    "cp_mode",
    "mp_replicate_size",
    "mp_shard_size",
    "dist_timeout",
    "optim_config",
    "lr_scheduler_config",
    "seed",
    "full_determinism",
    "resume_from_checkpoint",
    "save_steps",
    "save_epochs",
    "save_ckpt_as_hf",
    "save_total_limit",
    "logging_steps",
    "pref_loss",
    "pref_beta",
    "pref_ftx",
    "simpo_gamma",
    "dpo_label_smoothing",
    "ld_alpha",
    "sample_backend",
    "max_new_tokens",
]


def read(**arguments: Any) -> RunConfig:
    return read_config(yaml.safe_dump({**LEAST, **arguments}))


def test_a_file_as_its_examples_are_written_trains_the_same() -> None:
    text = """
model: smollm2-135m
model_class: llm
peft_config:
  name: lora
  r: 4
  lora_alpha: 12
  target_modules: [q_proj, v_proj]
kernel_config:
  name: auto
dist_config:
  name: fsdp2
  dcp_path: null
quant_config:
  name: bnb
  quantization_bit: 4
train_dataset: rows.json
output_dir: outputs/test
micro_batch_size: 2
global_batch_size: 8
cutoff_len: 512
learning_rate: 3.0e-4
max_steps: 10
sample_backend: hf
max_new_tokens: 128
"""
    config = read_config(text)
    assert (config.model.name_or_path, config.model.quantization) == ("smollm2-135m", "nf4")
    assert config.method.model_dump(
        include={"type", "r", "lora_alpha", "lora_dropout", "target_modules"}
    ) == {
        "type": "lora",
        "r": 4,
        "lora_alpha": 12,
        "lora_dropout": 0.05,
        "target_modules": ["q_proj", "v_proj"],
    }
    assert (config.data.train, config.data.max_length) == ("rows.json", 512)
    training = config.training
    assert (training.per_device_train_batch_size, training.gradient_accumulation_steps) == (2, 4)
    assert (training.learning_rate, training.max_steps) == (3e-4, 10)
    translation = converted(text)
    assert translation is not None
    assert read_config(translation) == config
    assert "# dist_config: a run has one process" in translation


def test_what_a_file_leaves_out_is_as_v1_takes_it() -> None:
    config = read()
    assert (config.method.type, config.objective.type, config.data.max_length) == ("full", "sft", 2048)
    training = config.training
    assert (training.learning_rate, training.lr_scheduler_type, training.weight_decay) == (
        1e-4,
        "constant",
        0.01,
    )
    assert (training.per_device_train_batch_size, training.logging_steps, training.save_steps) == (1, 1, None)


@pytest.mark.parametrize(
    ("arguments", "ours"),
    [
        (
            {
                "peft_config": {
                    "name": "freeze",
                    "freeze_trainable_layers": 3,
                    "freeze_trainable_modules": "all",
                }
            },
            {"method": {"type": "freeze", "trainable_layers": 3}},
        ),
        (
            {"peft_config": {**LORA, "use_dora": True, "modules_to_save": ["lm_head"]}},
            {"method": {"r": 16, "use_dora": True, "modules_to_save": ["lm_head"]}},
        ),
        ({"peft_config": {**LORA, "adapter_name_or_path": "a"}}, {"method": {"adapter": "a"}}),
        (
            {"quant_config": {"name": "auto", "quantization_bit": 8}, "peft_config": LORA},
            {"model": {"quantization": "int8"}},
        ),
        ({"kernel_config": {"name": "liger_kernel"}}, {"model": {"liger_kernel": True}}),
        ({"flash_attn": "flash_attention_2"}, {"model": {"attention": "flash_attention_2"}}),
        ({"flash_attn": "eager"}, {"model": {"attention": "eager"}}),
        ({"bf16": True}, {"model": {"dtype": "bfloat16"}}),
        ({"batching_strategy": "dynamic_padding_free"}, {"data": {"packing": True}}),
        ({"batching_strategy": "padding_free"}, {"data": {"packing": "auto"}}),
        ({"enable_activation_checkpointing": False}, {"training": {"gradient_checkpointing": False}}),
        ({"model_class": "cls"}, {"objective": {"type": "reward"}}),
        ({"pref_beta": 0.3}, {"objective": {"type": "dpo", "beta": 0.3}}),
        ({"save_epochs": 1}, {"training": {"save_strategy": "epoch", "save_steps": None}}),
        ({"save_steps": 5}, {"training": {"save_steps": 5}}),
        (
            {"optim_config": {"name": "muon", "wd": 0.2, "ns_steps": 6, "adamw_betas": [0.8, 0.9]}},
            {
                "training": {
                    "optim": "muon",
                    "weight_decay": 0.2,
                    "optim_args": {"ns_steps": 6},
                    "adam_beta1": 0.8,
                    "adam_beta2": 0.9,
                }
            },
        ),
        ({"optim_config": {"name": "muon"}}, {"training": {"weight_decay": 0.1, "adam_beta2": 0.95}}),
    ],
)
def test_its_arguments_become_our_settings(arguments: dict[str, Any], ours: dict[str, Any]) -> None:
    found = read(**arguments).model_dump()
    for section, values in ours.items():
        assert {key: found[section][key] for key in values} == values


@pytest.mark.parametrize("name", ARGUMENTS)
def test_none_of_its_arguments_is_ignored_without_a_word(name: str) -> None:
    value = {"name": "something"} if name.endswith("_config") else "something"
    found = translate({**LEAST, name: value})
    said = {argument for argument, *_ in found.problems} | found.without_effect.keys()
    told = {*said, *found.used, *found.origins.values()}
    assert name in {one.partition(".")[0] for one in told}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "peft_config: {name: oft}",
            r"line 3: peft_config.name: oft is not supported; take one of lora, freeze",
        ),
        ("peft_config:\n  name: lora\n  r: 0", r"line 5: peft_config.r: must be a whole number from 1"),
        ("peft_config: {name: lora, rank: 8}", r"peft_config.rank: LLaMA-Factory has no such argument"),
        (
            "micro_batch_size: 2\nglobal_batch_size: 3",
            r"global_batch_size: 3 is no multiple of micro_batch_size",
        ),
        ("lr_scheduler_config: {name: cosine}", r"line 3: lr_scheduler_config: .*; leave it out"),
        ("custom_chat_template: '{{ messages }}'", r"custom_chat_template: .*write it into a file"),
        ("save_epochs: 0.5", r"save_epochs: .*; write 1, or save_steps"),
        ("model_class: other", r"model_class: other is not supported; take one of llm, cls"),
        ("learning_rat: 1", r"learning_rat: .*did you mean learning_rate\?"),
    ],
)
def test_what_cannot_be_translated_is_told_at_its_key(written: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_config(f"model: m\ntrain_dataset: rows.json\n{written}")


DATA_SETS = """
one:
  path: data/one.json
  source: local
  converter: alpaca
  size: 50
two:
  path: owner/name
  split: test
  converter: sharegpt
  weight: 2.0
"""


def test_a_file_of_data_sets_becomes_their_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sets.yaml").write_text(DATA_SETS)
    sources = read(train_dataset="sets.yaml").data.sources("train")
    named = [
        one.model_dump(include={"source", "split", "format", "num_samples", "weight"}, exclude_defaults=True)
        for one in sources
    ]
    assert named == [
        {"source": "data/one.json", "format": "alpaca", "num_samples": 50},
        {"source": "hf:owner/name", "split": "test", "format": "sharegpt", "weight": 2.0},
    ]


def test_pairs_are_what_the_command_dpo_is_given_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pairs.yaml").write_text("pairs: {path: pairs.json, source: local, converter: pair}")
    assert read(train_dataset="pairs.yaml").objective.type == "dpo"
    assert read(train_dataset="pairs.yaml", model_class="cls").objective.type == "reward"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            None,
            "there is no file sets.yaml with data sets; check the path, which starts at the working directory",
        ),
        ("[rows.json]", r"sets.yaml has no data sets; write such as rows: \{path: rows.json"),
        ("rows: {source: local}", "sets.yaml: rows: it has no path; write path: rows.json"),
        ("rows: {path: a, converter: own}", "converter is own, which is not supported; take one of alpaca"),
        ("rows: {path: a, columns: {}}", "sets.yaml: rows: columns is not supported; leave it out"),
    ],
)
def test_a_mistake_in_a_file_of_data_sets_is_told_at_the_argument(
    text: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if text:
        Path("sets.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"line 2: train_dataset: .*{said}"):
        read_config("model: m\ntrain_dataset: sets.yaml")


def test_files_of_other_commands_and_those_beside_runs_say_what_they_are() -> None:
    with pytest.raises(ConfigError, match=r"line 4: peft_config.export_dir: this file is for llmtune export"):
        read_config("model: m\npeft_config:\n  name: lora\n  export_dir: out\n  adapter_name_or_path: a")
    with pytest.raises(ConfigError, match="names no dataset; write train_dataset"):
        read_config("model: m\nmodel_class: llm")
    with pytest.raises(ConfigError, match="line 2: distributed_type: this file says how accelerate starts"):
        read_config("num_processes: 2\ndistributed_type: FSDP\nfsdp_config: {fsdp_version: 2}")
    with pytest.raises(ConfigError, match="this file says how DeepSpeed shares work out"):
        read_config('{"train_batch_size": "auto", "zero_optimization": {"stage": 2}}')
