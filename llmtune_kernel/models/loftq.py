"""LoftQ: adapters that start with what quantization took from the weights."""

from __future__ import annotations

from typing import Any

import torch

# Rounds in which `torch.svd_lowrank` comes nearer to the largest part of a matrix.
_ROUNDS = 8


@torch.no_grad()
def make_up_for_quantization(tuned: Any, plain: Any) -> None:
    """Let adapters of LoRA start with what comes nearest, at their rank, to what quantization took from the weights.

    The paper (LoftQ, Li et al. 2023) goes on to quantize what the adapters leave, and so on by turns. Here the
    quantized weights stay those that every loading gives, so that an adapter alone is the whole result.

    Args:
        tuned: A `PeftModel` with an adapter that adds nothing.
        plain: The same model without adapters, its weights not quantized, on any device.
    """
    from peft.tuners.lora import LoraLayer
    from peft.utils.integrations import dequantize_module_weight

    layers: dict[str, Any] = {
        name: part
        for name, part in tuned.get_base_model().named_modules()
        if isinstance(part, LoraLayer) and "default" in part.lora_A
    }
    for name, layer in layers.items():
        kept = dequantize_module_weight(layer.get_base_layer()).float()
        lost = plain.get_submodule(name).weight.to(kept.device).float() - kept
        if lost.any():  # not all layers are quantized
            down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            rank, scaling = len(down), layer.scaling["default"]
            left, values, right = torch.svd_lowrank(lost, min(2 * rank, *lost.shape), _ROUNDS)
            each = (values[:rank] / scaling).sqrt()
            up.copy_(left[:, :rank] * each)
            down.copy_((right[:, :rank] * each).T)
