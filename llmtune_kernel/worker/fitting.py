"""What would make a run fit into the memory of a device? The cheapest changes first."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import JsonValue

from llmtune_kernel.config import PeftMethod, RunConfig, UserError, config_from_dict
from llmtune_kernel.config.optimizers import AT_ONCE, ON_WEIGHTS, OPTIMIZERS, OptimizerName
from llmtune_kernel.config.peft_types import NEEDS_ACTIVATIONS
from llmtune_kernel.depths import is_routed
from llmtune_kernel.locale import _
from llmtune_kernel.runs.wording import size, ways_to_fit
from llmtune_kernel.worker.estimating import Estimator, Hardware, this_machine

_SHORTEST = 64  # tokens; no shorter maximum length is offered
_ENOUGH = 3
_MOST_CHANGES = 4  # at once

Settings = dict[str, JsonValue]
# What only optimizers of weights take, as it is otherwise.
_SET_BACK: Settings = {"training.optim_args": {}, "training.optim_target_modules": "all-linear"}


@dataclass(frozen=True)
class _Level:
    """Settings to write, by dotted key, and how many of the tokens of the largest batch they leave."""

    settings: Settings
    share: float = 1.0


_Levels = tuple[_Level, ...]


@dataclass(frozen=True)
class Solution:
    """Settings that make a run fit, by dotted key, and what it takes then, in bytes."""

    settings: Settings
    memory: int


def solutions(
    config: RunConfig, estimator: Estimator, hardware: Hardware, check_cancelled: Callable[[], None]
) -> list[Solution]:
    """Up to three ways to make a run fit, the cheapest first; none if nothing does.

    Cheap is what changes little: first what gives the same result in more time, then what loses precision, then what
    loses text, then another method; one change before two.

    Args:
        check_cancelled: Called before each estimate; may raise to interrupt.
    """

    def fitting(levels: _Levels) -> Solution | None:
        check_cancelled()
        return _fitting(levels, config, estimator, hardware)

    routed = is_routed(estimator.model(config, hardware))  # which adapters do not go with
    remedies = [levels for levels in _remedies(config, hardware, routed) if levels]
    found: list[tuple[set[int], Solution]] = []
    with contextlib.suppress(UserError):  # then what excludes each other does not say that nothing helps
        if _tried(_strongest(remedies), config, estimator, hardware).memory > hardware.free:
            return []
    for count in range(1, min(_MOST_CHANGES, len(remedies)) + 1):
        for chosen in itertools.combinations(range(len(remedies)), count):
            if len(found) == _ENOUGH:
                break
            if any(earlier <= set(chosen) for earlier, _solution in found):
                continue
            solution = _mildest([remedies[number] for number in chosen], fitting)
            if solution is not None:
                found.append((set(chosen), solution))
    return [solution for _chosen, solution in found]


def too_little_memory(config: RunConfig, estimator: Estimator) -> UserError:
    """What is to be said where memory ran out on this machine: how much the run needs, and what needs less."""
    here = this_machine(config)
    needed = estimator.estimate(config, here).total
    # What it needs was not there, whatever is said to be free.
    less = dataclasses.replace(here, free=min(here.free, needed - 1))
    ways = solutions(config, estimator, less, lambda: None)
    what = _(
        "Memory ran out: the run needs about {needed}, and {free} are free.",
        needed=size(needed),
        free=size(here.free),
    )
    return UserError(what, here.name, ways_to_fit(told(ways)))


def told(ways: Sequence[Solution]) -> list[dict[str, Any]]:
    """Of each way its `settings` and `memory`, as an answer of a worker."""
    return [vars(way) for way in ways]


def _mildest(remedies: list[list[_Level]], fitting: Callable[[_Levels], Solution | None]) -> Solution | None:
    """All of these remedies, each as mild as will do; None if they will not."""
    strongest = tuple(levels[-1] for levels in remedies)
    best = fitting(strongest)
    if best is None:
        return None
    for levels in itertools.product(*remedies):
        if levels != strongest and (milder := fitting(levels)):
            return milder
    return best


def _fitting(levels: _Levels, config: RunConfig, estimator: Estimator, hardware: Hardware) -> Solution | None:
    keys = [key for level in levels for key in level.settings]
    if len(set(keys)) < len(keys):
        return None
    try:
        found = _tried(levels, config, estimator, hardware)
    except UserError:  # settings that exclude each other, or the model
        return None
    return found if found.memory <= hardware.free else None


def _strongest(remedies: list[list[_Level]]) -> _Levels:
    """All remedies at their strongest; of those that write the same setting the last one."""
    kept: list[_Level] = []
    for *_milder, level in reversed(remedies):
        if not any(level.settings.keys() & other.settings.keys() for other in kept):
            kept.append(level)
    return tuple(kept)


def _tried(levels: _Levels, config: RunConfig, estimator: Estimator, hardware: Hardware) -> Solution:
    """What a run takes with these changes, which write no setting twice.

    Raises:
        UserError: they exclude each other, or the model.
    """
    settings: Settings = {}
    share = 1.0
    for level in levels:
        settings |= level.settings
        share *= level.share
    if "model.dtype" in settings:
        hardware = dataclasses.replace(hardware, dtype=getattr(torch, str(settings["model.dtype"])))
    return Solution(settings, estimator.estimate(_with(config, settings), hardware, share).total)


def _with(config: RunConfig, settings: Settings) -> RunConfig:
    """The configuration with other settings; another method begins with its defaults."""
    values = config.model_dump(mode="json", exclude_unset=True)
    for key, value in settings.items():
        section, name = key.split(".")
        values[section] = {name: value} if name == "type" else {**values.get(section, {}), name: value}
    return config_from_dict(values, "")


def _remedies(config: RunConfig, hardware: Hardware, routed: bool) -> Iterator[list[_Level]]:
    """What takes less memory, the cheapest first, each from mild to strong."""
    training, method, model = config.training, config.method, config.model
    yield list(_smaller_batches(config))
    needs_all = isinstance(method, PeftMethod) and method.peft_type in NEEDS_ACTIVATIONS
    if training.gradient_checkpointing is not True and not needs_all:
        yield [_Level({"training.gradient_checkpointing": True})]
    if hardware.is_gpu and not training.activation_offloading:
        yield [_Level({"training.activation_offloading": True})]
    yield [_Level({"training.optim": name}) for name in _smaller_optimizers(config)]
    if hardware.is_gpu and hardware.dtype == torch.float32 and model.dtype == "auto":
        yield [_Level({"model.dtype": "float16"})]
    if hardware.dtype == torch.bfloat16 and not method.has_adapter and not model.pure_bf16:
        yield [_Level({"model.dtype": "bfloat16", "model.pure_bf16": True})]
    if model.quantization == "none" and method.has_adapter:
        yield from ([_Level({"model.quantization": bits})] for bits in ("int8", "nf4"))
    yield list(_shorter(config.data.max_length))
    if not (method.has_adapter or routed):
        adapter: Settings = {"method.type": "lora"}
        if training.optim in ON_WEIGHTS:
            adapter |= {"training.optim": "adamw_torch"}
            adapter |= {key: value for key, value in _SET_BACK.items() if _is_set(config, key)}
        yield [_Level(adapter), _Level({**adapter, "model.quantization": "nf4"})]


def _smaller_optimizers(config: RunConfig) -> Sequence[OptimizerName]:
    """Those that keep less of each weight, from mild to strong."""
    now = OPTIMIZERS[config.training.optim]
    if not now.moments:
        return ()
    return ("adamw_8bit", "adafactor") if now.bits > 8 else ("adafactor",)


def _is_set(config: RunConfig, key: str) -> bool:
    section, name = key.split(".")
    return name in getattr(config, section).model_fields_set


def _smaller_batches(config: RunConfig) -> Iterator[_Level]:
    """Half the batch, a quarter and so on, with as many more of them in an update."""
    whole, passes = config.training.per_device_train_batch_size, config.training.gradient_accumulation_steps
    size = whole // 2
    while size:
        settings: Settings = {"training.per_device_train_batch_size": size}
        if config.training.optim not in AT_ONCE:
            settings["training.gradient_accumulation_steps"] = passes * whole // size
        yield _Level(settings, size / whole)
        size //= 2


def _shorter(length: int) -> Iterator[_Level]:
    shorter = length // 2
    while shorter >= _SHORTEST:
        yield _Level({"data.max_length": shorter}, shorter / length)
        shorter //= 2
