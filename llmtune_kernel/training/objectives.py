"""Which objective a configuration asks for, ready to train."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from llmtune_kernel.config import DpoObjective, RunConfig
from llmtune_kernel.training.collation import EncodedDataset, Item
from llmtune_kernel.training.objective import Forward, Objective
from llmtune_kernel.training.preference import PreferenceOptimization
from llmtune_kernel.training.reference import (
    Reference,
    no_reference,
    precompute,
    precomputed,
    without_adapter,
)
from llmtune_kernel.training.sft import SupervisedFineTuning


def make_objective(
    config: RunConfig,
    model: Any,
    forward: Forward,
    datasets: Iterable[EncodedDataset],
    collate: Callable[[list[Item]], dict[str, Any]],
    on_progress: Callable[[int, int], None],
) -> Objective:
    """The objective of a run; what it needs to know of the model before training is computed now.

    Args:
        datasets: That the model will be trained and evaluated on.
        on_progress: As of `precompute`.
    """
    if not isinstance(config.objective, DpoObjective):
        return SupervisedFineTuning(forward)
    objective = PreferenceOptimization(config.objective, forward, _reference(config, model))
    if config.reference == "precomputed":
        batch_size = config.training.per_device_train_batch_size
        for dataset in datasets:
            precompute(objective.ask, model, dataset, collate, batch_size, on_progress)
    return objective


def _reference(config: RunConfig, model: Any) -> Reference:
    if config.reference == "adapter":
        return without_adapter(model)
    return precomputed if config.reference else no_reference
