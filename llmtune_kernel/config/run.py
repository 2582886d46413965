"""The whole configuration of a run, and its short forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from llmtune_kernel.config.objectives import WITHOUT_REFERENCE, DpoObjective, Objective, SftObjective
from llmtune_kernel.config.section import Section, setting
from llmtune_kernel.config.sections import (
    DataConfig,
    FullMethod,
    LaunchConfig,
    LoraMethod,
    ModelConfig,
    SamplesConfig,
    TrackingConfig,
    TrainingConfig,
)
from llmtune_kernel.locale import _

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
AUTO_LEARNING_RATES = {
    "sft": {"lora": 2e-4, "full": 2e-5},
    "dpo": {"lora": 5e-6, "full": 1e-6},
    "kto": {"lora": 5e-6, "full": 1e-6},
}


def _section(model: type[Section], title: str) -> Any:
    return Field(default_factory=model, title=title, description=model.__doc__)


class RunConfig(Section):
    """What to train, on what, and how."""

    model: ModelConfig = _section(ModelConfig, "Model")
    data: DataConfig = Field(title="Data", description=DataConfig.__doc__)
    method: Annotated[LoraMethod | FullMethod, Field(discriminator="type")] = Field(
        default_factory=LoraMethod, title="Method", description="Which weights are trained."
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

    @property
    def learning_rate_value(self) -> float:
        """The peak learning rate as a number, `auto` resolved by objective and method."""
        if self.training.learning_rate == "auto":
            return AUTO_LEARNING_RATES[self.objective.type][self.method.type]
        return self.training.learning_rate

    @property
    def reference(self) -> Literal["adapter", "precomputed"] | None:
        """Where log-probabilities under the model before training come from; None if none are needed."""
        objective = self.objective
        if isinstance(objective, SftObjective):
            return None
        if isinstance(objective, DpoObjective) and objective.loss in WITHOUT_REFERENCE:
            return None
        if objective.reference == "auto":
            return "adapter" if isinstance(self.method, LoraMethod) else "precomputed"
        return objective.reference

    @field_validator("objective")
    @classmethod
    def _has_an_adapter(cls, value: Any, info: ValidationInfo) -> Any:
        adapter = not isinstance(value, SftObjective) and value.reference == "adapter"
        if adapter and isinstance(info.data.get("method"), FullMethod):
            raise ValueError(
                _("reference: adapter needs a method with an adapter"), _("write reference: precomputed")
            )
        return value


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
