"""Layers that compute in FP8 give what torchao gives, on weights that stay as they are."""

from __future__ import annotations

import copy
import functools
import importlib.util
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from ways import other_kind

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.config.peft_types import IN_PLACE_OF_LAYERS, PEFT_TYPES
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.fp8 import check_fp8, use_fp8

_INSTALLED = importlib.util.find_spec("torchao") is not None
needs_torchao = pytest.mark.skipif(not _INSTALLED, reason="torchao is not installed")
# What rounding to a sign, four bits of exponent and three of mantissa moves a number by, at most, as a share of it.
_ROUNDING = 2**-4


def llama(tied: bool = False) -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 96, "head_dim": 16, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": tied}
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, **sizes, **heads)).eval()


def wide() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=500, num_key_value_heads=2, **sizes))


def rounded(values: torch.Tensor) -> torch.Tensor:
    """Rows rounded to FP8, each scaled by the largest power of two that keeps its largest value in range."""
    largest = values.abs().amax(-1, keepdim=True)
    scale = torch.exp2(torch.floor(torch.log2(torch.finfo(torch.float8_e4m3fn).max / largest)))
    return (values * scale).to(torch.float8_e4m3fn).float() / scale


def learned(layer: Any, given: torch.Tensor) -> list[torch.Tensor]:
    """The output of a layer, and the gradients of its input and weight."""
    given = given.clone().requires_grad_(True)
    output = layer(given)
    towards = torch.linspace(-1, 1, output.numel()).view_as(output)
    grads = torch.autograd.grad((output * towards).sum(), [given, layer.weight])
    return [output.detach(), *grads]


@needs_torchao
@pytest.mark.parametrize("tokens", [1, 16, 21])
def test_a_layer_gives_what_torchao_gives_and_differs_by_the_rounding_of_fp8(tokens: int) -> None:
    from torchao.float8 import Float8LinearConfig, convert_to_float8_training

    plain = llama().model.layers[0].mlp.down_proj
    model = llama()
    use_fp8(model, emulated=True)
    ours = model.model.layers[0].mlp.down_proj
    recipe = Float8LinearConfig.from_recipe_name("rowwise")
    object.__setattr__(recipe, "emulate", True)
    [theirs] = convert_to_float8_training(torch.nn.Sequential(copy.deepcopy(plain)), config=recipe)
    given = torch.randn(1, tokens, 96)
    found = learned(ours, given)
    for one, other in zip(found, learned(theirs, given), strict=True):
        assert torch.equal(one, other)
    torch.testing.assert_close(found[0], rounded(given) @ rounded(plain.weight).T)
    towards = torch.linspace(-1, 1, found[0].numel()).view(tokens, -1)
    of_weight = rounded(towards.T) @ rounded(given[0].T).T
    torch.testing.assert_close(found[1][0], rounded(towards) @ rounded(plain.weight.T).T)
    torch.testing.assert_close(found[2], of_weight)
    exact = learned(plain, given)
    bound = 2.1 * _ROUNDING * (given.abs() @ plain.weight.abs().T)
    assert not torch.equal(found[0], exact[0])
    assert ((found[0] - exact[0]).abs() <= bound).all()


@needs_torchao
def test_kernels_give_what_is_emulated() -> None:
    layers = []
    for emulated in (True, False):  # with the kernels of a CPU; an NVIDIA GPU has others
        model = llama().bfloat16()
        use_fp8(model, emulated=emulated)
        layers.append(model.model.layers[0].mlp.down_proj)
    found = (learned(layer, torch.ones(1, 21, 96).cumsum(1).bfloat16()) for layer in layers)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@needs_torchao
@pytest.mark.parametrize("tied", [True, False])
def test_all_layers_but_the_head_compute_so_and_their_weights_stay(tied: bool) -> None:
    plain, model = llama(tied=tied), llama(tied=tied)
    assert use_fp8(model, emulated=True) == 2 * 7
    assert type(model.lm_head) is torch.nn.Linear
    assert (model.lm_head.weight is model.model.embed_tokens.weight) == tied
    before, after = plain.state_dict(), model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    assert all(type(weight) is torch.nn.Parameter for weight in model.parameters())


@needs_torchao
def test_what_becomes_of_a_token_does_not_depend_on_other_sequences() -> None:
    model = llama()
    use_fp8(model, emulated=True)
    layer = model.model.layers[0].mlp.down_proj
    one, other = torch.randn(1, 5, 96), 1000 * torch.randn(1, 7, 96)
    together = layer(torch.cat([one, other], 1))
    torch.testing.assert_close(together, torch.cat([layer(one), layer(other)], 1))


@needs_torchao
def test_a_layer_of_other_sizes_stays_and_a_model_of_such_layers_is_refused() -> None:
    model = llama()
    model.model.layers[0].mlp.gate_proj = torch.nn.Linear(32, 40)
    model.model.layers[1].mlp.router = torch.nn.Linear(32, 16)
    assert use_fp8(model, emulated=True) == 2 * 7 - 1
    for left in (model.model.layers[0].mlp.gate_proj, model.model.layers[1].mlp.router):
        assert type(left) is torch.nn.Linear
    with pytest.raises(UserError, match="No linear layer of this model has sizes that are multiples of 16"):
        use_fp8(torch.nn.ModuleDict({"score": torch.nn.Linear(24, 24)}), emulated=True)


@needs_torchao
@pytest.mark.parametrize("name", [kind for kind in PEFT_TYPES if kind not in IN_PLACE_OF_LAYERS])
def test_every_kind_of_adapter_learns_around_such_layers(name: str) -> None:
    values = {"data": "unused", "method": other_kind(name), "training": {"fp8": True}}
    method = config_from_dict(values).method
    model = prepare_for_training(wide(), method, change=functools.partial(use_fp8, emulated=True)).train()
    used: set[str] = set()
    for path, layer in model.named_modules():
        if type(layer).__name__ == "Float8Linear":
            layer.register_forward_pre_hook(lambda *_given, path=path: used.add(path))
    ids = torch.arange(1, 12)[None]
    model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss.backward()
    assert len(used) == 2 * 7
    assert any(weight.grad is not None and weight.grad.any() for weight in model.parameters())


@pytest.mark.skipif(_INSTALLED, reason="torchao is installed")
def test_without_torchao_the_command_that_installs_it_is_named() -> None:
    config = config_from_dict({"data": "unused", "training": {"fp8": True}})
    said = r"The package torchao is not installed\.[\s\S]*%pip install 'jupyterlab-llmtune\[torchao\]'"
    with pytest.raises(UserError, match=said):
        check_fp8(config.training)
