"""Optimizers: what each needs, keeps in memory, and lets one set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator

from llmtune_kernel.config.sources import closest
from llmtune_kernel.locale import _

OptimizerName = Literal[
    "adamw_torch",
    "adamw_torch_fused",
    "adafactor",
    "sgd",
    "adagrad",
    "rmsprop",
    "muon",
    "adam_mini",
    "badam",
    "galore_adamw",
    "galore_adamw_8bit",
    "galore_adafactor",
    "galore_adamw_layerwise",
    "galore_adamw_8bit_layerwise",
    "galore_adafactor_layerwise",
    "apollo_adamw",
    "apollo_adamw_layerwise",
    "adamw_8bit",
    "adamw_bnb_8bit",
    "paged_adamw_8bit",
    "paged_adamw_32bit",
    "ademamix",
    "ademamix_8bit",
    "paged_ademamix_32bit",
    "paged_ademamix_8bit",
    "lion_32bit",
    "lion_8bit",
    "paged_lion_32bit",
    "paged_lion_8bit",
    "rmsprop_bnb",
    "rmsprop_bnb_8bit",
    "rmsprop_bnb_32bit",
    "adamw_torch_8bit",
    "adamw_torch_4bit",
    "lomo",
    "adalomo",
    "grokadamw",
    "schedule_free_adamw",
    "schedule_free_radam",
    "schedule_free_sgd",
    "stable_adamw",
    "adamw_anyprecision",
    "adamw_torch_xla",
    "adamw_torch_npu_fused",
]
Value = bool | int | float | str
# What can be set: by name the value that it has otherwise, or the words to choose from, first that one.
Settings = Mapping[str, Value | tuple[str, ...]]

_PROJECTIONS = ("std", "reverse_std", "right", "left", "full")
_GALORE: Settings = {"rank": 128, "update_proj_gap": 200, "scale": 0.25, "proj_type": _PROJECTIONS}
_APOLLO: Settings = {
    "rank": 128,
    "update_proj_gap": 200,
    "scale": 1.0,
    "proj": ("random", "svd"),
    "proj_type": _PROJECTIONS[:-1],
    "scale_type": ("channel", "tensor"),
}
_ADEMAMIX: Settings = {"beta3": 0.9999, "alpha": 5.0}
_SCHEDULE_FREE: Settings = {"weight_lr_power": 2.0, "r": 0.0}


@dataclass(frozen=True)
class Optimizer:
    """What is to be known of an optimizer.

    Attributes:
        moments: How many values it keeps for each trained weight.
        bits: Of these values.
        package: To install for it, if anything.
        settings: What `optim_args` may hold.
        betas: Whether it is set by `adam_beta1` and `adam_beta2`.
        decays: Whether it knows weight decay.
    """

    moments: int
    bits: int = 32
    package: str | None = None
    settings: Settings = field(default_factory=dict)
    betas: bool = False
    decays: bool = True


def _adam(bits: int = 32, package: str | None = None, settings: Settings | None = None) -> Optimizer:
    return Optimizer(2, bits, package, settings or {}, betas=True)


_BNB = "bitsandbytes"
OPTIMIZERS: dict[OptimizerName, Optimizer] = {
    "adamw_torch": _adam(),
    "adamw_torch_fused": _adam(),
    "adafactor": Optimizer(0),
    "sgd": Optimizer(0, settings={"momentum": 0.0, "dampening": 0.0, "nesterov": False}),
    "adagrad": Optimizer(1, settings={"lr_decay": 0.0, "eps": 1e-10}),
    "rmsprop": Optimizer(1, settings={"momentum": 0.0, "alpha": 0.99, "eps": 1e-8, "centered": False}),
    "muon": Optimizer(1, settings={"momentum": 0.95, "nesterov": True, "ns_steps": 5}, betas=True),
    "adam_mini": Optimizer(1, package="adam-mini", betas=True),
    "badam": _adam(
        settings={"switch_mode": ("ascending", "descending", "random", "fixed"), "switch_every": 50}
    ),
    "galore_adamw": _adam(32, "galore-torch", _GALORE),
    "galore_adamw_8bit": _adam(8, "galore-torch", _GALORE),
    "galore_adafactor": Optimizer(0, 32, "galore-torch", _GALORE),
    "galore_adamw_layerwise": _adam(32, "galore-torch", _GALORE),
    "galore_adamw_8bit_layerwise": _adam(8, "galore-torch", _GALORE),
    "galore_adafactor_layerwise": Optimizer(0, 32, "galore-torch", _GALORE),
    "apollo_adamw": _adam(32, "apollo-torch", _APOLLO),
    "apollo_adamw_layerwise": _adam(32, "apollo-torch", _APOLLO),
    "adamw_8bit": _adam(8, _BNB),
    "adamw_bnb_8bit": _adam(8, _BNB),
    "paged_adamw_8bit": _adam(8, _BNB),
    "paged_adamw_32bit": _adam(32, _BNB),
    "ademamix": Optimizer(3, 32, _BNB, _ADEMAMIX, betas=True),
    "ademamix_8bit": Optimizer(3, 8, _BNB, _ADEMAMIX, betas=True),
    "paged_ademamix_32bit": Optimizer(3, 32, _BNB, _ADEMAMIX, betas=True),
    "paged_ademamix_8bit": Optimizer(3, 8, _BNB, _ADEMAMIX, betas=True),
    "lion_32bit": Optimizer(1, 32, _BNB, betas=True),
    "lion_8bit": Optimizer(1, 8, _BNB, betas=True),
    "paged_lion_32bit": Optimizer(1, 32, _BNB, betas=True),
    "paged_lion_8bit": Optimizer(1, 8, _BNB, betas=True),
    "rmsprop_bnb": Optimizer(1, 32, _BNB),
    "rmsprop_bnb_8bit": Optimizer(1, 8, _BNB),
    "rmsprop_bnb_32bit": Optimizer(1, 32, _BNB),
    "adamw_torch_8bit": _adam(8, "torchao"),
    "adamw_torch_4bit": _adam(4, "torchao"),
    "lomo": Optimizer(0, 32, "lomo-optim", decays=False),
    "adalomo": Optimizer(0, 32, "lomo-optim", decays=False),
    "grokadamw": Optimizer(
        3,
        package="grokadamw",
        settings={"alpha_init": 0.98, "lamb": 2.0, "gamma": 0.1, "grokking_signal_decay_rate": 0.1},
        betas=True,
    ),
    "schedule_free_adamw": _adam(32, "schedulefree", _SCHEDULE_FREE),
    "schedule_free_radam": _adam(32, "schedulefree", _SCHEDULE_FREE),
    "schedule_free_sgd": Optimizer(1, 32, "schedulefree", _SCHEDULE_FREE),
    "stable_adamw": _adam(32, "torch-optimi"),
    "adamw_anyprecision": _adam(32, "torchdistx"),
    "adamw_torch_xla": _adam(32, "torch-xla"),
    "adamw_torch_npu_fused": _adam(32, "torch-npu"),
}
assert set(OPTIMIZERS) == set(get_args(OptimizerName))

WITH_SETTINGS = [name for name, one in OPTIMIZERS.items() if one.settings]
WITH_BETAS = [name for name, one in OPTIMIZERS.items() if one.betas]
WITH_EPSILON = [name for name in WITH_BETAS if "lion" not in name]
# They keep the state of chosen matrices in few dimensions.
LOW_RANK = [name for name in OPTIMIZERS if name.startswith(("galore", "apollo"))]
LAYERWISE = [name for name in LOW_RANK if name.endswith("layerwise")]
# They update a weight as soon as its gradient is there, which no other batch can then add to.
AT_ONCE = [*LAYERWISE, "lomo", "adalomo"]
# Their libraries hold what they keep on an NVIDIA GPU.
ON_CUDA = ["galore_adamw_8bit", "galore_adamw_8bit_layerwise", "adalomo"]
# They make groups of weights of their own.
NO_GROUPS = [*LOW_RANK, "badam", "lomo", "adalomo", "muon", "adam_mini", "grokadamw"]
# What they do is for weights, of which adapters are but a small part.
ON_WEIGHTS = [*LOW_RANK, "badam", "lomo", "adalomo"]


def check_settings(name: OptimizerName, given: Mapping[str, Value]) -> None:
    """Raise ValueError, with what is wrong and how to mend it, if an optimizer does not take these settings."""
    known = OPTIMIZERS[name].settings
    for key, value in given.items():
        if key not in known:
            what = _("{optimizer} has no setting {key!r}", optimizer=name, key=key)
            raise ValueError(what, closest(key, tuple(known)) if known else _("leave optim_args out"))
        default = known[key]
        if isinstance(default, tuple):
            if value not in default:
                raise ValueError(
                    _("{key} cannot be {value!r}", key=key, value=value),
                    _("take one of {words}", words=", ".join(default)),
                )
        elif not _is_like(value, default):
            raise ValueError(
                _("{key} cannot be {value!r}", key=key, value=value),
                _("write a value like {value}", value=str(default).lower()),
            )


def _is_like(value: Value, default: Value) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int):
        return isinstance(value, int) and value >= 1
    return isinstance(value, int | float) and value >= 0


def settings(name: OptimizerName, given: Mapping[str, Value]) -> dict[str, Value]:
    """All settings of an optimizer, those that were not given as they are otherwise."""
    usual = {
        key: value[0] if isinstance(value, tuple) else value
        for key, value in OPTIMIZERS[name].settings.items()
    }
    # A whole number where a real one is meant is a real one.
    return usual | {
        key: float(value) if isinstance(usual[key], float) else value for key, value in given.items()
    }


def _from_text(value: object) -> object:
    """Settings as transformers has them, `rank=64, scale=0.5`, as a mapping."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.replace(" ", "").split(",") if part]
    if not all(key and text for key, _equals, text in pairs):
        raise ValueError(_("settings are pairs of a name and a value"), _("write {{rank: 64, scale: 0.5}}"))
    return {key: _parsed(text) for key, _equals, text in pairs}


def _parsed(text: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


OptimizerSettings = Annotated[dict[str, Value], BeforeValidator(_from_text)]
