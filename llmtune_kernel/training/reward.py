"""Reward modelling: scores by which the better answer of a pair is above the worse one."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import logsigmoid

from llmtune_kernel.config import RewardObjective
from llmtune_kernel.training.objective import Forward, Loss


class RewardModelling:
    """Minimizes the mean over pairs; in a batch the answers of a pair follow each other, the better one first."""

    def __init__(self, config: RewardObjective, forward: Forward) -> None:
        self._config, self._forward = config, forward

    def count(self, batch: dict[str, Any]) -> int:
        """Pairs."""
        return len(batch["sides"]) // 2

    def loss(self, model: Any, batch: dict[str, Any]) -> Loss:
        """The loss of the pairs; measures are what practitioners watch, by the names of TRL."""
        scores = self._forward.scores(model, batch)
        chosen, rejected = scores.view(-1, 2).unbind(1)
        losses = pairwise(chosen, rejected, self._config.center_rewards_coefficient or 0.0)
        measures = {
            "accuracy": (chosen > rejected).float(),
            "margin": chosen - rejected,
            "mean_reward": scores,
            "min_reward": scores.min()[None],
            "max_reward": scores.max()[None],
        }
        return Loss(losses.sum(), measures)


def pairwise(chosen: torch.Tensor, rejected: torch.Tensor, centering: float) -> torch.Tensor:
    """The loss of each pair, (pairs,), of the scores of its answers.

    Bradley and Terry 1952 as in Ouyang et al. 2022, "Training language models to follow instructions", equation 1; the
    scores are kept around 0 as in Eisenstein et al. 2023, "Helping or Herding?".
    """
    return centering * (chosen + rejected) ** 2 - logsigmoid(chosen - rejected)
