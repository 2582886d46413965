"""What proximal policy optimization computes, on tensors alone.

Schulman et al. 2017, "Proximal Policy Optimization Algorithms"; as applied to language models by Ziegler et al. 2019,
"Fine-Tuning Language Models from Human Preferences", and Stiennon et al. 2020, "Learning to summarize".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

_SMALLEST = 1e-8  # under a square root


def token_rewards(
    score: torch.Tensor | float, logps: torch.Tensor, reference: torch.Tensor, kl_coef: float
) -> torch.Tensor:
    """Rewards of the tokens of an answer, (tokens,): the score at the last, less the divergence at each.

    Args:
        logps, reference: (tokens,) log-probability of each under the model, and under that of before training.
    """
    rewards = -kl_coef * (logps - reference)
    rewards[-1] += score
    return rewards


def advantages_of(rewards: torch.Tensor, values: torch.Tensor, gamma: float, lam: float) -> torch.Tensor:
    """How much better each token of an answer was than expected, (tokens,); nothing comes after the last.

    Schulman et al. 2016, "High-Dimensional Continuous Control Using Generalized Advantage Estimation".

    Args:
        values: (tokens,) what was expected before each token.
    """
    found, after, advantage = torch.empty_like(rewards), 0.0, 0.0
    for place in range(len(rewards) - 1, -1, -1):
        value = float(values[place])
        advantage = float(rewards[place]) + gamma * after - value + gamma * lam * advantage
        found[place], after = advantage, value
    return found


def whitened(parts: Sequence[torch.Tensor], *, keep_mean: bool = False) -> list[torch.Tensor]:
    """Values scaled to a variance of 1 over all parts and, unless `keep_mean`, shifted to a mean of 0."""
    together = torch.cat(list(parts))
    mean, variance = together.mean(), together.var(unbiased=False)
    shift = mean if keep_mean else 0.0
    return [(part - mean) * torch.rsqrt(variance + _SMALLEST) + shift for part in parts]


def value_losses(
    values: torch.Tensor, before: torch.Tensor, returns: torch.Tensor, cliprange: float
) -> torch.Tensor:
    """The clipped loss of each value, (tokens,); `before`: the values when the answers were drawn."""
    near = before + (values - before).clamp(-cliprange, cliprange)
    return 0.5 * torch.max((values - returns) ** 2, (near - returns) ** 2)


def explained_variance(values: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
    """How much of what the returns differ in the values foresaw, a scalar: 1 is all, 0 or less nothing."""
    unexplained: torch.Tensor = (returns - values).var(unbiased=False)
    share: torch.Tensor = unexplained / (returns.var(unbiased=False) + _SMALLEST)
    return 1 - share


def adapted(kl_coef: float, divergence: float, target: float, answers: int) -> float:
    """The weight of the divergence after some answers, led to a target divergence.

    Ziegler et al. 2019, section 2.2: by at most a fifth in 10,000 answers.
    """
    error = min(max(divergence / target - 1, -0.2), 0.2)
    return kl_coef * (1 + error * answers / 10_000)


class RunningMoments:
    """Mean and variance of all scores so far.

    Chan et al. 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances".
    """

    def __init__(self, count: float = 0.0, mean: float = 0.0, squares: float = 0.0) -> None:
        self.count, self.mean, self.squares = count, mean, squares

    def normalized(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores (answers,) by the moments of all until then, these among them."""
        count, mean = len(scores), float(scores.mean())
        before, off = self.count, mean - self.mean
        self.count += count
        self.mean += off * count / self.count
        self.squares += float(((scores - mean) ** 2).sum()) + off**2 * before * count / self.count
        deviation = math.sqrt(self.squares / max(self.count - 1, 1) + _SMALLEST)
        return (scores - self.mean) / deviation
