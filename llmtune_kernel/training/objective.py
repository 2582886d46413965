"""What the trainer asks of an objective, and how an objective asks a model."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.nn.functional import cross_entropy

from llmtune_kernel.models.scoring import ends, head_of

# What `collate_packed` and `collate_padded` say beside the inputs of a model.
_NOT_INPUTS = (
    "target_positions",
    "targets",
    "target_sequences",
    "sides",
    "reference",
    "mismatched",
    "experience",
)


@dataclass(frozen=True)
class Loss:
    """Of a batch: the sum of the loss over what is counted, a scalar in float32, and measures to watch.

    `measures`: by name the values (any,) whose mean is shown.
    """

    total: torch.Tensor
    measures: Mapping[str, torch.Tensor] = field(default_factory=dict)


class Objective(Protocol):
    """What is minimized: the mean, over an optimizer step, of what is counted: tokens, pairs, answers."""

    def count(self, batch: dict[str, Any]) -> int:
        """Over how much of a batch its loss is summed."""
        ...

    def loss(self, model: Any, batch: dict[str, Any]) -> Loss:
        """The sum, not the mean, so that the mean over several batches of different sizes is exact."""
        ...


@dataclass(frozen=True)
class Forward:
    """Asks a model what it predicts at the targets of a batch.

    Args:
        dtype: Precision of matrix products; those of 16 bits run under autocast.
        only_targets: Compute logits only where there is a target; for packed batches of models that can.
    """

    dtype: torch.dtype
    only_targets: bool

    @staticmethod
    def of(model: Any, dtype: torch.dtype, packed: bool) -> Forward:
        """As suits the model."""
        keeps = "logits_to_keep" in inspect.signature(_without_adapters(model).forward).parameters
        return Forward(dtype, packed and keeps)

    def logits(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Logits of the targets, (targets, vocabulary) in float32; `batch` is from `collate_packed` or `_padded`."""
        inputs = _inputs(batch)
        positions = batch["target_positions"]
        with torch.autocast(positions.device.type, self.dtype, enabled=self.dtype != torch.float32):
            if self.only_targets:
                logits = model(**inputs, logits_to_keep=positions, use_cache=False).logits[0]
            else:
                logits = model(**inputs, use_cache=False).logits
                # Adapters may put tokens in front.
                logits = logits[:, -inputs["input_ids"].shape[1] :].flatten(0, 1)[positions]
        result: torch.Tensor = logits.float()
        return result

    def logits_and_states(self, model: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits as of `logits`, and the states (targets, hidden) in float32 that they are made from."""
        seen: list[torch.Tensor] = []
        head = head_of(_without_adapters(model))
        handle = head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        try:
            logits = self.logits(model, batch)
        finally:
            handle.remove()
        [states] = seen
        if self.only_targets:
            return logits, states[0].float()
        states = states[:, -batch["input_ids"].shape[1] :].flatten(0, 1)[batch["target_positions"]]
        return logits, states.float()

    def log_probabilities(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Log-probability of each target, (targets,) in float32."""
        return -cross_entropy(self.logits(model, batch), batch["targets"], reduction="none")

    def read(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """The last states, (sequences, tokens, hidden), before any head."""
        where = batch["input_ids"].device.type
        with torch.autocast(where, self.dtype, enabled=self.dtype != torch.float32):
            inside = _without_adapters(model).base_model
            states: torch.Tensor = inside(**_inputs(batch), use_cache=False).last_hidden_state
        return states

    def scores(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Score of each sequence, (sequences,) in float32, of a model that scores."""
        scorer = _without_adapters(model)
        states = self.read(model, batch).flatten(0, 1)
        last = states[ends(batch, scorer.config.get_text_config().pad_token_id)]
        result: torch.Tensor = scorer.score(last.float())[:, 0]
        return result


def _inputs(batch: dict[str, Any]) -> dict[str, Any]:
    """Of a batch what a model takes."""
    return {name: value for name, value in batch.items() if name not in _NOT_INPUTS}


def _without_adapters(model: Any) -> Any:
    """The model in which adapters were put, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def sum_by_sequence(tokens: torch.Tensor, batch: dict[str, Any]) -> torch.Tensor:
    """Sum values (targets,) over the targets of each sequence: (sequences,)."""
    sums = tokens.new_zeros(len(batch["sides"]))
    return sums.index_add(0, batch["target_sequences"], tokens)


def targets_by_sequence(batch: dict[str, Any]) -> torch.Tensor:
    """How many targets each sequence has, (sequences,)."""
    return torch.bincount(batch["target_sequences"], minlength=len(batch["sides"]))


def lengths_by_sequence(batch: dict[str, Any]) -> torch.Tensor:
    """How many tokens each sequence has, (sequences,)."""
    if "cu_seq_lens_q" in batch:
        return batch["cu_seq_lens_q"].diff().long()  # type: ignore[no-any-return]
    return batch["attention_mask"].sum(1)  # type: ignore[no-any-return]


class Means:
    """The mean of a loss, and of its measures, over batches."""

    def __init__(self) -> None:
        self.count = 0
        self._total: torch.Tensor | float = 0.0
        self._sums: dict[str, torch.Tensor | float] = {}
        self._counts: dict[str, int] = {}

    def copy(self) -> Means:
        """The same means, to which other batches can be added."""
        other = Means()
        other.count, other._total = self.count, self._total
        other._sums, other._counts = dict(self._sums), dict(self._counts)
        return other

    def add(self, loss: Loss, count: int) -> None:
        """Add a batch; `count` is over how much its loss is summed."""
        self.count += count
        self._total = self._total + loss.total.detach()
        for name, values in loss.measures.items():
            self._sums[name] = self._sums.get(name, 0.0) + values.detach().sum()
            self._counts[name] = self._counts.get(name, 0) + values.numel()

    @property
    def loss(self) -> float:
        """The mean loss."""
        return float(self._total) / max(self.count, 1)

    @property
    def measures(self) -> dict[str, float]:
        """The mean of each measure; those that are not finite are left out."""
        means = {
            name: float(total) / self._counts[name]
            for name, total in self._sums.items()
            if self._counts[name]
        }
        better, worse = means.get("rewards/chosen"), means.get("rewards/rejected")
        if better is not None and worse is not None:  # of answers that are no pairs
            means.setdefault("rewards/margins", better - worse)
        return {name: mean for name, mean in means.items() if math.isfinite(mean)}
