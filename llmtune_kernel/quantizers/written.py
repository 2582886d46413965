"""How a run says how its model was quantized, and back."""

from __future__ import annotations

from typing import Any

import torch
from transformers.quantizers.auto import AutoQuantizationConfig

import llmtune_kernel.quantizers.hqq  # noqa: F401  # makes it known to transformers


def read(values: dict[str, Any] | None) -> Any:
    """What `from_pretrained` takes as `quantization_config`, of what `write` gave; None of None."""
    return AutoQuantizationConfig.from_dict(values) if values else None


def write(quantization: Any) -> dict[str, Any]:
    """What `read` takes, of a configuration of transformers: that leaves out whether weights are expanded."""
    return {**quantization.to_dict(), "dequantize": True} if expands(quantization) else quantization.to_dict()


def expands(quantization: Any) -> bool:
    """Whether weights that are quantized on the disk become whole ones."""
    return bool(getattr(quantization, "dequantize", False))


def as_whole(model: Any, dtype: torch.dtype) -> Any:
    """A model whose weights were expanded, all of them in `dtype`, and saved as what they are: transformers would
    quantize them again."""
    model._weight_conversions = None
    if any(hasattr(part, "quantization_scheme") for part in model.modules()):
        _make_plain(model)
    return model.to(dtype)


def _make_plain(model: Any) -> None:
    """Take from the layers of an expanded model what compressed-tensors keeps of how they were quantized: it would
    quantize their weights again at each product."""
    from compressed_tensors.offload import remove_dispatch

    remove_dispatch(model, onload_tensors=True)
    for name, part in list(model.named_modules()):
        if isinstance(part, torch.nn.Linear) and hasattr(part, "quantization_scheme"):
            whole = torch.nn.Linear(part.in_features, part.out_features, part.bias is not None, device="meta")
            whole.load_state_dict(
                {key: getattr(part, key) for key, _weight in whole.named_parameters()}, assign=True
            )
            model.set_submodule(name, whole.train(part.training))
