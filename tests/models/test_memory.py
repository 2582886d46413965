"""What weights and the state of optimizers take, against values worked out by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.loading import load_skeleton
from llmtune_kernel.models.memory import (
    activation_bytes,
    free_in_container,
    frozen_bytes,
    logits_bytes,
    optimizer_bytes,
    trained_bytes,
    update_bytes,
)
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.worker.assembling import trained_dtype

# Llama 2 7B: 32 layers of four matrices of 4096 × 4096, three of 4096 × 11008 and two norms; embeddings and head of
# 32000 words, and a last norm.
_LINEAR = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008)
_ENDS = 2 * 32000 * 4096
_NORMS = (2 * 32 + 1) * 4096
_ALL = _LINEAR + _ENDS + _NORMS
# LoRA of rank 8: for each matrix of m × n one of m × 8 and one of 8 × n.
_ADAPTER = 32 * 8 * (4 * (4096 + 4096) + 3 * (4096 + 11008))


@pytest.fixture(scope="module")
def llama_2_7b(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the configuration alone."""
    from transformers import LlamaConfig

    folder = tmp_path_factory.mktemp("llama-2-7b")
    LlamaConfig(architectures=["LlamaForCausalLM"]).save_pretrained(
        folder
    )  # its defaults are those of Llama 2 7B
    return str(folder)


def prepared(folder: str, dtype: torch.dtype = torch.bfloat16, **sections: Any) -> Any:
    config = config_from_dict({"data": "unused", **sections})
    skeleton = load_skeleton(ModelSource(folder, None), scores=config.scores).to(dtype)
    with torch.device("meta"):
        return config, prepare_for_training(skeleton, config.method, dtype=trained_dtype(config))


def test_the_weights_of_llama_2_7b(llama_2_7b: str) -> None:
    assert _ALL == 6_738_415_616
    config, model = prepared(llama_2_7b, method="lora")
    assert frozen_bytes(config, model, torch.bfloat16) == 2 * _ALL
    assert frozen_bytes(config, model, torch.float32) == 4 * _ALL
    assert trained_bytes(model) == 4 * _ADAPTER == 4 * 19_988_480
    config, model = prepared(llama_2_7b, method="full")
    assert frozen_bytes(config, model, torch.float32) == 0
    assert trained_bytes(model) == 4 * _ALL


def test_new_blocks_of_llama_2_7b_take_their_weights_gradients_and_state(llama_2_7b: str) -> None:
    method = {"type": "freeze", "trainable_layers": 8, "block_expansion": "new"}
    config, model = prepared(llama_2_7b, method=method)
    block = 4 * 4096 * 4096 + 3 * 4096 * 11008 + 2 * 4096
    assert frozen_bytes(config, model, torch.bfloat16) == 2 * _ALL
    assert trained_bytes(model) == 4 * 8 * block
    assert optimizer_bytes(config.training, model) == 8 * 8 * block
    assert model.config.num_hidden_layers == 40


@pytest.mark.parametrize(
    ("quantization", "bytes_per_weight"),
    [
        ({"quantization": "int8"}, 1.0),
        # Half a byte, and for 64 weights a scale of four bytes, or of one byte and a share of a scale of scales.
        ({"quantization": "nf4", "double_quantization": False}, 0.5 + 4 / 64),
        ({"quantization": "nf4"}, 0.5 + (1 + 4 / 256) / 64),
        ({"quantization": "fp4"}, 0.5 + (1 + 4 / 256) / 64),
        # For 64 weights seven integers, and a scale and a zero of two bytes each.
        ({"quantization": "hqq3"}, (7 * 4 + 2 * 2) / 64),
        ({"quantization": "hqq4"}, 0.5 + 2 * 2 / 64),
        ({"quantization": "hqq5"}, 1.0 + 2 * 2 / 64),
        ({"quantization": "torchao_float8"}, 1.0),
    ],
)
def test_quantized_layers_take_few_bits_and_the_ends_two_bytes(
    llama_2_7b: str, quantization: dict[str, Any], bytes_per_weight: float
) -> None:
    config, model = prepared(
        llama_2_7b, model={"name_or_path": "unused/unused", **quantization}, method="lora"
    )
    expected = int(_LINEAR * bytes_per_weight + 2 * (_ENDS + _NORMS))
    assert frozen_bytes(config, model, torch.bfloat16) == expected


def test_freezing_trains_the_layers_that_are_named(llama_2_7b: str) -> None:
    config, model = prepared(llama_2_7b, method={"type": "freeze", "trainable_layers": 2})
    layer = 4 * 4096 * 4096 + 3 * 4096 * 11008 + 2 * 4096
    assert trained_bytes(model) == 4 * 2 * layer
    assert frozen_bytes(config, model, torch.bfloat16) == 2 * (_ALL - 2 * layer)


def test_a_copy_of_the_model_before_training_is_counted(llama_2_7b: str) -> None:
    compared: dict[str, Any] = {"objective": {"type": "sft", "loss": "asft"}}
    config, model = prepared(llama_2_7b, method="full", **compared)
    assert frozen_bytes(config, model, torch.float32) == 4 * _ALL
    # Adapters are switched off instead.
    config, model = prepared(llama_2_7b, method="lora", **compared)
    assert frozen_bytes(config, model, torch.float32) == 4 * _ALL


def test_adam_keeps_two_values_and_computes_a_denominator(llama_2_7b: str) -> None:
    config, model = prepared(llama_2_7b, method="full")
    assert optimizer_bytes(config.training, model) == 8 * _ALL
    largest = 4 * 32000 * 4096
    assert update_bytes(config.training, model, on_gpu=False) == (4 * _ALL, 2 * largest)
    assert update_bytes(config.training, model, on_gpu=True) == (4 * _ALL, 4 * _ALL)
    config, model = prepared(llama_2_7b, method="full", training={"optim": "lomo"})
    assert optimizer_bytes(config.training, model) == 0
    assert update_bytes(config.training, model, on_gpu=True) == (largest, 2 * largest)


def test_pure_bfloat16_takes_half_of_it(llama_2_7b: str) -> None:
    pure = {"model": {"dtype": "bfloat16", "pure_bf16": True}}
    config, model = prepared(llama_2_7b, method="full", **pure)
    assert trained_bytes(model) == 2 * _ALL
    assert optimizer_bytes(config.training, model) == 4 * _ALL
    assert update_bytes(config.training, model, on_gpu=True) == (2 * _ALL, 2 * _ALL)
    config, model = prepared(llama_2_7b, method="lora", **pure)
    assert trained_bytes(model) == 2 * _ADAPTER


def test_logits_have_probabilities_and_gradients_in_float32(llama_2_7b: str) -> None:
    model = load_skeleton(ModelSource(llama_2_7b, None))
    assert logits_bytes(model.config, 100) == 3 * 4 * 100 * 32000
    layers = 2 * 17 * 1000 * 4096 * 32
    assert activation_bytes(model.config, 1000, 100, 2) == layers + logits_bytes(model.config, 100)


def test_a_folder_with_a_configuration_alone_is_enough(llama_2_7b: str) -> None:
    assert [path.suffix for path in Path(llama_2_7b).iterdir()] == [".json"]
    assert load_skeleton(ModelSource(llama_2_7b, None)).device.type == "meta"


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text + "\n")


def test_a_container_has_what_its_limit_leaves(tmp_path: Path) -> None:
    process, groups = tmp_path / "self", tmp_path / "groups"
    assert free_in_container(groups, process) == sys.maxsize  # where there are no groups
    group(process, cgroup="0::/job/step")
    group(groups / "job" / "step", memory_max="max", memory_current="700", memory_stat="inactive_file 100")
    assert free_in_container(groups, process) == sys.maxsize
    group(groups / "job", memory_max="1000", memory_current="700", memory_stat="anon 600\ninactive_file 100")
    assert free_in_container(groups, process) == 400
    group(groups / "job" / "step", memory_max="720", memory_current="700", memory_stat="inactive_file 100")
    assert free_in_container(groups, process) == 120
    group(groups / "job" / "step", memory_max="500", memory_current="700", memory_stat="inactive_file 100")
    assert free_in_container(groups, process) == 0


def test_a_container_of_the_first_version_has_what_its_limit_leaves(tmp_path: Path) -> None:
    process, groups = tmp_path / "self", tmp_path / "groups"
    group(process, cgroup="4:memory:/docker/one\n1:cpu:/docker/one")
    # Inside a container its own group is the root.
    group(
        groups / "memory",
        memory_limit_in_bytes="1000",
        memory_usage_in_bytes="800",
        memory_stat="inactive_file 1\ntotal_inactive_file 50",
    )
    assert free_in_container(groups, process) == 250
