"""What the backend unsloth does not do: told before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmtune_kernel.config.changes import Change, change_to, leave_out
from llmtune_kernel.config.methods import FullMethod, LoraMethod, Method
from llmtune_kernel.config.objectives import Objective, RewardObjective
from llmtune_kernel.config.training import TrainingConfig
from llmtune_kernel.locale import _

_QUANTIZATIONS = ("none", "nf4", "int8")
# In the place of adapters it trains these whole.
_ENDS = ("embed_tokens", "lm_head")


def check_model(model: Mapping[str, Any]) -> None:
    """Raise ValueError if Unsloth does not load a model so.

    Args:
        model: The settings of its section that are right.
    """
    quantization = model.get("quantization", "none")
    if quantization not in _QUANTIZATIONS:
        raise _refusal(
            _("unsloth quantizes to nf4 or int8, not to {name}", name=quantization),
            [change_to("model.quantization", "nf4")],
        )
    if quantization == "nf4" and model.get("double_quantization") is False:
        raise _refusal(
            _("unsloth quantizes the scales of nf4, too"), [leave_out("model.double_quantization")]
        )
    for key in ("attention", "shift_attn"):
        if model.get(key, "auto") not in ("auto", False):
            raise _refusal(
                _("unsloth chooses by itself how attention is computed"), [leave_out(f"model.{key}")]
            )
    if model.get("mixture_of_depths"):
        raise _refusal(
            _("unsloth lets every token pass through all layers"), [leave_out("model.mixture_of_depths")]
        )
    if model.get("pure_bf16"):
        raise _refusal(
            _("unsloth chooses by itself in what precision weights are trained"),
            [leave_out("model.pure_bf16")],
        )
    if model.get("liger_kernel"):
        raise _refusal(_("unsloth has kernels of its own"), [leave_out("model.liger_kernel")])
    if model.get("adapters") and not model.get("merge_adapters", True):
        raise _refusal(
            _("unsloth trains no adapter on top of others"), [change_to("model.merge_adapters", True)]
        )
    if model.get("rope_scaling") == "dynamic":
        raise _refusal(
            _("unsloth does not know rope_scaling: dynamic"), [change_to("model.rope_scaling", "yarn")]
        )


def check_method(method: Method) -> None:
    """Raise ValueError if Unsloth does not train these weights."""
    if isinstance(method, FullMethod):
        return
    if not isinstance(method, LoraMethod):
        raise _refusal(
            _(
                "unsloth trains adapters of LoRA or all weights, not {name}",
                name=getattr(method, "peft_type", method.type),
            ),
            [change_to("method.type", "lora")],
        )
    if method.init_lora_weights == "eva":
        raise _refusal(
            _("init_lora_weights: eva reads the inputs of layers, which unsloth does not show"),
            [leave_out("method.init_lora_weights")],
        )
    named = [] if method.target_modules == "all-linear" else method.target_modules
    if ends := [name for name in named if name.rsplit(".", 1)[-1] in _ENDS]:
        raise _refusal(
            _("unsloth trains {name} whole, without adapters: name it in modules_to_save", name=ends[0]),
            [leave_out("method.target_modules")],
        )


def check_objective(objective: Objective) -> None:
    """Raise ValueError if Unsloth does not load what the objective trains."""
    if isinstance(objective, RewardObjective):
        raise _refusal(_("unsloth trains no reward models"), [])


def check_training(training: TrainingConfig) -> None:
    """Raise ValueError if Unsloth does not compute so."""
    if training.fp8:
        raise _refusal(
            _("{name} multiplies weights itself, not in fp8", name="unsloth"), [leave_out("training.fp8")]
        )


def _refusal(reason: str, changes: list[Change]) -> ValueError:
    return ValueError(
        reason, _("change it, or leave model.backend out"), [*changes, leave_out("model.backend")]
    )
