"""The whole configuration of a run, and its short forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from llmtune_kernel.config.section import Section, setting
from llmtune_kernel.config.sections import (
    DataConfig,
    FullMethod,
    LaunchConfig,
    LoraMethod,
    ModelConfig,
    ObjectiveConfig,
    SamplesConfig,
    TrackingConfig,
    TrainingConfig,
)

SHORT_FORMS = {
    "model": "name_or_path",
    "data": "train",
    "method": "type",
    "objective": "type",
    "samples": "prompts",
    "tracking": "report_to",
}
AUTO_LEARNING_RATES = {"lora": 2e-4, "full": 2e-5}


def _section(model: type[Section], title: str) -> Any:
    return Field(default_factory=model, title=title, description=model.__doc__)


class RunConfig(Section):
    """What to train, on what, and how."""

    model: ModelConfig = _section(ModelConfig, "Model")
    data: DataConfig = Field(title="Data", description=DataConfig.__doc__)
    method: Annotated[LoraMethod | FullMethod, Field(discriminator="type")] = Field(
        default_factory=LoraMethod, title="Method", description="Which weights are trained."
    )
    objective: ObjectiveConfig = _section(ObjectiveConfig, "Objective")
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
        """The peak learning rate as a number, `auto` resolved by method."""
        if self.training.learning_rate == "auto":
            return AUTO_LEARNING_RATES[self.method.type]
        return self.training.learning_rate


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
    method = expanded.get("method")
    if isinstance(method, Mapping) and "type" not in method:
        expanded["method"] = {"type": "lora", **method}
    sections = RunConfig.model_fields.keys() - {"resume"}
    return {key: value for key, value in expanded.items() if value is not None or key not in sections}
