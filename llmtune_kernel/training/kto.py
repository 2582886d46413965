"""Kahneman-Tversky optimization: answers that are wanted or not, compared with the model before training.

Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization", equation 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from llmtune_kernel.config import KtoObjective
from llmtune_kernel.data.sequences import CHOSEN, TokenSequence
from llmtune_kernel.training.collation import EncodedDataset, Item
from llmtune_kernel.training.objective import Forward, Loss, sum_by_sequence, targets_by_sequence
from llmtune_kernel.training.reference import Reference


class MismatchedDataset(EncodedDataset):
    """Answers, each with its prompt and the answer to another one, by which the KL divergence is estimated.

    Args:
        answers: One to an item.
        max_length: Longest sequence, in tokens.
        seed: Of the order in which the answers are passed on.
    """

    def __init__(self, answers: EncodedDataset, max_length: int, seed: int) -> None:
        super().__init__(answers.example, answers.items)
        order = np.random.default_rng(seed).permutation(len(answers))
        self._other = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
        self._max_length = max_length

    def __getitem__(self, index: int) -> Item:
        item = super().__getitem__(index)
        [answer], [other] = item.sequences, super().__getitem__(self._other[index]).sequences
        return Item([answer, _mismatched(answer, other, self._max_length)], item.reference)


def _mismatched(answer: TokenSequence, other: TokenSequence, max_length: int) -> TokenSequence:
    """The prompt of one sequence and the answer of the other, which begins with its first trained token."""
    prompt, begin = (int(one.trained.argmax()) for one in (answer, other))
    ids = np.concatenate([answer.ids[:prompt], other.ids[begin:]])
    trained = np.concatenate([answer.trained[:prompt], other.trained[begin:]])
    return TokenSequence(ids[:max_length], trained[:max_length])


class KahnemanTversky:
    """Minimizes the mean over answers; items are those of a `MismatchedDataset`."""

    def __init__(self, config: KtoObjective, forward: Forward, reference: Reference) -> None:
        self._config, self._forward, self._reference = config, forward, reference

    @staticmethod
    def collate(items: list[Item], collate: Callable[[list[Item]], dict[str, Any]]) -> dict[str, Any]:
        """A batch of the answers, with one of the mismatched answers as `mismatched`.

        `reference` (answers * 2,), if the items have it: of each answer and then of its mismatched one.
        """
        answers, mismatched = (collate([Item([item.sequences[part]]) for item in items]) for part in (0, 1))
        batch = {**answers, "mismatched": mismatched}
        references = [item.reference for item in items if item.reference is not None]
        return {**batch, "reference": torch.from_numpy(np.concatenate(references))} if references else batch

    def count(self, batch: dict[str, Any]) -> int:
        """Answers."""
        return len(batch["sides"])

    def loss(self, model: Any, batch: dict[str, Any]) -> Loss:
        """The loss of the answers; measures are what practitioners watch, by the names of TRL."""
        config = self._config
        reference, reference_mismatched = self._reference(self.ask, batch).view(-1, 2).unbind(1)
        with torch.no_grad():
            mismatched = self._log_probabilities(model, batch["mismatched"])
        kl = (mismatched - reference_mismatched).mean().clamp(min=0)
        logps = self._log_probabilities(model, batch)
        ratio, desirable = logps - reference, batch["sides"] == CHOSEN
        losses = torch.where(
            desirable,
            config.desirable_weight * (1 - torch.sigmoid(config.beta * (ratio - kl))),
            config.undesirable_weight * (1 - torch.sigmoid(config.beta * (kl - ratio))),
        )
        if config.pref_ftx:
            losses = losses - config.pref_ftx * desirable * logps / targets_by_sequence(batch)
        rewards = config.beta * ratio
        measures = {
            "rewards/chosen": rewards[desirable],
            "rewards/rejected": rewards[~desirable],
            "logps/chosen": logps[desirable],
            "logps/rejected": logps[~desirable],
            "kl": kl[None],
        }
        return Loss(losses.sum(), measures)

    def ask(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Log-probability of each answer and then of its mismatched one, (answers * 2,)."""
        both = [self._log_probabilities(model, part) for part in (batch, batch["mismatched"])]
        return torch.stack(both, dim=1).flatten()

    def _log_probabilities(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        return sum_by_sequence(self._forward.log_probabilities(model, batch), batch)
