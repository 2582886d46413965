"""LLaMA-Factory's files as a whole: those that train, those of other backends, those for another command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from llmtune_kernel.config import ConfigError, UserError, converted, in_words_of, read_config

COMPAT = Path(__file__).resolve().parents[3] / "shared" / "compat"
LEAST = {"model_name_or_path": "m", "stage": "sft", "dataset": "rows"}


@pytest.mark.parametrize("method", ["lora", "full", "freeze"])
def test_a_file_as_the_web_page_of_that_program_writes_it_is_translated(method: str) -> None:
    switches = [
        "use_unsloth",
        "enable_liger_kernel",
        "use_llama_pro",
        "use_galore",
        "use_apollo",
        "use_badam",
    ]
    written: dict[str, Any] = {
        **LEAST,
        "do_train": True,
        "finetuning_type": method,
        "cache_dir": None,
        "preprocessing_num_workers": 16,
        "rope_scaling": None,
        "flash_attn": "auto",
        "learning_rate": 5e-05,
        "num_train_epochs": 3.0,
        "max_samples": 100000,
        "lr_scheduler_type": "cosine",
        "max_grad_norm": 1.0,
        "save_steps": 100,
        "warmup_steps": 0,
        "neftune_noise_alpha": None,
        "packing": False,
        "neat_packing": False,
        "report_to": "none",
        "use_swanlab": False,
        "fp16": False,
        "bf16": True,
        "pure_bf16": False,
        "plot_loss": True,
        "trust_remote_code": True,
        "ddp_timeout": 180000000,
        "include_num_input_tokens_seen": True,
        "optim": "adamw_torch",
        **dict.fromkeys(switches, False),
    }
    if method == "lora":
        written |= {"lora_rank": 8, "lora_alpha": 16, "create_new_adapter": False, "pissa_init": False}
    config = read_config(yaml.safe_dump(written))
    assert (config.method.type, config.training.warmup_ratio) == (method, 0.0)


MEGATRON = """
tensor_model_parallel_size: 2
pipeline_model_parallel_size: 4
sequence_parallel: true
use_distributed_optimizer: true
overlap_param_gather: true
moe_grouped_gemm: true
moe_token_dispatcher_type: alltoall
recompute_granularity: full
"""
MEGATRON_BRIDGE = """
context_parallel_size: 2
mixed_precision: bf16_mixed
masked_softmax_fusion: true
use_packed_sequences: false
export_hf_on_finish: true
"""
KTRANSFORMERS = """
use_kt: true
kt_cpu_activation: retain
kt_weight_path: experts-int8
kt_config:
  kt_backend: AMXBF16
  kt_num_threads: 96
"""
SHARDED = """
fsdp:
  - full_shard
  - auto_wrap
fsdp_transformer_layer_cls_to_wrap: LlamaDecoderLayer
fsdp_config: {fsdp_state_dict_type: FULL_STATE_DICT}
deepspeed: examples/deepspeed/ds_z3_config.json
report_to: wandb
"""


@pytest.mark.parametrize(
    "settings", [MEGATRON, MEGATRON_BRIDGE, KTRANSFORMERS, SHARDED], ids=["mcore", "bridge", "kt", "fsdp"]
)
def test_how_a_model_is_shared_out_or_computed_changes_nothing_of_what_is_trained(settings: str) -> None:
    text = yaml.safe_dump({**LEAST, "bf16": True, "finetuning_type": "full"})
    assert read_config(text + settings) == read_config(text)
    translation, named = converted(text + settings), yaml.safe_load(settings).keys()
    assert translation is not None
    unused = [line for line in translation.splitlines() if line.startswith("# ")]
    assert named - {"mixed_precision"} <= {
        name for line in unused for name in line[2:].partition(":")[0].split(", ")
    }


@pytest.mark.parametrize("backend", ["auto", "torchao", "te", "msamp"])
def test_a_file_that_trains_in_fp8_does_so_with_torchao(backend: str) -> None:
    text = yaml.safe_dump({**LEAST, "bf16": True, "finetuning_type": "full"}) + SHARDED
    fp8 = f"fp8: true\nfp8_backend: {backend}\nfp8_enable_fsdp_float8_all_gather: true\n"
    config, plain = read_config(text + fp8), read_config(text)
    assert config.training.fp8
    assert config == plain.model_copy(update={"training": plain.training.model_copy(update={"fp8": True})})
    translation = converted(text + fp8)
    assert translation is not None
    assert "# fp8_backend: products in FP8 are computed by torchao" in translation.splitlines()


def test_experts_on_the_cpu_say_what_to_look_at_instead() -> None:
    translation = converted(yaml.safe_dump({**LEAST, "use_kt": True}))
    assert translation is not None
    assert "# use_kt: experts are computed where the model is" in translation
    assert "llmtune estimate says whether they fit" in translation


def test_a_file_for_another_command_says_which() -> None:
    with pytest.raises(ConfigError, match="this file is for llmtune export"):
        read_config("model_name_or_path: m\nadapter_name_or_path: a\nexport_dir: out")
    with pytest.raises(ConfigError, match="llmtune sample and %%sample do that"):
        read_config("model_name_or_path: m\nadapter_name_or_path: a\ninfer_backend: huggingface")
    with pytest.raises(ConfigError, match="line 3: do_predict: this file only evaluates a model"):
        read_config("model_name_or_path: m\neval_dataset: rows\ndo_predict: true")
    with pytest.raises(ConfigError, match="line 3: do_train: this file only evaluates a model"):
        read_config("model_name_or_path: m\ndataset: rows\ndo_train: false")


def test_the_translation_is_yaml_of_ours_that_says_the_same() -> None:
    text = yaml.safe_dump({**LEAST, "lora_rank": 32, "plot_loss": True, "overwrite_cache": True})
    translation = converted(text)
    assert translation is not None
    assert read_config(translation) == read_config(text)
    assert "# plot_loss: loss, speed and memory are shown while it trains" in translation.splitlines()
    assert converted("data: rows.jsonl") is None


OURS = "Lower training.per_device_train_batch_size or data.max_length, or write model.quantization: nf4."
FLAT = yaml.safe_dump({**LEAST, "quantization_bit": 8})
V1 = "model: m\ntrain_dataset: rows.json\nquant_config: {name: bnb, quantization_bit: 8}"


@pytest.mark.parametrize(
    ("text", "where", "fix"),
    [
        (
            FLAT,
            "dataset: rows",
            "Lower per_device_train_batch_size or cutoff_len, or write quantization_bit: 4.",
        ),
        (
            V1,
            "train_dataset: rows",
            "Lower micro_batch_size or cutoff_len, or write quant_config.quantization_bit: 4.",
        ),
        ("model: m\ndata: rows", "data.train: rows", OURS),
    ],
    ids=["flat", "v1", "ours"],
)
def test_what_is_found_when_it_runs_is_told_by_the_arguments_of_the_file(
    text: str, where: str, fix: str
) -> None:
    with pytest.raises(UserError) as error, in_words_of(text):
        raise UserError("It is too long.", "data.train: rows", OURS)
    assert (error.value.where, error.value.fix) == (where, fix)


def test_how_to_mend_a_mistake_is_said_with_its_arguments() -> None:
    said = r"line 5: finetuning_type: .*; write finetuning_type: lora, or leave quantization_bit out"
    with pytest.raises(ConfigError, match=said):
        read_config(f"{FLAT}finetuning_type: oft")


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
