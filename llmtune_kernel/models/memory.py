"""How much memory training takes, roughly."""

from __future__ import annotations

from typing import Any

import psutil
import torch


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the accelerator, or in the machine."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def activation_bytes(config: Any, tokens: int, targets: int, bytes_per_value: int) -> int:
    """Bytes of activations kept for one backward pass without checkpointing.

    34 values of two bytes a token, layer and hidden unit (Korthikanti et al. 2022, "Reducing Activation Recomputation
    in Large Transformer Models", equation 2 without attention scores, which sdpa does not keep), scaled to the
    precision; and the logits of the targets with their gradient, in float32.
    """
    text = config.get_text_config()
    layers = 17 * bytes_per_value * tokens * text.hidden_size * text.num_hidden_layers
    return int(layers + 2 * 4 * targets * text.vocab_size)
