"""Proximal policy optimization: the model answers prompts, and learns from how its answers are scored.

The answers of a rollout are drawn together and learned from several times, in batches as those of other objectives.
`rollouts.py` draws them, `rewarding.py` scores them, and `ppo_losses.py` has what is computed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from llmtune_kernel.config import PpoObjective, RunConfig
from llmtune_kernel.models.scoring import head_of
from llmtune_kernel.training.objective import Forward, Loss
from llmtune_kernel.training.policy_losses import clipped, entropies
from llmtune_kernel.training.ppo_losses import (
    RunningMoments,
    adapted,
    advantages_of,
    explained_variance,
    token_rewards,
    value_losses,
    whitened,
)
from llmtune_kernel.training.rollouts import Experience, Names, Rollouts, Seen, log_probabilities

EXPERIENCE = Names(
    ("logps", "values", "advantages", "returns"), ("reward", "kl", "ended"), ("explained", "kl_coef")
)


class ValueHead(nn.Linear):
    """What the model expects of an answer, read from its states; at first nothing.

    A part of the model in training only: what is saved of the model is without it.
    """

    def __init__(self, states: int, where: torch.device) -> None:
        super().__init__(states, 1, device=where)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def _save_to_state_dict(self, *args: Any) -> None:
        pass

    def _load_from_state_dict(self, *args: Any) -> None:
        pass


def add_value_head(model: Any) -> None:
    """Give a model the head `value_head`."""
    states = head_of(model).weight.shape[-1]
    model.value_head = ValueHead(states, model.device)


class ProximalPolicy:
    """Minimizes the mean over the tokens of answers; batches are those of `PpoRollouts`."""

    def __init__(self, config: PpoObjective, forward: Forward) -> None:
        self._config, self._forward = config, forward

    def count(self, batch: dict[str, Any]) -> int:
        """Tokens of answers."""
        return int(batch["targets"].numel())

    def loss(self, model: Any, batch: dict[str, Any]) -> Loss:
        """The loss of the policy and, weighed, of its values; measures are what practitioners watch."""
        config, known = self._config, batch["experience"]
        logits, states = self._forward.logits_and_states(model, batch)
        moved = log_probabilities(logits, batch["targets"], config.temperature) - known["logps"]
        policy = clipped(moved.exp(), known["advantages"], config.cliprange, config.cliprange)
        values = model.value_head(states)[:, 0]
        value = value_losses(values, known["values"], known["returns"], config.cliprange_value)
        measures = {
            "reward": known["reward"],
            "kl": known["kl"],
            "kl_coef": known["kl_coef"][None],
            "entropy": entropies(logits.detach() / config.temperature),
            "policy_loss": policy,
            "value_loss": value,
            "clip_fraction": ((moved.exp() - 1).abs() > config.cliprange).float(),
            "approx_kl": 0.5 * moved**2,
            "answer_length": torch.bincount(batch["target_sequences"]).float(),
            "ended": known["ended"],
            "explained_variance": known["explained"][None],
        }
        return Loss((policy + config.vf_coef * value).sum(), measures)


class PpoRollouts(Rollouts):
    """Rollouts that know of each token how much better it was than expected."""

    def __init__(self, config: RunConfig, *parts: Any, **more: Any) -> None:
        super().__init__(config, *parts, **more)
        assert isinstance(config.objective, PpoObjective)
        self._config = config.objective
        self.kl_coef = self._config.kl_coef
        self._moments = RunningMoments()

    def _asked(self, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        logits, states = self._forward.logits_and_states(self._model, batch)
        return {
            "logps": log_probabilities(logits, batch["targets"], self._temperature),
            "values": self._model.value_head(states)[:, 0],
        }

    def _lead(self) -> None:
        """Lead the weight of the divergence by the answers of before."""
        target, before = self._config.ppo_target, self._current
        if target is not None and before is not None:
            divergence = float(before.experience.answers["kl"].mean())
            self.kl_coef = adapted(self.kl_coef, divergence, target, len(before.prompts))

    def _learned(self, seen: Seen) -> Experience:
        self._lead()
        config, logps, values = self._config, seen.tokens["logps"], seen.tokens["values"]
        scores = self._moments.normalized(seen.scores) if config.ppo_score_norm else seen.scores
        scores = scores - (config.missing_eos_penalty or 0.0) * (1 - seen.ended)
        rewards = [
            token_rewards(*each, self.kl_coef)
            for each in zip(scores, logps, seen.tokens["reference"], strict=True)
        ]
        if config.whiten_rewards:
            rewards = whitened(rewards, keep_mean=True)
        advantages = [
            advantages_of(*each, config.gamma, config.lam) for each in zip(rewards, values, strict=True)
        ]
        returns = [one + value for one, value in zip(advantages, values, strict=True)]
        tokens = {"logps": logps, "values": values, "advantages": whitened(advantages), "returns": returns}
        answers = {"reward": seen.scores, "kl": _divergences(seen), "ended": seen.ended}
        explained = explained_variance(torch.cat(values), torch.cat(returns))
        return Experience(tokens, answers, {"explained": explained, "kl_coef": torch.tensor(self.kl_coef)})

    def _divergence(self, seen: Seen) -> float:
        return float(_divergences(seen).mean())

    def _state(self) -> dict[str, torch.Tensor]:
        head, moments = self._model.value_head, self._moments
        numbers = [self.kl_coef, moments.count, moments.mean, moments.squares]
        return {
            **super()._state(),
            "head.weight": head.weight.detach(),
            "head.bias": head.bias.detach(),
            "kept": torch.tensor(numbers, dtype=torch.float64),
        }

    @torch.no_grad()
    def _go_on(self, saved: dict[str, torch.Tensor]) -> None:
        super()._go_on(saved)
        self._model.value_head.weight.copy_(saved["head.weight"])
        self._model.value_head.bias.copy_(saved["head.bias"])
        self.kl_coef, *moments = saved["kept"].tolist()
        self._moments = RunningMoments(*moments)


def _divergences(seen: Seen) -> torch.Tensor:
    """Of each answer how much likelier it is than before training, (answers,)."""
    pairs = zip(seen.tokens["logps"], seen.tokens["reference"], strict=True)
    return torch.stack([(logps - reference).sum() for logps, reference in pairs])
