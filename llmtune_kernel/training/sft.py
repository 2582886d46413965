"""Supervised fine-tuning: the negative log-likelihood of the trained tokens."""

from __future__ import annotations

from typing import Any

from torch.nn.functional import cross_entropy

from llmtune_kernel.training.objective import Forward, Loss


class SupervisedFineTuning:
    """Minimizes the mean over the targets."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward

    def count(self, batch: dict[str, Any]) -> int:
        """Targets."""
        return int(batch["targets"].numel())

    def loss(self, model: Any, batch: dict[str, Any]) -> Loss:
        """Their negative log-likelihood."""
        return Loss(cross_entropy(self._forward.logits(model, batch), batch["targets"], reduction="sum"))
