"""Liger's kernels are refused where they cannot run, and change nothing but the time where they can."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.models.attention import packing_works
from llmtune_kernel.models.liger import check_liger, use_liger
from llmtune_kernel.models.loading import device


@pytest.mark.skipif(device().type == "cuda", reason="there is an NVIDIA GPU")
def test_without_an_nvidia_gpu_it_is_refused() -> None:
    check_liger(ModelConfig())
    with pytest.raises(UserError, match="liger_kernel needs an NVIDIA GPU") as error:
        check_liger(ModelConfig(liger_kernel=True))
    assert [change.path for change in error.value.changes] == [("model", "liger_kernel")]


def test_an_architecture_without_kernels_is_refused() -> None:
    pytest.importorskip("liger_kernel", reason="liger-kernel is not installed")
    model = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_embd=32, n_layer=1, n_head=2))
    with pytest.raises(UserError, match=r"no kernels for this architecture \(gpt2\)"):
        use_liger(model)


@pytest.mark.skipif(device().type != "cuda", reason="there is no NVIDIA GPU")
def test_logits_and_gradients_are_those_of_before() -> None:
    pytest.importorskip("liger_kernel", reason="liger-kernel is not installed")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=100,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    model = LlamaForCausalLM(config).to("cuda")
    ids = torch.arange(20, device="cuda")[None]

    def learned() -> list[Any]:
        model.zero_grad()
        logits = model(input_ids=ids, use_cache=False).logits
        logits.square().sum().backward()
        return [logits.detach(), *(weight.grad.clone() for weight in model.parameters())]

    expected = learned()
    use_liger(model)
    torch.testing.assert_close(learned(), expected, atol=1e-3, rtol=1e-3)
    assert packing_works(model)
