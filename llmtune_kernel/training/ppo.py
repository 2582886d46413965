"""Proximal policy optimization: the model answers prompts, and learns from how its answers are scored.

The answers of a rollout are drawn together and learned from several times, in batches as those of other objectives.
`rollouts.py` draws them, `rewarding.py` scores them, and `ppo_losses.py` has what is computed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from llmtune_kernel.config import PpoObjective
from llmtune_kernel.models.scoring import head_of
from llmtune_kernel.runs.events import Evaluation
from llmtune_kernel.training.objective import Forward, Loss
from llmtune_kernel.training.ppo_losses import entropies, policy_losses, value_losses
from llmtune_kernel.training.rollouts import Prompts, Rollouts, Turns, log_probabilities
from llmtune_kernel.training.trainer import LLMTrainer

STATE = "ppo.safetensors"


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
    """Minimizes the mean over the tokens of answers; batches are those of `Rollouts`."""

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
        policy = policy_losses(moved.exp(), known["advantages"], config.cliprange)
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


class PpoTrainer(LLMTrainer):
    """The trainer whose batches are answers of the model itself; `train` and `evaluation` are `Prompts`."""

    def __init__(self, model: Any, args: Any, *, rollouts: Rollouts, train: Prompts, **more: Any) -> None:
        collate: Any = list  # of turns, which `rollouts` makes a batch
        super().__init__(model, args, train=train, collate=collate, **more)
        self._rollouts, self._prompts = rollouts, train.prompts

    def _get_train_sampler(self, train_dataset: Any = None) -> Turns:
        config = self._config
        assert isinstance(config.objective, PpoObjective)
        passes, seed = config.objective.ppo_epochs, config.training.seed
        return Turns(len(self._prompts), config.rollout_size, passes, seed)

    def _batches(self, epoch_iterator: Any, num_batches: int, device: Any) -> list[dict[str, Any]]:
        batches: list[Any] = super()._batches(epoch_iterator, num_batches, device)
        return [self._rollouts.batch(turns, self._prompts) for turns in batches]

    @torch.no_grad()
    def evaluate_loss(self) -> None:
        """Emit how answers to the evaluation prompts are scored; there is no loss without learning from them."""
        prompts: Any = self._evaluation
        began = time.perf_counter()
        measures = self._rollouts.measures(prompts.prompts)
        self._emit(
            Evaluation(
                step=self.state.global_step,
                epoch=round(self.state.epoch or 0.0, 4),
                loss=None,
                tokens=round(measures["answer_length"] * len(prompts)),
                seconds=round(time.perf_counter() - began, 2),
                measures=measures,
            )
        )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self._rollouts.save(self._checkpoints / f"checkpoint-{self.state.global_step}" / STATE)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self._rollouts.load(Path(resume_from_checkpoint) / STATE)
