"""Rollouts: answers that the model draws, their scores, and what is known of their tokens."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, Sampler

from llmtune_kernel.config import RewardedObjective, RunConfig
from llmtune_kernel.data.examples import Question
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.runs.completion import Drawn
from llmtune_kernel.runs.events import Evaluation
from llmtune_kernel.training.collation import Item
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.reference import Reference, moved
from llmtune_kernel.training.rewarding import Reward
from llmtune_kernel.training.tensors import under
from llmtune_kernel.training.trainer import LLMTrainer

STATE = "rollout.safetensors"


class Draw(Protocol):
    """Draws an answer to each prompt, the same for the same seed."""

    def __call__(self, prompts: Sequence[Question], seed: int) -> list[Drawn]: ...


@dataclass(frozen=True)
class Turn:
    """A place of a rollout: which of its answers is learned from. `prompts` are those of all its answers."""

    rollout: int
    prompts: tuple[int, ...]
    place: int


class Prompts(Dataset[Turn]):
    """Prompts to answer; what is taken out of it are the turns of `Turns`, which know their prompts by number."""

    def __init__(self, prompts: Sequence[Question]) -> None:
        self.prompts = prompts

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, turn: Any) -> Turn:
        assert isinstance(turn, Turn)
        return turn


class Turns(Sampler[Any]):
    """All prompts once, in rollouts of equal size, each answer as often as there are passes.

    The order is another in each epoch. Where the last rollout is not full, it takes prompts from the start again.

    Args:
        size: Answers of a rollout.
        group: Answers to each prompt in it, one beside the other.
    """

    def __init__(self, prompts: int, size: int, passes: int, seed: int, group: int = 1) -> None:
        self._prompts, self._size, self._passes, self._seed = prompts, size, passes, seed
        self._group = group
        self._epoch = 0
        self._rollouts = math.ceil(prompts * group / size)

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
            prompts = tuple(order[place // self._group % self._prompts] for place in places)
            rollout = self._epoch * self._rollouts + number
            for _ in range(self._passes):
                yield from (
                    Turn(rollout, prompts, place) for place in chance.permutation(self._size).tolist()
                )


@dataclass(frozen=True)
class Experience:
    """What is known of answers when they are learned from.

    Attributes:
        tokens: By name for each answer the values of its tokens.
        answers: By name the value of each answer, (answers,).
        whole: By name a scalar of all answers together.
    """

    tokens: dict[str, list[torch.Tensor]]
    answers: dict[str, torch.Tensor]
    whole: dict[str, torch.Tensor] = field(default_factory=dict)

    def of(self, places: list[int]) -> dict[str, torch.Tensor]:
        """That of some answers, by name."""
        return {
            **{name: torch.cat([parts[place] for place in places]) for name, parts in self.tokens.items()},
            **{name: values[places] for name, values in self.answers.items()},
            **self.whole,
        }


@dataclass(frozen=True)
class Rollout:
    """Answers drawn together.

    Attributes:
        prompts: The number of the prompt of each.
        sequences: Of each its prompt and the answer, whose tokens are the trained ones.
    """

    number: int
    prompts: tuple[int, ...]
    sequences: list[TokenSequence]
    experience: Experience

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """What it is, to be saved."""
        trained = [torch.from_numpy(one.trained) for one in self.sequences]
        known = self.experience
        return {
            "number": torch.tensor(self.number),
            "prompts": torch.tensor(self.prompts),
            "lengths": torch.tensor([len(one) for one in trained]),
            "ids": torch.cat([torch.from_numpy(np.array(one.ids)) for one in self.sequences]),
            "trained": torch.cat(trained),
            **{f"tokens.{name}": torch.cat(parts) for name, parts in known.tokens.items()},
            **{f"answers.{name}": values for name, values in known.answers.items()},
            **{f"whole.{name}": value for name, value in known.whole.items()},
        }

    @staticmethod
    def from_tensors(saved: dict[str, torch.Tensor]) -> Rollout:
        """The rollout that was saved."""
        lengths = saved["lengths"].tolist()
        parts = zip(torch.split(saved["ids"], lengths), torch.split(saved["trained"], lengths), strict=True)
        sequences = [TokenSequence(ids.numpy(), trained.numpy()) for ids, trained in parts]
        sizes = [int(one.trained.sum()) for one in sequences]
        tokens = {name: list(torch.split(part, sizes)) for name, part in under("tokens", saved).items()}
        known = Experience(tokens, under("answers", saved), under("whole", saved))
        return Rollout(int(saved["number"]), tuple(saved["prompts"].tolist()), sequences, known)


@dataclass(frozen=True)
class Seen:
    """Answers as they were drawn.

    Attributes:
        scores, ended: Of each what the reward gave, and 1 if it came to an end, else 0, (answers,).
        tokens: As of `Experience`: `logps`, under the model, `reference`, under that of before training, and what else
            is asked.
    """

    sequences: list[TokenSequence]
    scores: torch.Tensor
    ended: torch.Tensor
    tokens: dict[str, list[torch.Tensor]]


class Rollouts(ABC):
    """Draws answers and scores them; keeps the rollout that is learned from, and what goes on from one to the next.

    Args:
        config: Of a run with an objective that is rewarded.
        reference: None where the model before training is not asked.
        collate: Makes items a batch.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Any,
        forward: Forward,
        reference: Reference | None,
        *,
        draw: Draw,
        reward: Reward,
        collate: Callable[[list[Item]], dict[str, Any]],
    ) -> None:
        assert isinstance(config.objective, RewardedObjective)
        self._temperature = config.objective.temperature
        self._model, self._forward, self._reference = model, forward, reference
        self._draw, self._reward, self._collate = draw, reward, collate
        self._batch_size, self._seed = config.training.per_device_train_batch_size, config.training.seed
        self._current: Rollout | None = None

    @abstractmethod
    def _learned(self, seen: Seen) -> Experience:
        """What is to be learned of answers that were just drawn; `_current` are those of before."""

    @abstractmethod
    def _divergence(self, seen: Seen) -> float:
        """How far answers are from the model before training, as it is told of an evaluation."""

    def batch(self, turns: Sequence[Turn], prompts: Sequence[Question]) -> dict[str, Any]:
        """A batch of answers of one rollout, which is drawn now where it is new; `experience` is what is known."""
        first = turns[0]
        current = self._current
        if current is None or (current.number, current.prompts) != (first.rollout, first.prompts):
            seen = self._answered([prompts[number] for number in first.prompts], self._seed, first.rollout)
            current = Rollout(first.rollout, first.prompts, seen.sequences, self._learned(seen))
            self._current = current
        places = [turn.place for turn in turns]
        return {
            **self._collate([Item([current.sequences[place]]) for place in places]),
            "experience": current.experience.of(places),
        }

    def measures(self, prompts: Sequence[Question]) -> dict[str, float]:
        """Means over answers to prompts of which nothing is learned, the same at each call for the same model."""
        seen = self._answered(prompts, self._seed)
        lengths = [float(len(logps)) for logps in seen.tokens["logps"]]
        return {
            "reward": float(seen.scores.mean()),
            **({"kl": self._divergence(seen)} if self._reference else {}),
            "answer_length": sum(lengths) / len(lengths),
            "ended": float(seen.ended.mean()),
        }

    @torch.no_grad()
    def _answered(self, asked: Sequence[Question], *seed: int) -> Seen:
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
            tokens = self._tokens(sequences)
        finally:
            self._model.train(training)
        scores = torch.tensor(self._reward(asked, answers))
        ended = torch.tensor([float(answer.ended) for answer in answers])
        return Seen(sequences, scores, ended, tokens)

    def _tokens(self, sequences: Sequence[TokenSequence]) -> dict[str, list[torch.Tensor]]:
        """Of each answer what is known of its tokens."""
        found: dict[str, list[torch.Tensor]] = {}
        for start in range(0, len(sequences), self._batch_size):
            some = sequences[start : start + self._batch_size]
            batch = moved(self._collate([Item([one]) for one in some]), self._model.device)
            known = self._asked(batch)
            if self._reference:
                known["reference"] = self._reference(self._ask, batch)
            sizes = [int(one.trained.sum()) for one in some]
            for name, part in known.items():
                found.setdefault(name, []).extend(torch.split(part.cpu(), sizes))
        return found

    def _asked(self, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        """What the model makes of the targets of a batch, by name (targets,)."""
        return {"logps": self._ask(self._model, batch)}

    def _ask(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        logits = self._forward.logits(model, batch)
        return log_probabilities(logits, batch["targets"], self._temperature)

    def save(self, file: Path) -> None:
        """Write the rollout, and what goes on from step to step."""
        # Copies: safetensors takes no tensors that share memory.
        whole = torch.contiguous_format
        save_file(
            {name: tensor.cpu().clone(memory_format=whole) for name, tensor in self._state().items()}, file
        )

    def load(self, file: Path) -> None:
        """Go on from what was written."""
        self._go_on(load_file(file))

    def _state(self) -> dict[str, torch.Tensor]:
        return self._current.to_tensors() if self._current else {}

    def _go_on(self, saved: dict[str, torch.Tensor]) -> None:
        self._current = Rollout.from_tensors(saved) if "number" in saved else None


class RewardedTrainer(LLMTrainer):
    """The trainer whose batches are answers of the model itself; `train` and `evaluation` are `Prompts`."""

    def __init__(self, model: Any, args: Any, *, rollouts: Rollouts, train: Prompts, **more: Any) -> None:
        collate: Any = list  # of turns, which `rollouts` makes a batch
        super().__init__(model, args, train=train, collate=collate, **more)
        self._rollouts, self._prompts = rollouts, train.prompts

    def _get_train_sampler(self, train_dataset: Any = None) -> Turns:
        config = self._config
        objective, seed = config.objective, config.training.seed
        assert isinstance(objective, RewardedObjective)
        group = objective.answers_per_prompt
        return Turns(len(self._prompts), config.rollout_size, objective.passes, seed, group)

    def _batch(self, items: list[Any]) -> dict[str, Any]:
        return self._rollouts.batch(items, self._prompts)

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


@dataclass(frozen=True)
class Names:
    """What the experience of an objective holds, see `Experience`."""

    tokens: Sequence[str]
    answers: Sequence[str]
    whole: Sequence[str] = ()


def no_experience(names: Names, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    """What is known of a batch of answers, of its size but of no meaning."""
    tokens, answers = torch.zeros(len(batch["targets"])), torch.zeros(len(batch["sides"]))
    return {
        **dict.fromkeys(names.tokens, tokens),
        **dict.fromkeys(names.answers, answers),
        **dict.fromkeys(names.whole, torch.tensor(0.0)),
    }


def log_probabilities(logits: torch.Tensor, targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Log-probability of each target, (targets,), where they are drawn at a temperature."""
    return -cross_entropy(logits / temperature, targets, reduction="none")


def _sequence(answer: Drawn) -> TokenSequence:
    ids = np.array([*answer.prompt, *answer.answer], np.int32)
    return TokenSequence(ids, np.arange(len(ids)) >= len(answer.prompt))


def _mixed(*numbers: int) -> int:
    """A seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
