"""The whole configuration of a run, and its short forms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from llmtune_kernel.config import depths
from llmtune_kernel.config.backends import check_method, check_objective, check_training
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.data import DataConfig
from llmtune_kernel.config.methods import AdaLoraMethod, LoraMethod, Method, PeftMethod
from llmtune_kernel.config.model import ModelConfig
from llmtune_kernel.config.objectives import (
    WITHOUT_REFERENCE,
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
from llmtune_kernel.config.optimizers import AT_ONCE, NO_GROUPS, ON_WEIGHTS
from llmtune_kernel.config.peft_types import IN_FRONT, IN_PLACE_OF_LAYERS, NEEDS_ACTIVATIONS, WITHOUT_HEAD
from llmtune_kernel.config.quantizations import QUANTIZATIONS, objection
from llmtune_kernel.config.samples import SamplesConfig
from llmtune_kernel.config.section import Section, setting
from llmtune_kernel.config.training import LaunchConfig, TrackingConfig, TrainingConfig
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

    @field_validator("method")
    @classmethod
    def _leaves_quantized_weights(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        if model is None or model.quantization == "none":
            return value
        said = objection(value, QUANTIZATIONS[model.quantization], model.quantization)
        if said is None:
            return value
        reason, key = said
        leave = leave_out("model.quantization")
        if key == "type":
            fix = _("write method: lora, or leave model.quantization out")
            raise ValueError(reason, fix, [change_to("method.type", "lora"), leave])
        if value.changes_base:
            raise ValueError(reason, _("leave one of the two out"), [leave_out(f"method.{key}"), leave])
        expanding = change_to("model.quantization", "nf4")
        raise ValueError(reason, _("write model.quantization: nf4"), [expanding, leave_out(f"method.{key}")])

    @field_validator("method")
    @classmethod
    def _has_what_it_makes_up_for(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        if model is None or model.quantization != "none":
            return value
        if isinstance(value, LoraMethod) and value.init_lora_weights == "loftq":
            raise ValueError(
                _("init_lora_weights: loftq makes up for quantization, and the weights are not quantized"),
                _("write model.quantization: nf4, or leave it out"),
                [change_to("model.quantization", "nf4"), leave_out("method.init_lora_weights")],
            )
        return value

    @field_validator("method", "objective")
    @classmethod
    def _learns_in_groups(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        if model is None or not model.shift_attn:
            return value
        reason = ""
        if isinstance(value, PeftMethod) and value.peft_type in IN_FRONT:
            reason = _("{name} puts tokens in front, which shift_attn hides", name=value.peft_type)
        elif compares_in_training(value):
            name = getattr(value, "loss", value.type) if value.type == "sft" else value.type
            reason = _("{name} compares with what full attention finds, and shift_attn is another", name=name)
        if reason:
            raise ValueError(reason, _("leave model.shift_attn out"), [leave_out("model.shift_attn")])
        return value

    @field_validator("method", "objective")
    @classmethod
    def _trains_routers(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        if model is None or model.mixture_of_depths is None:
            return value
        if info.field_name == "method":
            found = depths.to_method(value)
        else:
            found = depths.to_objective(value, compares=compares_in_training(value))
        if found:
            changes = [*found.changes, leave_out("model.mixture_of_depths")]
            raise ValueError(found.reason, _("leave model.mixture_of_depths out"), changes)
        return value

    @field_validator("method")
    @classmethod
    def _trains_new_tokens(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        if model is not None and model.add_tokens and isinstance(value, PeftMethod | AdaLoraMethod):
            raise ValueError(
                _("{name} does not train the new tokens of model.add_tokens", name=value.peft_type),
                _("write method: lora"),
                [change_to("method.type", "lora"), leave_out("model.add_tokens")],
            )
        return value

    @field_validator("method")
    @classmethod
    def _goes_on_top_of_others(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        if model is None or not model.adapters or not model.stacks:
            return value
        merging = change_to("model.merge_adapters", True)
        if not isinstance(value, LoraMethod):
            raise ValueError(
                _(
                    "earlier adapters that are not merged stay beneath one of lora; {name} trains none",
                    name=value.type,
                ),
                _("write method: lora, or model.merge_adapters: true"),
                [change_to("method.type", "lora"), merging],
            )
        if key := value.needs_whole_model:
            raise ValueError(
                _("{key} needs earlier adapters to be merged", key=key),
                _("write model.merge_adapters: true, or leave it out"),
                [leave_out(key), merging],
            )
        return value

    @field_validator("method", "objective", "training")
    @classmethod
    def _suits_the_backend(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        if model is not None and model.backend == "unsloth":
            if isinstance(value, TrainingConfig):
                check_training(value)
            else:
                check = check_method if info.field_name == "method" else check_objective
                check(value)
        return value

    @field_validator("training")
    @classmethod
    def _knows_what_is_best(cls, value: TrainingConfig, info: ValidationInfo) -> TrainingConfig:
        data, method, objective = (info.data.get(name) for name in ("data", "method", "objective"))
        for key in ("load_best_model_at_end", "early_stopping_patience"):
            if not getattr(value, key) or data is None:
                continue
            leave = leave_out(f"training.{key}")
            if data.eval is None and not data.eval_fraction and not data.eval_rows:
                reason, fix = _("{key} needs evaluation data", key=key), _("write data.eval_fraction: 0.1")
                raise ValueError(reason, fix, [change_to("data.eval_fraction", 0.1), leave])
            reason = ""
            if isinstance(objective, RewardedObjective):
                reason = _("the loss of {name} does not say which weights are best", name=objective.type)
            elif isinstance(method, AdaLoraMethod) and key == "load_best_model_at_end":
                reason = _("adalora lowers ranks to the end, and the best weights may have others")
            if reason:
                raise ValueError(reason, _("leave {key} out", key=key), [leave])
        return value

    @field_validator("training")
    @classmethod
    def _suits_the_optimizer(cls, value: TrainingConfig, info: ValidationInfo) -> TrainingConfig:
        method, model, optim = info.data.get("method"), info.data.get("model"), value.optim
        if method is not None and method.has_adapter and optim in ON_WEIGHTS:
            raise ValueError(
                _("optim: {optimizer} trains the weights themselves, not adapters", optimizer=optim),
                _("write method: full, or take another optimizer"),
                [change_to("method.type", "full"), leave_out("training.optim")],
            )
        if getattr(method, "loraplus_lr_ratio", None) and optim in NO_GROUPS:
            raise ValueError(
                _("optim: {optimizer} has one learning rate for all weights", optimizer=optim),
                _("leave loraplus_lr_ratio out, or take another optimizer"),
                [leave_out("method.loraplus_lr_ratio"), leave_out("training.optim")],
            )
        if (
            isinstance(method, PeftMethod)
            and method.peft_type in NEEDS_ACTIVATIONS
            and value.gradient_checkpointing is True
        ):
            raise ValueError(
                _("{name} does not go together with gradient_checkpointing", name=method.peft_type),
                _("leave gradient_checkpointing out"),
                [leave_out("training.gradient_checkpointing")],
            )
        if model is not None and model.dtype == "float16" and optim in AT_ONCE:
            raise ValueError(
                _("optim: {optimizer} does not go together with float16", optimizer=optim),
                _("write model.dtype: bfloat16"),
                [change_to("model.dtype", "bfloat16"), leave_out("training.optim")],
            )
        return value

    @field_validator("training")
    @classmethod
    def _multiplies_whole_weights(cls, value: TrainingConfig, info: ValidationInfo) -> TrainingConfig:
        model, kind = info.data.get("model"), getattr(info.data.get("method"), "peft_type", "")
        if value.fp8 and kind in IN_PLACE_OF_LAYERS:
            raise ValueError(
                _("{name} multiplies weights itself, not in fp8", name=kind),
                _("leave fp8 out, or take another type"),
                [leave_out("training.fp8")],
            )
        if value.fp8 and model is not None and model.quantization != "none":
            raise ValueError(
                _("fp8 multiplies weights that are not quantized"),
                _("leave one of the two out"),
                [leave_out("training.fp8"), leave_out("model.quantization")],
            )
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

    @field_validator("method", "objective")
    @classmethod
    def _uses_the_settings_of_the_data(cls, value: Any, info: ValidationInfo) -> Any:
        data = info.data.get("data")
        if data is None:
            return value
        if info.field_name == "objective":
            name, unused = value.type, data.unused_by(value.type)
        else:
            pads = isinstance(value, PeftMethod) and value.peft_type in IN_FRONT
            name, unused = (
                getattr(value, "peft_type", ""),
                ["packing"] if pads and data.packing is True else [],
            )
        for key in unused:
            raise ValueError(
                _("{name} does nothing with data.{key}", name=name, key=key),
                _("leave data.{key} out", key=key),
                [leave_out(f"data.{key}")],
            )
        return value

    @field_validator("objective")
    @classmethod
    def _has_its_reference(cls, value: Any, info: ValidationInfo) -> Any:
        method = info.data.get("method")
        if (
            isinstance(value, RewardObjective)
            and isinstance(method, PeftMethod)
            and method.peft_type in WITHOUT_HEAD
        ):
            raise ValueError(
                _("{name} does not train a reward model", name=method.peft_type),
                _("write method: lora"),
                [change_to("method.type", "lora")],
            )
        if isinstance(value, ComparedObjective) and names_reference(value):
            if value.reference_adapters and value.reference_quantization != "none":
                raise ValueError(
                    _("adapters are merged into weights that are not quantized"),
                    _("leave one of the two out"),
                    [
                        leave_out("objective.reference_quantization"),
                        leave_out("objective.reference_adapters"),
                    ],
                )
            if getattr(value, "reference", None) == "adapter":
                raise ValueError(
                    _("reference: adapter asks the model itself, and another one is named"),
                    _("write reference: precomputed"),
                    [change_to("objective.reference", "precomputed")],
                )
        by_adapter = isinstance(value, DpoObjective | KtoObjective) and value.reference == "adapter"
        if by_adapter and method is not None and not method.keeps_base:
            raise ValueError(
                _("reference: adapter needs adapters without which the model is that of before training"),
                _("write reference: precomputed"),
                [change_to("objective.reference", "precomputed")],
            )
        return value

    @field_validator("samples")
    @classmethod
    def _of_a_model_that_answers(cls, value: SamplesConfig, info: ValidationInfo) -> SamplesConfig:
        if value.prompts and isinstance(info.data.get("objective"), RewardObjective):
            raise ValueError(
                _("a reward model scores answers and gives none"),
                _("leave samples.prompts out"),
                [leave_out("samples.prompts")],
            )
        return value


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
