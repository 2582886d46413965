"""Adapters that make up for quantization."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from peft.utils.integrations import dequantize_module_weight
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from llmtune_kernel.config import LoraMethod
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.loftq import make_up_for_quantization
from llmtune_kernel.models.quantization import keep_layout


def quantized(folder: str) -> Any:
    bits: Any = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")  # type: ignore[no-untyped-call]
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=bits, device_map={"": "cpu"}
    )
    keep_layout(model)
    return model.eval()


@pytest.mark.parametrize("stabilized", [False, True])
def test_adapters_come_as_near_to_what_was_lost_as_their_rank_allows(
    small_model: str, stabilized: bool
) -> None:
    plain: Any = AutoModelForCausalLM.from_pretrained(small_model, dtype=torch.float32)
    method = LoraMethod(r=16, use_rslora=stabilized, target_modules=["up_proj", "lm_head"])
    tuned = prepare_for_training(quantized(small_model), method)
    before = copy.deepcopy(tuned.state_dict())
    make_up_for_quantization(tuned, plain)
    after = tuned.state_dict()
    assert {name for name, weight in after.items() if not torch.equal(weight, before[name])} == {
        name
        for name in after
        if "up_proj.lora_" in name  # the head is not quantized
    }
    layer = tuned.get_submodule("base_model.model.model.layers.0.mlp.up_proj")
    lost = plain.model.layers[0].mlp.up_proj.weight - dequantize_module_weight(layer.base_layer)
    left, values, right = torch.linalg.svd(lost, full_matrices=False)
    best = (left[:, :16] * values[:16]) @ right[:16]
    assert (lost - layer.get_delta_weight("default")).norm() <= 1.02 * (lost - best).norm()
    assert (lost - best).norm() < 0.9 * lost.norm()


def test_the_model_starts_nearer_to_what_it_was(small_model: str) -> None:
    plain: Any = AutoModelForCausalLM.from_pretrained(small_model, dtype=torch.float32)
    tuned = prepare_for_training(quantized(small_model), LoraMethod(r=32))
    make_up_for_quantization(tuned, plain)
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        wanted = plain.eval()(ids).logits
        nearer = (tuned.eval()(ids).logits - wanted).norm()
        with tuned.disable_adapter():
            assert nearer < 0.7 * (tuned(ids).logits - wanted).norm()
