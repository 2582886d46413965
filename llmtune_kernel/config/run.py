"""The whole configuration of a run, and its short forms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from llmtune_kernel.config.data import DataConfig
from llmtune_kernel.config.methods import LoraMethod, Method
from llmtune_kernel.config.model import ModelConfig
from llmtune_kernel.config.objectives import (
    ComparedObjective,
    DpoObjective,
    GrpoObjective,
    KtoObjective,
    Objective,
    PpoObjective,
    RewardedObjective,
    RewardObjective,
    SftObjective,
)
from llmtune_kernel.config.references import names_reference, needs_reference
from llmtune_kernel.config.samples import SamplesConfig
from llmtune_kernel.config.section import Section, setting
from llmtune_kernel.config.together import check_method, check_objective, check_samples, check_training
from llmtune_kernel.config.training import LaunchConfig, TrackingConfig, TrainingConfig

SHORT_FORMS = {
    "model": "name_or_path",
    "data": "train",
    "method": "type",
    "objective": "type",
    "samples": "prompts",
    "tracking": "report_to",
}
# The types that sections of several types have where they name none.
DEFAULT_TYPES = {"method": "lora", "objective": "sft"}
# Of adapters, and of the weights themselves.
_LEARNING_RATES = {
    "sft": (2e-4, 2e-5),
    "pretrain": (1e-4, 1e-5),
    "dpo": (5e-6, 1e-6),
    "kto": (5e-6, 1e-6),
    "reward": (1e-4, 1e-5),
    "ppo": (1e-5, 1e-6),
    "grpo": (1e-5, 1e-6),
}


def _section(model: type[Section], title: str) -> Any:
    return Field(default_factory=model, title=title, description=model.__doc__)


class RunConfig(Section):
    """What to train, on what, and how."""

    model: ModelConfig = _section(ModelConfig, "Model")
    data: DataConfig = Field(title="Data", description=DataConfig.__doc__)
    method: Method = Field(
        default_factory=LoraMethod,
        title="Method",
        description="Which weights are trained.",
        validate_default=True,
    )
    objective: Objective = Field(
        default_factory=SftObjective, title="Objective", description="What the model is trained for."
    )
    training: TrainingConfig = _section(TrainingConfig, "Training")
    samples: SamplesConfig = _section(SamplesConfig, "Samples")
    tracking: TrackingConfig = _section(TrackingConfig, "Tracking")
    launch: LaunchConfig = _section(LaunchConfig, "Launch")
    resume: str | None = setting(
        None, "Continue", "Name of an earlier run to continue from its last checkpoint.", min_length=1
    )

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, values: Any) -> Any:
        return expand_short_forms(values) if isinstance(values, Mapping) else values

    @field_validator("method", "objective", "training", "samples")
    @classmethod
    def _goes_together(cls, value: Any, info: ValidationInfo) -> Any:
        model, data, method, objective = map(info.data.get, ("model", "data", "method", "objective"))
        match info.field_name:
            case "method":
                check_method(value, model, data)
            case "objective":
                check_objective(value, model, data, method)
            case "training":
                check_training(value, model, data, method, objective)
            case "samples":
                check_samples(value, objective)
        return value

    @property
    def learning_rate_value(self) -> float:
        """The peak learning rate as a number."""
        rate = self.training.learning_rate
        return self.usual_learning_rate if rate == "auto" else rate

    @property
    def usual_learning_rate(self) -> float:
        """What `auto` means for the objective and the method."""
        of_adapters, of_weights = _LEARNING_RATES[self.objective.type]
        return of_adapters if self.method.has_adapter else of_weights

    @property
    def reference(self) -> Literal["adapter", "precomputed", "copy", "model"] | None:
        """Where log-probabilities under the model before training come from; None if none are needed.

        With `model` they come from `reference_model`, and so they do with `precomputed` where there is one.
        """
        objective = self.objective
        if not needs_reference(objective):
            return None
        if isinstance(objective, PpoObjective) and self.reference_model:
            return "model"
        if not isinstance(objective, DpoObjective | KtoObjective):
            # Of whole distributions, which are too much to be precomputed, or of answers that are not there yet.
            return "adapter" if self.method.keeps_base else "copy"
        if objective.reference == "auto":
            by_adapter = self.method.keeps_base and self.reference_model is None
            return "adapter" if by_adapter else "precomputed"
        if objective.reference == "model" and self.reference_model is None:
            return "copy"
        return objective.reference

    @property
    def reference_model(self) -> ModelConfig | None:
        """The model that is compared with, where it is another than the one before training."""
        objective = self.objective
        if not isinstance(objective, ComparedObjective) or not names_reference(objective):
            return None
        other: dict[str, Any] = {"add_tokens": []}
        if objective.reference_model is not None:
            other |= {"name_or_path": objective.reference_model, "revision": None}
            other |= {"rope_scaling": "none", "rope_factor": None}
        other |= {"quantization": objective.reference_quantization}
        other |= {"adapters": objective.reference_adapters, "merge_adapters": True}
        return self.model.model_copy(update=other)

    @property
    def reward_function(self) -> str | None:
        """The function of the notebook that scores answers, without its `$`; None if none does."""
        reward = self.objective.reward if isinstance(self.objective, RewardedObjective) else ""
        return reward[1:] if reward.startswith("$") else None

    @property
    def rollout_batches(self) -> int:
        """How many batches the answers make that the model draws together, where it draws them itself."""
        of_step, size = self.training.gradient_accumulation_steps, self.training.per_device_train_batch_size
        match self.objective:
            case PpoObjective(num_mini_batches=steps):
                return of_step * steps
            case GrpoObjective(num_generations=group, steps_per_generation=batches):
                return math.lcm(size * (batches or of_step), group) // size
        return of_step

    @property
    def rollout_size(self) -> int:
        """How many answers the model draws together, where it draws them itself."""
        return self.training.per_device_train_batch_size * self.rollout_batches

    @property
    def scores(self) -> bool:
        """Whether what is trained scores answers and gives none."""
        return isinstance(self.objective, RewardObjective)


def expand_short_forms(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write each section out as a mapping: `model: X` becomes `model: {name_or_path: X}`.

    An empty section (null) is as if it were not there. What is no short form stays as it is.
    """
    expanded = dict(values)
    for section, key in SHORT_FORMS.items():
        value = expanded.get(section)
        is_short = isinstance(value, str) or (
            isinstance(value, list) and section in ("data", "samples", "tracking")
        )
        if is_short:
            expanded[section] = {key: value}
    for section, type_ in DEFAULT_TYPES.items():
        values_ = expanded.get(section)
        if isinstance(values_, Mapping) and "type" not in values_:
            expanded[section] = {"type": type_, **values_}
    sections = RunConfig.model_fields.keys() - {"resume"}
    return {key: value for key, value in expanded.items() if value is not None or key not in sections}
