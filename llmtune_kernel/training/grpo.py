"""Group relative policy optimization: of several answers to a prompt, the model learns to give the better ones.

The rollouts, rewards and clipped losses are those of `ppo.py`; what an answer is compared with are the others to its
prompt, so that no values need be learned.
"""

from __future__ import annotations

from typing import Any

import torch

from llmtune_kernel.config import GrpoObjective, RunConfig
from llmtune_kernel.training.grpo_losses import divergences, group_advantages
from llmtune_kernel.training.objective import Forward, Loss, sum_by_sequence
from llmtune_kernel.training.policy_losses import clipped, entropies
from llmtune_kernel.training.rollouts import Experience, Names, Rollouts, Seen, log_probabilities


def experience_names(config: GrpoObjective) -> Names:
    """What the experience of answers holds."""
    tokens = ("logps", "reference") if config.beta else ("logps",)
    return Names(tokens, ("reward", "zero_std", "advantages", "kept", "ended"), ("reward_std",))


class GroupRelativePolicy:
    """Minimizes a mean over tokens, answers or batches, as `loss_type` says; batches are those of `GrpoRollouts`."""

    def __init__(self, config: GrpoObjective, forward: Forward) -> None:
        self._config, self._forward = config, forward

    def count(self, batch: dict[str, Any]) -> int:
        """Tokens that are learned from, answers, or 1."""
        match self._config.loss_type:
            case "dapo":
                return int(_kept(batch).sum())
            case "bnpo":
                return 1
        return len(batch["sides"])

    def loss(self, model: Any, batch: dict[str, Any]) -> Loss:
        """The loss of the policy and, weighed, of its divergence; measures are what practitioners watch."""
        config, known, of_answer = self._config, batch["experience"], batch["target_sequences"]
        up = config.epsilon if config.epsilon_high is None else config.epsilon_high
        logits = self._forward.logits(model, batch)
        logps = log_probabilities(logits, batch["targets"], config.temperature)
        ratio, advantages = self._ratio(logps - known["logps"], batch), known["advantages"][of_answer]
        losses = clipped(ratio, advantages, config.epsilon, up)
        kept = _kept(batch)
        low = (ratio < 1 - config.epsilon) & (advantages < 0)
        high = (ratio > 1 + up) & (advantages > 0)
        measures = {
            "reward": known["reward"],
            "reward_std": known["reward_std"][None],
            "frac_reward_zero_std": known["zero_std"],
            "entropy": entropies(logits.detach() / config.temperature)[kept],
            "clip_ratio/low_mean": low[kept].float(),
            "clip_ratio/high_mean": high[kept].float(),
            "clip_ratio/region_mean": (low | high)[kept].float(),
            "answer_length": torch.bincount(of_answer).float(),
            "ended": known["ended"],
        }
        if config.beta:
            # By the ratio its gradient is that of the divergence itself (DeepSeek-AI 2025, "DeepSeek-V3.2").
            divergence = ratio * divergences(logps, known["reference"])
            losses = losses + config.beta * divergence
            measures["kl"] = divergence[kept]
        return Loss(self._sum(losses * kept, batch), measures)

    def _ratio(self, moved: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """How much likelier each token has become since it was drawn, (tokens,), or the mean of its answer.

        Zheng et al. 2025, "Group Sequence Policy Optimization".
        """
        if self._config.importance_sampling_level == "sequence":
            means = sum_by_sequence(moved, batch) / torch.bincount(batch["target_sequences"])
            moved = means[batch["target_sequences"]]
        return moved.exp()

    def _sum(self, losses: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """The sum of the losses of tokens, (tokens,), whose mean by `count` is what is minimized.

        Yu et al. 2025, "DAPO"; Liu et al. 2025, "Understanding R1-Zero-Like Training" (dr_grpo).
        """
        match self._config.loss_type:
            case "grpo":
                return (sum_by_sequence(losses, batch) / torch.bincount(batch["target_sequences"])).sum()
            case "dr_grpo":
                return losses.sum() / self._config.max_completion_length
            case "bnpo":
                return losses.sum() / _kept(batch).sum().clamp(min=1)
        return losses.sum()


def _kept(batch: dict[str, Any]) -> torch.Tensor:
    """Which tokens are learned from, (tokens,)."""
    kept: torch.Tensor = batch["experience"]["kept"][batch["target_sequences"]].bool()
    return kept


class GrpoRollouts(Rollouts):
    """Rollouts that know of each answer how much better it is than the others to its prompt."""

    def __init__(self, config: RunConfig, *parts: Any, **more: Any) -> None:
        super().__init__(config, *parts, **more)
        assert isinstance(config.objective, GrpoObjective)
        self._config = config.objective

    def _learned(self, seen: Seen) -> Experience:
        config = self._config
        advantages, deviations = group_advantages(seen.scores, config.num_generations, config.scale_rewards)
        answers = {
            "reward": seen.scores,
            "zero_std": deviations.isclose(torch.tensor(0.0)).float(),
            "advantages": advantages,
            "kept": seen.ended if config.mask_truncated_completions else torch.ones_like(seen.ended),
            "ended": seen.ended,
        }
        return Experience(seen.tokens, answers, {"reward_std": seen.scores.std()})

    def _divergence(self, seen: Seen) -> float:
        tokens = (torch.cat(seen.tokens[name]) for name in ("logps", "reference"))
        return float(divergences(*tokens).mean())
