"""Which objective a configuration asks for, ready to train."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from llmtune_kernel.config import (
    DpoObjective,
    GrpoObjective,
    KtoObjective,
    PpoObjective,
    PretrainObjective,
    RewardObjective,
    RunConfig,
    SftObjective,
)
from llmtune_kernel.training.collation import EncodedDataset, Item
from llmtune_kernel.training.grpo import GroupRelativePolicy, experience_names
from llmtune_kernel.training.kto import KahnemanTversky, MismatchedDataset
from llmtune_kernel.training.objective import Forward, Objective
from llmtune_kernel.training.ppo import EXPERIENCE, ProximalPolicy, add_value_head
from llmtune_kernel.training.preference import PreferenceOptimization
from llmtune_kernel.training.reference import (
    Reference,
    beside,
    frozen_copy,
    no_reference,
    precompute,
    precomputed,
    without_adapter,
)
from llmtune_kernel.training.reward import RewardModelling
from llmtune_kernel.training.rollouts import no_experience
from llmtune_kernel.training.sft import SupervisedFineTuning

Collate = Callable[[list[Item]], dict[str, Any]]


def items_for(config: RunConfig, dataset: EncodedDataset) -> EncodedDataset:
    """The items that the objective of a run learns from."""
    if isinstance(config.objective, KtoObjective):
        return MismatchedDataset(dataset, config.data.max_length, config.training.seed)
    return dataset


def collate_for(config: RunConfig, collate: Collate) -> Collate:
    """How these items become a batch, if sequences do so by `collate`."""
    if isinstance(config.objective, KtoObjective):
        return functools.partial(KahnemanTversky.collate, collate=collate)
    return collate


def make_objective(
    config: RunConfig,
    model: Any,
    forward: Forward,
    datasets: Iterable[EncodedDataset],
    collate: Collate,
    on_progress: Callable[[int, int], None],
    other: Any = None,
) -> Objective:
    """The objective of a run; what it needs to know of the model before training is computed now.

    Args:
        datasets: That the model will be trained and evaluated on, from `items_for`.
        collate: From `collate_for`.
        on_progress: As of `precompute`.
        other: The model that takes the place of the one before training, where the configuration names one.
    """
    objective: PreferenceOptimization | KahnemanTversky
    match config.objective:
        case PretrainObjective():
            return SupervisedFineTuning(SftObjective(), forward, no_reference)
        case SftObjective() as settings:
            return SupervisedFineTuning(settings, forward, reference_of(config, model, other))
        case DpoObjective() as settings:
            objective = PreferenceOptimization(settings, forward, reference_of(config, model, other))
        case RewardObjective() as settings:
            return RewardModelling(settings, forward)
        case PpoObjective() as settings:
            add_value_head(model)
            return ProximalPolicy(settings, forward)
        case GrpoObjective() as settings:
            return GroupRelativePolicy(settings, forward)
        case KtoObjective() as settings:
            objective = KahnemanTversky(settings, forward, reference_of(config, model, other))
    if config.reference == "precomputed":
        batch_size = config.training.per_device_train_batch_size
        asked = model if other is None else other
        for dataset in datasets:
            precompute(objective.ask, asked, dataset, collate, batch_size, on_progress)
    return objective


def with_no_experience(config: RunConfig, batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as an objective takes it that learns from answers of the model itself; others take it as it is."""
    match config.objective:
        case PpoObjective():
            return {**batch, "experience": no_experience(EXPERIENCE, batch)}
        case GrpoObjective() as settings:
            return {**batch, "experience": no_experience(experience_names(settings), batch)}
    return batch


def reference_of(config: RunConfig, model: Any, other: Any = None) -> Reference:
    """How the model before training is asked, or the `other` that takes its place."""
    match config.reference:
        case "adapter":
            return without_adapter(model)
        case "model" if other is not None:
            return beside(other)
        case "copy" | "model":  # before it is loaded a copy stands for it
            return frozen_copy(model)
        case "precomputed":
            return precomputed
    return no_reference
