"""Rollouts: answers that the model draws, their scores, and what is known of their tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, Sampler

from llmtune_kernel.config import PpoObjective, RunConfig
from llmtune_kernel.data.examples import Conversation
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.runs.completion import Drawn
from llmtune_kernel.training.collation import Item
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.ppo_losses import (
    RunningMoments,
    adapted,
    advantages_of,
    explained_variance,
    token_rewards,
    whitened,
)
from llmtune_kernel.training.reference import Reference, moved
from llmtune_kernel.training.rewarding import Reward

# Of the tokens of a rollout, one value each.
_OF_TOKENS = ("logps", "values", "advantages", "returns")
# Of its answers, one value each.
_OF_ANSWERS = ("reward", "kl", "ended")


class Draw(Protocol):
    """Draws an answer to each prompt, the same for the same seed."""

    def __call__(self, prompts: Sequence[Conversation], seed: int) -> list[Drawn]: ...


@dataclass(frozen=True)
class Turn:
    """A place of a rollout: which of its answers is learned from. `prompts` are those of all its answers."""

    rollout: int
    prompts: tuple[int, ...]
    place: int


class Prompts(Dataset[Turn]):
    """Prompts to answer; what is taken out of it are the turns of `Turns`, which know their prompts by number."""

    def __init__(self, prompts: Sequence[Conversation]) -> None:
        self.prompts = prompts

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, turn: Any) -> Turn:
        assert isinstance(turn, Turn)
        return turn


class Turns(Sampler[Any]):
    """All prompts once, in rollouts of equal size, each answer as often as there are passes.

    The order is another in each epoch. Where the last rollout is not full, it takes prompts from the start again.
    """

    def __init__(self, prompts: int, size: int, passes: int, seed: int) -> None:
        self._prompts, self._size, self._passes, self._seed = prompts, size, passes, seed
        self._epoch = 0
        self._rollouts = math.ceil(prompts / size)

    def set_epoch(self, epoch: int) -> None:
        """Called before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._rollouts * self._size * self._passes

    def __iter__(self) -> Iterator[Turn]:
        chance = np.random.default_rng((self._seed, self._epoch))
        order = chance.permutation(self._prompts).tolist()
        for number in range(self._rollouts):
            places = range(number * self._size, (number + 1) * self._size)
            prompts = tuple(order[place % self._prompts] for place in places)
            rollout = self._epoch * self._rollouts + number
            for _ in range(self._passes):
                yield from (
                    Turn(rollout, prompts, place) for place in chance.permutation(self._size).tolist()
                )


@dataclass(frozen=True)
class Rollout:
    """Answers drawn together, and what is known of them.

    Attributes:
        sequences: Of each its prompt and the answer, whose tokens are the trained ones.
        tokens: By name (see `_OF_TOKENS`) for each answer the values of its tokens.
        answers: By name (see `_OF_ANSWERS`) the value of each answer.
        explained: As of `explained_variance`.
    """

    number: int
    prompts: tuple[int, ...]
    sequences: list[TokenSequence]
    tokens: dict[str, list[torch.Tensor]]
    answers: dict[str, torch.Tensor]
    explained: torch.Tensor

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """What it is, to be saved."""
        trained = [torch.from_numpy(one.trained) for one in self.sequences]
        return {
            "number": torch.tensor(self.number),
            "prompts": torch.tensor(self.prompts),
            "lengths": torch.tensor([len(one) for one in trained]),
            "ids": torch.cat([torch.from_numpy(np.array(one.ids)) for one in self.sequences]),
            "trained": torch.cat(trained),
            "explained": self.explained,
            **{name: torch.cat(parts) for name, parts in self.tokens.items()},
            **self.answers,
        }

    @staticmethod
    def from_tensors(saved: dict[str, torch.Tensor]) -> Rollout:
        """The rollout that was saved."""
        lengths = saved["lengths"].tolist()
        parts = zip(torch.split(saved["ids"], lengths), torch.split(saved["trained"], lengths), strict=True)
        sequences = [TokenSequence(ids.numpy(), trained.numpy()) for ids, trained in parts]
        sizes = [int(one.trained.sum()) for one in sequences]
        return Rollout(
            int(saved["number"]),
            tuple(saved["prompts"].tolist()),
            sequences,
            {name: list(torch.split(saved[name], sizes)) for name in _OF_TOKENS},
            {name: saved[name] for name in _OF_ANSWERS},
            saved["explained"],
        )


@dataclass(frozen=True)
class _Seen:
    """Answers as they were drawn: of each its score and whether it ended, and of its tokens the log-probabilities."""

    sequences: list[TokenSequence]
    scores: torch.Tensor
    ended: torch.Tensor
    logps: list[torch.Tensor]
    reference: list[torch.Tensor]
    values: list[torch.Tensor]

    @property
    def divergences(self) -> torch.Tensor:
        """Of each answer how much likelier it is than before training, (answers,)."""
        pairs = zip(self.logps, self.reference, strict=True)
        return torch.stack([(logps - reference).sum() for logps, reference in pairs])


class Rollouts:
    """Draws answers and scores them; keeps the rollout that is learned from, and what goes on from one to the next.

    Args:
        config: Of a run with the objective ppo.
        collate: Makes items a batch.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Any,
        forward: Forward,
        reference: Reference,
        *,
        draw: Draw,
        reward: Reward,
        collate: Callable[[list[Item]], dict[str, Any]],
    ) -> None:
        assert isinstance(config.objective, PpoObjective)
        self._config, self._model = config.objective, model
        self._forward, self._reference = forward, reference
        self._draw, self._reward, self._collate = draw, reward, collate
        self._batch_size, self._seed = config.training.per_device_train_batch_size, config.training.seed
        self.kl_coef = self._config.kl_coef
        self._moments = RunningMoments()
        self._current: Rollout | None = None

    def batch(self, turns: Sequence[Turn], prompts: Sequence[Conversation]) -> dict[str, Any]:
        """A batch of answers of one rollout, which is drawn now where it is new; `experience` is what is known."""
        first = turns[0]
        current = self._current
        if current is None or (current.number, current.prompts) != (first.rollout, first.prompts):
            asked = [prompts[number] for number in first.prompts]
            current = self._current = self._next(first, asked)
        places = [turn.place for turn in turns]
        experience = {
            name: torch.cat([parts[place] for place in places]) for name, parts in current.tokens.items()
        }
        experience |= {name: values[places] for name, values in current.answers.items()}
        experience |= {"explained": current.explained, "kl_coef": torch.tensor(self.kl_coef)}
        return {
            **self._collate([Item([current.sequences[place]]) for place in places]),
            "experience": experience,
        }

    def _next(self, turn: Turn, asked: Sequence[Conversation]) -> Rollout:
        """Draw the answers of a rollout, and lead the weight of the divergence by those of the one before."""
        config, before = self._config, self._current
        if config.ppo_target is not None and before is not None:
            divergence = float(before.answers["kl"].mean())
            self.kl_coef = adapted(self.kl_coef, divergence, config.ppo_target, len(before.prompts))
        return self._drawn(turn, asked)

    def _drawn(self, turn: Turn, asked: Sequence[Conversation]) -> Rollout:
        """New answers to prompts, with all that is known of them."""
        config = self._config
        seen = self._answered(asked, self._seed, turn.rollout)
        scores = self._moments.normalized(seen.scores) if config.ppo_score_norm else seen.scores
        scores = scores - (config.missing_eos_penalty or 0.0) * (1 - seen.ended)
        rewards = [
            token_rewards(*each, self.kl_coef)
            for each in zip(scores, seen.logps, seen.reference, strict=True)
        ]
        if config.whiten_rewards:
            rewards = whitened(rewards, keep_mean=True)
        advantages = [
            advantages_of(*each, config.gamma, config.lam) for each in zip(rewards, seen.values, strict=True)
        ]
        returns = [one + values for one, values in zip(advantages, seen.values, strict=True)]
        tokens = (seen.logps, seen.values, whitened(advantages), returns)
        answers = (seen.scores, seen.divergences, seen.ended)
        return Rollout(
            turn.rollout,
            turn.prompts,
            seen.sequences,
            dict(zip(_OF_TOKENS, tokens, strict=True)),
            dict(zip(_OF_ANSWERS, answers, strict=True)),
            explained_variance(torch.cat(seen.values), torch.cat(returns)),
        )

    def measures(self, prompts: Sequence[Conversation]) -> dict[str, float]:
        """Means over answers to prompts of which nothing is learned, the same at each call for the same model."""
        seen = self._answered(prompts, self._seed)
        lengths = [float(len(logps)) for logps in seen.logps]
        return {
            "reward": float(seen.scores.mean()),
            "kl": float(seen.divergences.mean()),
            "answer_length": sum(lengths) / len(lengths),
            "ended": float(seen.ended.mean()),
        }

    @torch.no_grad()
    def _answered(self, asked: Sequence[Conversation], *seed: int) -> _Seen:
        """Answers drawn without dropout, their scores, and what the models make of their tokens."""
        training, size = self._model.training, self._batch_size
        self._model.eval()
        try:
            answers = [
                answer
                for start in range(0, len(asked), size)
                for answer in self._draw(asked[start : start + size], _mixed(*seed, start))
            ]
            sequences = [_sequence(answer) for answer in answers]
            logps, reference, values = self._tokens(sequences)
        finally:
            self._model.train(training)
        scores = torch.tensor(self._reward(asked, answers))
        ended = torch.tensor([float(answer.ended) for answer in answers])
        return _Seen(sequences, scores, ended, logps, reference, values)

    def _tokens(self, sequences: Sequence[TokenSequence]) -> tuple[list[torch.Tensor], ...]:
        """Of each answer, of its tokens: log-probabilities under the model, under that of before, and values."""
        found: tuple[list[torch.Tensor], ...] = ([], [], [])
        for start in range(0, len(sequences), self._batch_size):
            some = sequences[start : start + self._batch_size]
            batch = moved(self._collate([Item([one]) for one in some]), self._model.device)
            logits, states = self._forward.logits_and_states(self._model, batch)
            parts = (
                log_probabilities(logits, batch["targets"], self._config.temperature),
                self._reference(self._ask, batch),
                self._model.value_head(states)[:, 0],
            )
            sizes = [int(one.trained.sum()) for one in some]
            for values, part in zip(found, parts, strict=True):
                values += torch.split(part.cpu(), sizes)
        return found

    def _ask(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        logits = self._forward.logits(model, batch)
        return log_probabilities(logits, batch["targets"], self._config.temperature)

    def save(self, file: Path) -> None:
        """Write the values' head, and what goes on from step to step."""
        moments = self._moments
        state = {
            "head.weight": self._model.value_head.weight.detach(),
            "head.bias": self._model.value_head.bias.detach(),
            "kept": torch.tensor(
                [self.kl_coef, moments.count, moments.mean, moments.squares], dtype=torch.float64
            ),
            **(self._current.to_tensors() if self._current else {}),
        }
        save_file({name: tensor.contiguous().cpu() for name, tensor in state.items()}, file)

    def load(self, file: Path) -> None:
        """Go on from what was written."""
        saved = load_file(file)
        with torch.no_grad():
            self._model.value_head.weight.copy_(saved["head.weight"])
            self._model.value_head.bias.copy_(saved["head.bias"])
        self.kl_coef, *moments = saved["kept"].tolist()
        self._moments = RunningMoments(*moments)
        self._current = Rollout.from_tensors(saved) if "number" in saved else None


def no_experience(batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What is known of a batch of answers, of its size but of no meaning."""
    tokens, answers = torch.zeros(len(batch["targets"])), torch.zeros(len(batch["sides"]))
    known = {**dict.fromkeys(_OF_TOKENS, tokens), **dict.fromkeys(_OF_ANSWERS, answers)}
    return {**known, "explained": torch.tensor(0.0), "kl_coef": torch.tensor(0.0)}


def log_probabilities(logits: torch.Tensor, targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Log-probability of each target, (targets,), where they are drawn at a temperature."""
    return -cross_entropy(logits / temperature, targets, reduction="none")


def _sequence(answer: Drawn) -> TokenSequence:
    ids = np.array([*answer.prompt, *answer.answer], np.int32)
    return TokenSequence(ids, np.arange(len(ids)) >= len(answer.prompt))


def _mixed(*numbers: int) -> int:
    """A seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
