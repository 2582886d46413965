"""Supervised fine-tuning: the negative log-likelihood of the trained tokens."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.functional import cross_entropy


def keeps_logits(model: Any) -> bool:
    """Whether the model computes logits only at chosen positions (`logits_to_keep`)."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(base.forward).parameters


def sft_loss(model: Any, batch: dict[str, Any], only_targets: bool) -> torch.Tensor:
    """Sum of the negative log-likelihoods of the targets, a scalar in float32.

    The sum, not the mean, so that the mean over several batches of different sizes is exact.

    Args:
        batch: From `collate_packed` or `collate_padded`.
        only_targets: Compute logits only where there is a target; for packed batches of models that can.
    """
    inputs = dict(batch)
    positions, targets = inputs.pop("target_positions"), inputs.pop("targets")
    if only_targets:
        logits = model(**inputs, logits_to_keep=positions, use_cache=False).logits[0]
    else:
        logits = model(**inputs, use_cache=False).logits.flatten(0, 1)[positions]
    return cross_entropy(logits.float(), targets, reduction="sum")
