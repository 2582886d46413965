"""Frozen weights in a few bits each: what transformers is told, and how many bytes they take."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.scoring import head_of

# How many values of a 4-bit tensor share a scale, and how many scales share one when they are quantized themselves:
# the defaults of bitsandbytes.
_BLOCK, _BLOCK_OF_SCALES = 64, 256


def quantization_config(config: ModelConfig, dtype: torch.dtype) -> Any:
    """What `from_pretrained` takes as `quantization_config`; None for weights that are not quantized.

    Args:
        dtype: Precision of matrix products, for which weights are expanded.

    Raises:
        UserError: a package is missing.
    """
    if config.quantization == "none":
        return None
    where = f"model.quantization: {config.quantization}"
    if not importlib.util.find_spec("bitsandbytes"):
        raise UserError(
            _("The package {package} is not installed.", package="bitsandbytes"),
            where,
            _("Install it: {command}", command="%pip install 'jupyterlab-llmtune[quantization]'"),
            [leave_out("model.quantization")],
        )
    from transformers import BitsAndBytesConfig

    if config.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type=config.quantization,
        bnb_4bit_use_double_quant=config.double_quantization,
        bnb_4bit_compute_dtype=dtype,
    )


def keep_layout(model: Any) -> None:
    """Keep 4-bit weights as they are: bitsandbytes would reorder them on a CPU at the first answer, for good, with
    scales of fewer bits, and training reads the order of before."""
    for part in model.modules():
        if hasattr(part, "support_avx512bf16_for_cpu"):
            part.support_avx512bf16_for_cpu = False


def quantized_bytes(config: ModelConfig, model: Any, dtype: torch.dtype) -> int:
    """Bytes of the frozen weights of a model: those of its linear layers quantized, the others in `dtype`.

    Args:
        model: On any device; its weights are only counted.
    """
    frozen = sum(weight.numel() for weight in model.parameters() if not weight.requires_grad)
    if config.quantization == "none":
        return int(frozen * dtype.itemsize)
    head = head_of(model)
    quantized = sum(
        part.weight.numel()
        for part in model.modules()
        if isinstance(part, torch.nn.Linear) and part is not head and not part.weight.requires_grad
    )
    return int((frozen - quantized) * dtype.itemsize + quantized * _bytes_per_weight(config))


def _bytes_per_weight(config: ModelConfig) -> float:
    if config.quantization == "int8":
        return 1.0
    scale = (1 + 4 / _BLOCK_OF_SCALES) / _BLOCK if config.double_quantization else 4 / _BLOCK
    return 0.5 + scale
