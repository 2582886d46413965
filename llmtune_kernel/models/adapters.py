"""Which weights are trained: LoRA adapters, or all."""

from __future__ import annotations

from typing import Any

import torch

from llmtune_kernel.config import FullMethod, LoraMethod, UserError
from llmtune_kernel.locale import _


def prepare_for_training(model: Any, method: LoraMethod | FullMethod) -> Any:
    """Add what `method` trains and freeze the rest; trained weights are float32.

    Returns:
        A `PeftModel`, or the model itself.

    Raises:
        UserError: `target_modules` names a layer that this model does not have, or that cannot get an adapter.
    """
    if isinstance(method, FullMethod):
        return model.float().requires_grad_(True)
    from peft import LoraConfig, get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=method.r,
        lora_alpha=method.lora_alpha,
        lora_dropout=method.lora_dropout,
        target_modules=method.target_modules,
        use_rslora=method.use_rslora,
        use_dora=method.use_dora,
    )
    layers = dict(model.named_modules())
    kinds = {name.rsplit(".", 1)[-1] for name, part in layers.items() if isinstance(part, torch.nn.Linear)}
    fix = _("Take some of: {layers}.", layers=", ".join(sorted(kinds)))
    if method.target_modules != "all-linear":
        for target in method.target_modules:
            if not _parts(layers, target):
                raise UserError(
                    _("No layer of this model is named {target!r}.", target=target),
                    "method.target_modules",
                    fix,
                )
    try:
        tuned = get_peft_model(model, config)
    except ValueError as error:
        if "target" not in str(error).lower():
            raise
        raise UserError(_unsuitable(layers, method, error), "method.target_modules", fix) from error
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    part: Any
    for part in tuned.modules():
        # Under autocast PEFT's own cast of each input to float32, and back, costs time and changes nothing.
        if isinstance(part, BaseTunerLayer):
            part.cast_input_dtype_enabled = False  # type: ignore[attr-defined]
    return tuned


def _parts(layers: dict[str, Any], target: str) -> list[Any]:
    """The layers that a name of `target_modules` means."""
    return [part for name, part in layers.items() if f".{name}".endswith(f".{target}")]


def _unsuitable(layers: dict[str, Any], method: LoraMethod, error: ValueError) -> str:
    """Which layer cannot get an adapter."""
    from transformers.pytorch_utils import Conv1D

    for target in () if method.target_modules == "all-linear" else method.target_modules:
        for part in _parts(layers, target):
            if not isinstance(part, torch.nn.Linear | torch.nn.Embedding | Conv1D):
                kind = type(part).__name__
                return _(
                    "The layer {name!r} is of type {kind} and cannot get an adapter.", name=target, kind=kind
                )
    return str(error).splitlines()[0]
