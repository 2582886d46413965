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
            if not any(f".{name}".endswith(f".{target}") for name in layers):
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
        raise UserError(str(error).splitlines()[0], "method.target_modules", fix) from error
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    part: Any
    for part in tuned.modules():
        # Under autocast PEFT's own cast of each input to float32, and back, costs time and changes nothing.
        if isinstance(part, BaseTunerLayer):
            part.cast_input_dtype_enabled = False  # type: ignore[attr-defined]
    return tuned
