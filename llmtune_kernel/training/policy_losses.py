"""What all policies compute that learn from answers of the model itself, on tensors alone."""

from __future__ import annotations

import torch


def clipped(ratio: torch.Tensor, advantages: torch.Tensor, down: float, up: float) -> torch.Tensor:
    """The clipped loss of each token, (tokens,); Schulman et al. 2017, "Proximal Policy Optimization Algorithms".

    Args:
        ratio: Its probability by that with which it was drawn, (tokens,).
        down, up: How far the ratio may go from 1 before more is no gain.
    """
    return torch.max(-advantages * ratio, -advantages * ratio.clamp(1 - down, 1 + up))


def entropies(logits: torch.Tensor) -> torch.Tensor:
    """Entropy of each prediction, (tokens,)."""
    logps = logits.log_softmax(-1)
    return -(logps.exp() * logps).sum(-1)
