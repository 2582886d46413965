"""How much memory training takes, and a checkpoint of it on the disk; roughly."""

from __future__ import annotations

from typing import Any

import psutil
import torch

from llmtune_kernel.config import RunConfig
from llmtune_kernel.models.quantization import quantized_bytes

# Resident memory of a worker that has its libraries imported, measured with torch 2.13 and transformers 5.17; on an
# accelerator, what its runtime and kernels take beside the tensors.
_PROCESS = 500 * 2**20
# Float32 values that an optimizer keeps for each trained weight. Adafactor keeps a row and a column of each matrix.
_OPTIMIZER_VALUES = {
    "adamw_torch": 2,
    "adamw_torch_fused": 2,
    "sgd": 0,
    "adafactor": 0,
    "rmsprop": 1,
    "adagrad": 1,
}


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the accelerator, or in the machine."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def free_for_training(device: torch.device) -> int:
    """Bytes that a run may take, among them what this process has already: it may become the run."""
    if device.type == "cuda":
        return free_memory(device) + torch.cuda.memory_reserved(device)
    return free_memory(device) + int(psutil.Process().memory_info().rss)


def activation_bytes(
    config: Any, tokens: int, targets: int, bytes_per_value: int, checkpointing: bool = False
) -> int:
    """Bytes of activations kept for one backward pass.

    34 values of two bytes a token, layer and hidden unit (Korthikanti et al. 2022, "Reducing Activation Recomputation
    in Large Transformer Models", equation 2 without attention scores, which sdpa does not keep), scaled to the
    precision; and the logits of the targets, their softmax and the gradients of both, in float32. With checkpointing,
    of each layer only its input, and all of the one that is recomputed.
    """
    text = config.get_text_config()
    unit = bytes_per_value * tokens * text.hidden_size
    layers = unit * (17 + text.num_hidden_layers) if checkpointing else unit * 17 * text.num_hidden_layers
    return int(layers + 4 * 4 * targets * text.vocab_size)


def wants_checkpointing(config: RunConfig, activations: int, free: int) -> bool:
    """Whether activations are to be recomputed; `auto` does so where they would take most of what is free."""
    wanted = config.training.gradient_checkpointing
    return activations >= 0.8 * free if wanted == "auto" else wanted


def training_bytes(
    config: RunConfig, model: Any, tokens: int, targets: int, dtype: torch.dtype, free: int
) -> int:
    """Estimate of the most memory that a run needs at once, in bytes.

    What a worker takes without a model, plus
    - frozen weights in `dtype` or quantized, trained ones in float32, which autocast copies in `dtype` besides;
    - for each trained weight its gradient and the state of the optimizer, in float32;
    - the activations of the largest batch, see `activation_bytes`.

    Args:
        model: As `prepare_for_training` made it; its weights are only counted, so they may be on the device meta.
        tokens, targets: Of the largest batch: all, and those trained.
        dtype: Precision of matrix products.
        free: Bytes that are free before anything is loaded.
    """
    updates = 4 * _trained(model) * (1 + _OPTIMIZER_VALUES[config.training.optim])
    checkpointing = expects_checkpointing(config, model, tokens, targets, dtype, free)
    activations = activation_bytes(model.config, tokens, targets, dtype.itemsize, checkpointing)
    return int(_weight_bytes(config, model, dtype) + updates + activations)


def expects_checkpointing(
    config: RunConfig, model: Any, tokens: int, targets: int, dtype: torch.dtype, free: int
) -> bool:
    """Whether a run that is started now will recompute activations; arguments as `training_bytes`."""
    activations = activation_bytes(model.config, tokens, targets, dtype.itemsize)
    return wants_checkpointing(config, activations, free - _weight_bytes(config, model, dtype))


def _weight_bytes(config: RunConfig, model: Any, dtype: torch.dtype) -> int:
    autocast = 0 if dtype == torch.float32 else dtype.itemsize
    return int(_PROCESS + quantized_bytes(config.model, model, dtype) + _trained(model) * (4 + autocast))


def checkpoint_bytes(config: RunConfig, model: Any) -> int:
    """Bytes of a checkpoint: trained weights and the state of the optimizer, in float32."""
    return 4 * _trained(model) * (1 + _OPTIMIZER_VALUES[config.training.optim])


def result_bytes(model: Any) -> int:
    """Bytes of the result: trained weights in float32."""
    return 4 * _trained(model)


def _trained(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
