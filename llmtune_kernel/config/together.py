"""What does not go together: a section is checked against those before it, as far as these are right."""

from __future__ import annotations

from llmtune_kernel.config import backends, depths
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.data import DataConfig
from llmtune_kernel.config.methods import AdaLoraMethod, AdapterMethod, LoraMethod, Method, PeftMethod
from llmtune_kernel.config.model import ModelConfig
from llmtune_kernel.config.objectives import (
    ComparedObjective,
    DpoObjective,
    KtoObjective,
    Objective,
    RewardedObjective,
    RewardObjective,
)
from llmtune_kernel.config.optimizers import AT_ONCE, NO_GROUPS, ON_WEIGHTS
from llmtune_kernel.config.peft_types import IN_FRONT, IN_PLACE_OF_LAYERS, NEEDS_ACTIVATIONS, WITHOUT_HEAD
from llmtune_kernel.config.quantizations import QUANTIZATIONS, objection
from llmtune_kernel.config.references import compares_in_training, names_reference
from llmtune_kernel.config.samples import SamplesConfig
from llmtune_kernel.config.training import TrainingConfig
from llmtune_kernel.locale import _


def check_method(method: Method, model: ModelConfig | None, data: DataConfig | None) -> None:
    """Raise ValueError if a method does not suit the model or its data."""
    if model is not None:
        _leaves_quantized_weights(method, model)
        _has_what_it_makes_up_for(method, model)
        if model.shift_attn and isinstance(method, PeftMethod) and method.peft_type in IN_FRONT:
            reason = _("{name} puts tokens in front, which shift_attn hides", name=method.peft_type)
            raise _without_shift(reason)
        if model.mixture_of_depths is not None:
            _trains_routers(depths.to_method(method))
        _trains_new_tokens(method, model)
        _goes_on_top_of_others(method, model)
        if model.backend == "unsloth":
            backends.check_method(method)
    pads = isinstance(method, PeftMethod) and method.peft_type in IN_FRONT
    if pads and data is not None and data.packing is True:
        raise _unused(getattr(method, "peft_type", ""), "packing")


def check_objective(
    objective: Objective, model: ModelConfig | None, data: DataConfig | None, method: Method | None
) -> None:
    """Raise ValueError if an objective does not suit the model, its data or its method."""
    if model is not None:
        if model.shift_attn and compares_in_training(objective):
            name = getattr(objective, "loss", "") if objective.type == "sft" else objective.type
            raise _without_shift(
                _("{name} compares with what full attention finds, and shift_attn is another", name=name)
            )
        if model.mixture_of_depths is not None:
            _trains_routers(depths.to_objective(objective, compares=compares_in_training(objective)))
        if model.backend == "unsloth":
            backends.check_objective(objective)
    for key in data.unused_by(objective.type) if data is not None else ():
        raise _unused(objective.type, key)
    _has_its_reference(objective, method)


def check_training(
    training: TrainingConfig,
    model: ModelConfig | None,
    data: DataConfig | None,
    method: Method | None,
    objective: Objective | None,
) -> None:
    """Raise ValueError if how is trained does not suit what is trained."""
    if model is not None and model.backend == "unsloth":
        backends.check_training(training)
    if data is not None:
        _knows_what_is_best(training, data, method, objective)
    _suits_the_optimizer(training, model, method)
    _multiplies_whole_weights(training, model, method)


def check_samples(samples: SamplesConfig, objective: Objective | None) -> None:
    """Raise ValueError if answers are asked of a model that gives none."""
    if samples.prompts and isinstance(objective, RewardObjective):
        raise ValueError(
            _("a reward model scores answers and gives none"),
            _("leave samples.prompts out"),
            [leave_out("samples.prompts")],
        )


def _leaves_quantized_weights(method: Method, model: ModelConfig) -> None:
    if model.quantization == "none":
        return
    said = objection(method, QUANTIZATIONS[model.quantization], model.quantization)
    if said is None:
        return
    reason, key = said
    leave = leave_out("model.quantization")
    if key == "type":
        fix = _("write method: lora, or leave model.quantization out")
        raise ValueError(reason, fix, [change_to("method.type", "lora"), leave])
    if isinstance(method, AdapterMethod) and method.changes_base:
        raise ValueError(reason, _("leave one of the two out"), [leave_out(f"method.{key}"), leave])
    expanding = change_to("model.quantization", "nf4")
    raise ValueError(reason, _("write model.quantization: nf4"), [expanding, leave_out(f"method.{key}")])


def _has_what_it_makes_up_for(method: Method, model: ModelConfig) -> None:
    loftq = isinstance(method, LoraMethod) and method.init_lora_weights == "loftq"
    if loftq and model.quantization == "none":
        raise ValueError(
            _("init_lora_weights: loftq makes up for quantization, and the weights are not quantized"),
            _("write model.quantization: nf4, or leave it out"),
            [change_to("model.quantization", "nf4"), leave_out("method.init_lora_weights")],
        )


def _without_shift(reason: str) -> ValueError:
    return ValueError(reason, _("leave model.shift_attn out"), [leave_out("model.shift_attn")])


def _trains_routers(found: depths.Objection | None) -> None:
    if found:
        changes = [*found.changes, leave_out("model.mixture_of_depths")]
        raise ValueError(found.reason, _("leave model.mixture_of_depths out"), changes)


def _trains_new_tokens(method: Method, model: ModelConfig) -> None:
    if model.add_tokens and isinstance(method, PeftMethod | AdaLoraMethod):
        raise ValueError(
            _("{name} does not train the new tokens of model.add_tokens", name=method.peft_type),
            _("write method: lora"),
            [change_to("method.type", "lora"), leave_out("model.add_tokens")],
        )


def _goes_on_top_of_others(method: Method, model: ModelConfig) -> None:
    if not model.adapters or not model.stacks:
        return
    merging = change_to("model.merge_adapters", True)
    if not isinstance(method, LoraMethod):
        raise ValueError(
            _(
                "earlier adapters that are not merged stay beneath one of lora; {name} trains none",
                name=method.type,
            ),
            _("write method: lora, or model.merge_adapters: true"),
            [change_to("method.type", "lora"), merging],
        )
    if key := method.needs_whole_model:
        raise ValueError(
            _("{key} needs earlier adapters to be merged", key=key),
            _("write model.merge_adapters: true, or leave it out"),
            [leave_out(key), merging],
        )


def _unused(name: str, key: str) -> ValueError:
    return ValueError(
        _("{name} does nothing with data.{key}", name=name, key=key),
        _("leave data.{key} out", key=key),
        [leave_out(f"data.{key}")],
    )


def _has_its_reference(objective: Objective, method: Method | None) -> None:
    if (
        isinstance(objective, RewardObjective)
        and isinstance(method, PeftMethod)
        and method.peft_type in WITHOUT_HEAD
    ):
        raise ValueError(
            _("{name} does not train a reward model", name=method.peft_type),
            _("write method: lora"),
            [change_to("method.type", "lora")],
        )
    if isinstance(objective, ComparedObjective) and names_reference(objective):
        if objective.reference_adapters and objective.reference_quantization != "none":
            raise ValueError(
                _("adapters are merged into weights that are not quantized"),
                _("leave one of the two out"),
                [
                    leave_out("objective.reference_quantization"),
                    leave_out("objective.reference_adapters"),
                ],
            )
        if getattr(objective, "reference", None) == "adapter":
            raise ValueError(
                _("reference: adapter asks the model itself, and another one is named"),
                _("write reference: precomputed"),
                [change_to("objective.reference", "precomputed")],
            )
    by_adapter = isinstance(objective, DpoObjective | KtoObjective) and objective.reference == "adapter"
    if by_adapter and method is not None and not method.keeps_base:
        raise ValueError(
            _("reference: adapter needs adapters without which the model is that of before training"),
            _("write reference: precomputed"),
            [change_to("objective.reference", "precomputed")],
        )


def _knows_what_is_best(
    training: TrainingConfig, data: DataConfig, method: Method | None, objective: Objective | None
) -> None:
    for key in ("load_best_model_at_end", "early_stopping_patience"):
        if not getattr(training, key):
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


def _suits_the_optimizer(training: TrainingConfig, model: ModelConfig | None, method: Method | None) -> None:
    optim = training.optim
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
        and training.gradient_checkpointing is True
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


def _multiplies_whole_weights(
    training: TrainingConfig, model: ModelConfig | None, method: Method | None
) -> None:
    kind = getattr(method, "peft_type", "")
    if training.fp8 and kind in IN_PLACE_OF_LAYERS:
        raise ValueError(
            _("{name} multiplies weights itself, not in fp8", name=kind),
            _("leave fp8 out, or take another type"),
            [leave_out("training.fp8")],
        )
    if training.fp8 and model is not None and model.quantization != "none":
        raise ValueError(
            _("fp8 multiplies weights that are not quantized"),
            _("leave one of the two out"),
            [leave_out("training.fp8"), leave_out("model.quantization")],
        )
