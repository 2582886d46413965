"""Frozen weights in few bits: what becomes of layers, and what is said where it cannot be done."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.config.quantizations import QUANTIZATIONS, QuantizationName
from llmtune_kernel.models.loading import load_model
from llmtune_kernel.models.quantization import quantization_config
from llmtune_kernel.models.sources import ModelSource

IDS = torch.arange(40)[None]


@pytest.fixture
def biased(tmp_path: Path) -> Qwen2ForCausalLM:
    """A model whose attention has biases, and whose last layers have no multiple of 64 weights; it is saved, too."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 33, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=300, num_key_value_heads=1, **sizes))
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight)
    model.save_pretrained(tmp_path)
    return model.eval()


def loaded(
    folder: Path, quantization: QuantizationName, dtype: torch.dtype = torch.float32
) -> Qwen2ForCausalLM:
    config = ModelConfig(quantization=quantization)
    model: Qwen2ForCausalLM = load_model(
        ModelSource(str(folder), None), dtype, "sdpa", quantization_config(config, dtype, Qwen2Config())
    )
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_hqq_comes_closer_with_every_bit_and_keeps_biases_and_odd_layers(
    biased: Qwen2ForCausalLM, tmp_path: Path, dtype: torch.dtype
) -> None:
    pytest.importorskip("hqq", reason="hqq is not installed")
    names: list[QuantizationName] = [name for name in QUANTIZATIONS if name.startswith("hqq")]
    errors = []
    for name in names:
        model = loaded(tmp_path, name, dtype)
        layer = model.model.layers[0]
        assert type(layer.self_attn.q_proj).__name__ == "HQQLinear"
        bias = layer.self_attn.q_proj.bias
        assert torch.equal(bias, biased.model.layers[0].self_attn.q_proj.bias.to(dtype))
        assert type(layer.mlp.up_proj) is torch.nn.Linear
        assert type(model.lm_head) is torch.nn.Linear
        with torch.no_grad():
            errors.append(float((model(IDS).logits.float() - biased(IDS).logits).abs().mean()))
    # 8 bits are as near as bfloat16 comes.
    assert errors[:-1] == sorted(errors[:-1], reverse=True)
    assert errors[-1] < errors[-3]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_what_needs_a_gpu_is_refused_without_one() -> None:
    with pytest.raises(UserError, match=r"eetq8 needs an NVIDIA GPU\.[\s\S]*Take another, such as int8\."):
        quantization_config(ModelConfig(quantization="eetq8"), torch.float32, Qwen2Config())


@pytest.mark.skipif(importlib.util.find_spec("hqq") is not None, reason="hqq is installed")
def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it() -> None:
    said = r"The package hqq is not installed\.[\s\S]*%pip install 'jupyterlab-llmtune\[hqq\]'"
    with pytest.raises(UserError, match=said):
        quantization_config(ModelConfig(quantization="hqq4"), torch.float32, Qwen2Config())
