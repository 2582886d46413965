"""Preference optimization: pairs of a better and a worse answer, compared with the model before training."""

from __future__ import annotations

from typing import Any

import torch

from llmtune_kernel.config import DpoObjective
from llmtune_kernel.training.objective import Forward, Loss, sum_by_sequence, targets_by_sequence
from llmtune_kernel.training.preference_losses import Pairs, preference_losses, rewards
from llmtune_kernel.training.reference import Reference


class PreferenceOptimization:
    """Minimizes the mean over pairs; in a batch the answers of a pair follow each other, the better one first."""

    def __init__(self, config: DpoObjective, forward: Forward, reference: Reference) -> None:
        self._config, self._forward, self._reference = config, forward, reference

    def count(self, batch: dict[str, Any]) -> int:
        """Pairs."""
        return len(batch["sides"]) // 2

    def loss(self, model: Any, batch: dict[str, Any]) -> Loss:
        """The loss of the pairs; measures are what practitioners watch, by the names of TRL."""
        config, lengths = self._config, targets_by_sequence(batch)
        reference = self._reference(self.ask, batch)  # first: so it needs no memory beside the graph
        tokens = self._forward.log_probabilities(model, batch)
        sums = self._weighted(tokens, batch)
        pairs = Pairs(*_sides(sums), *_sides(reference), *_sides(lengths))
        losses = preference_losses(pairs, config)
        chosen_logps, rejected_logps = _sides(sum_by_sequence(tokens, batch))
        if config.pref_ftx:
            losses = losses - config.pref_ftx * chosen_logps / pairs.chosen_length
        chosen, rejected = rewards(pairs, config)
        measures = {
            "rewards/chosen": chosen,
            "rewards/rejected": rejected,
            "rewards/accuracies": (chosen > rejected).float(),
            "rewards/margins": chosen - rejected,
            "logps/chosen": chosen_logps.detach(),
            "logps/rejected": rejected_logps.detach(),
        }
        return Loss(losses.sum(), measures)

    def ask(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Log-probability of each sequence, (sequences,), as the loss takes it."""
        return self._weighted(self._forward.log_probabilities(model, batch), batch)

    def _weighted(self, tokens: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
        """Sums of the log-probabilities of the targets, those beyond the shorter answer of a pair by `ld_alpha`.

        Liu et al. 2024, "Length Desensitization in Direct Preference Optimization".
        """
        if self._config.ld_alpha is not None:
            lengths, sequences = targets_by_sequence(batch), batch["target_sequences"]
            rank = torch.arange(len(sequences), device=sequences.device)
            rank = rank - (lengths.cumsum(0) - lengths)[sequences]
            shared = lengths.view(-1, 2).amin(1).repeat_interleave(2)[sequences]
            tokens = torch.where(rank < shared, tokens, self._config.ld_alpha * tokens)
        return sum_by_sequence(tokens, batch)


def _sides(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the better answers and of the worse ones."""
    pairs = values.view(-1, 2)
    return pairs[:, 0], pairs[:, 1]
