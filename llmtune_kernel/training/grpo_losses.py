"""What group relative policy optimization computes, on tensors alone.

Shao et al. 2024, "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models".
"""

from __future__ import annotations

import torch

_SMALLEST = 1e-4  # beside a deviation


def group_advantages(rewards: torch.Tensor, size: int, scale: str) -> tuple[torch.Tensor, torch.Tensor]:
    """How much better each answer is than the others to its prompt, and by what deviation, both (answers,).

    Args:
        rewards: (answers,), the answers to a prompt one beside the other.
        size: How many those are.
        scale: What is divided by: the deviation of the `group`, that of the `batch` (Liu et al. 2025, "Part I: Tricks
            or Traps?") or `none` (Liu et al. 2025, "Understanding R1-Zero-Like Training").
    """
    groups = rewards.view(-1, size)
    advantages = (groups - groups.mean(1, keepdim=True)).flatten()
    deviations = groups.std(1).repeat_interleave(size)
    if scale == "batch":
        deviations = rewards.std().expand_as(rewards)
    return advantages if scale == "none" else advantages / (deviations + _SMALLEST), deviations


def divergences(logps: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """An estimate of the divergence from the reference at each token, (tokens,), never below 0.

    Schulman 2020, "Approximating KL Divergence".
    """
    moved = reference - logps
    return moved.exp() - moved - 1
