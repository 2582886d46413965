"""With what an objective compares the model in training."""

from __future__ import annotations

from typing import Any

from llmtune_kernel.config.objectives import (
    WITHOUT_REFERENCE,
    ComparedObjective,
    DpoObjective,
    GrpoObjective,
    KtoObjective,
    Objective,
    PpoObjective,
    RewardedObjective,
    SftObjective,
)


def needs_reference(objective: Objective) -> bool:
    """Whether what is trained is compared with another model, mostly that of before training."""
    match objective:
        case GrpoObjective():
            return objective.beta > 0
        case DpoObjective():
            return objective.loss not in WITHOUT_REFERENCE
        case SftObjective():
            return objective.loss == "asft"
    return isinstance(objective, KtoObjective | PpoObjective)


def compares_in_training(objective: Any) -> bool:
    """Whether what a model says in training is compared with what one says that is not trained meanwhile."""
    return isinstance(objective, RewardedObjective) or needs_reference(objective)


def names_reference(objective: ComparedObjective) -> bool:
    """Whether another model is named than the one before training."""
    given = objective.reference_model, objective.reference_adapters, objective.reference_quantization
    return given != (None, [], "none")
