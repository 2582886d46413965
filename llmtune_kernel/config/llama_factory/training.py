"""How a file trains: its steps, when it evaluates and saves, and its optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from llmtune_kernel.config.llama_factory.arguments import ITS_STEPS, OF_OPTIMIZER
from llmtune_kernel.config.llama_factory.names import names
from llmtune_kernel.config.llama_factory.reasons import OTHER_TRACKER
from llmtune_kernel.config.llama_factory.translation import Translation
from llmtune_kernel.config.training import OTHER_TRACKERS
from llmtune_kernel.locale import _, look_up

_EVERY = ("logging_steps", "eval_steps", "save_steps")


def translate_training(given: Mapping[str, Any], found: Translation) -> None:
    """Translate the arguments of transformers' trainer that are not simply ours."""
    if given.get("max_steps", -1) != -1:
        found.put("training.max_steps", given["max_steps"], "max_steps")
    for name, wanted in (("gradient_checkpointing", True), ("disable_gradient_checkpointing", False)):
        if given.get(name):
            found.put("training.gradient_checkpointing", wanted, name)
    if given.get("use_unsloth_gc"):
        if first := found.origins.get(("training", "gradient_checkpointing")):
            found.without_effect["use_unsloth_gc"] = _("{name} goes first", name=first)
        else:
            found.put("training.gradient_checkpointing", True, "use_unsloth_gc")
    _warm_up(given, found)
    _evaluation(given, found)
    _saving(given, found)
    if given.get("load_best_model_at_end"):
        _best(given, found)
    _shares_of_steps(given, found)
    _trackers(given, found)
    _optimizer(given, found)
    _optimizer_of_deepspeed(given, found)


def _trackers(given: Mapping[str, Any], found: Translation) -> None:
    wanted = names(given.get("report_to") or "none")
    if len(supported := [name for name in wanted if name not in OTHER_TRACKERS]) < len(wanted):
        found.without_effect["report_to"] = look_up(OTHER_TRACKER)
    if "report_to" in given and supported:
        found.put("tracking.report_to", supported, "report_to")


def _warm_up(given: Mapping[str, Any], found: Translation) -> None:
    """A number below 1 is a share of all steps; steps go before `warmup_ratio`, as there."""
    steps = given.get("warmup_steps", 0)
    if not steps:
        return
    found.drop("training.warmup_ratio")
    if given.get("warmup_ratio"):
        found.without_effect["warmup_ratio"] = _("{name} goes first", name="warmup_steps")
    share = isinstance(steps, float) and steps < 1
    found.put("training.warmup_ratio" if share else "training.warmup_steps", steps, "warmup_steps")


def _evaluation(given: Mapping[str, Any], found: Translation) -> None:
    strategy = given.get("eval_strategy") or "no"
    if strategy == "steps":
        found.used.add("eval_strategy")
        if not given.get("eval_steps"):
            every = given.get("logging_steps", ITS_STEPS)
            found.put("training.eval_steps", every, "logging_steps" if "logging_steps" in given else "")
        return
    found.drop("training.eval_steps")
    if "eval_steps" in given:
        found.without_effect["eval_steps"] = _("only {name} uses it", name="eval_strategy: steps")
    if strategy == "epoch":
        found.used.add("eval_strategy")  # as it is here without eval_steps
    elif strategy != "no":
        found.refuse("eval_strategy", _("{name} is not supported", name=strategy), _("take steps or epoch"))
    elif "eval_strategy" in given:
        found.without_effect["eval_strategy"] = (
            _("what there is to evaluate on is evaluated once an epoch; that changes no training")
            if given.get("eval_dataset") or given.get("val_size")
            else _("there is nothing to evaluate on")
        )


def _saving(given: Mapping[str, Any], found: Translation) -> None:
    strategy = given.get("save_strategy", "steps") or "no"
    if strategy not in ("steps", "epoch", "no"):
        hint = _("take steps or epoch")
        found.refuse("save_strategy", _("{name} is not supported", name=strategy), hint)
        return
    found.used.add("save_strategy")
    if strategy == "epoch":
        found.put("training.save_strategy", "epoch", "save_strategy")
    if strategy != "steps":
        found.drop("training.save_steps")
        if "save_steps" in given:
            found.without_effect["save_steps"] = _("only {name} uses it", name="save_strategy: steps")


def _best(given: Mapping[str, Any], found: Translation) -> None:
    metric = str(given.get("metric_for_best_model") or "loss")
    for name, is_ours in (
        ("metric_for_best_model", metric.removeprefix("eval_") == "loss"),
        ("greater_is_better", not given.get("greater_is_better")),
    ):
        if name in given and is_ours:
            found.without_effect[name] = _("it is always so here")
        elif name in given:
            found.refuse(name, _("the best weights are those with the lowest loss"), _("leave it out"))


def _shares_of_steps(given: Mapping[str, Any], found: Translation) -> None:
    """Numbers below 1 are shares of all steps, rounded up."""
    most = given.get("max_steps", -1)
    for name in _EVERY:
        share = found.values.get("training", {}).get(name)
        if not isinstance(share, float) or not 0 < share < 1:
            continue
        if isinstance(most, int) and most > 0:
            found.put(f"training.{name}", math.ceil(most * share), name)
        else:
            found.refuse(name, _("a share of all steps needs max_steps"), _("write a number of steps"))


def translate_ppo_steps(given: Mapping[str, Any], found: Translation) -> None:
    """A step of its stage ppo is one of all passes over new answers."""
    steps = given.get("ppo_epochs", 4), given.get("ppo_buffer_size", 1)
    for name in ("max_steps", "warmup_steps", *_EVERY):
        count = found.values.get("training", {}).get(name)
        if all(isinstance(one, int) for one in (count, *steps)):
            found.put(f"training.{name}", count * math.prod(steps), name)


def _optimizer(given: Mapping[str, Any], found: Translation) -> None:
    if "optim_target_modules" in given:
        targets = names(given["optim_target_modules"])
        value = "all-linear" if targets == ["all-linear"] else targets
        found.put("training.optim_target_modules", value, "optim_target_modules")
    chosen = [switch for switch in OF_OPTIMIZER if given.get(switch)]
    if len(chosen) > 1:
        found.refuse(chosen[1], _("{name} is another optimizer", name=chosen[0]), _("keep one of the two"))
    for switch in chosen[:1]:
        optim = _optimizer_name(switch, given, found)
        if optim is None:
            continue
        found.put("training.optim", optim, switch)
        settings = {ours: given.get(its, usual) for its, (ours, usual) in OF_OPTIMIZER[switch].items()}
        if settings:
            found.put("training.optim_args", settings, switch)
        family = switch.removeprefix("use_")
        targets = names(given.get(f"{family}_target", "all"))
        if targets != ["all"] and family in ("galore", "apollo"):
            found.put("training.optim_target_modules", targets, f"{family}_target")


def _optimizer_of_deepspeed(given: Mapping[str, Any], found: Translation) -> None:
    """Its configuration may stand in the file itself, and say more than how work is shared out."""
    settings = given.get("deepspeed")
    named = {"optimizer", "scheduler"} & settings.keys() if isinstance(settings, dict) else ()
    for name in sorted(named)[:1]:
        hint = _("write it as optim, learning_rate, weight_decay, lr_scheduler_type and warmup_steps")
        found.refuse("deepspeed", _("what it says under {name} is not read", name=name), hint)


def _optimizer_name(switch: str, given: Mapping[str, Any], found: Translation) -> str | None:
    """Our name of an optimizer that is switched on; None if it is refused."""
    family, base = switch.removeprefix("use_"), str(given.get("optim", "adamw_torch"))
    if family in ("muon", "adam_mini"):
        return family
    if family == "badam":
        mode = given.get("badam_mode", "layer")
        if mode != "layer":
            found.refuse("badam_mode", _("{name} is not supported", name=mode), _("take layer"))
            return None
        return family
    layerwise = "_layerwise" if given.get(f"{family}_layerwise") else ""
    kind = "adafactor" if base == "adafactor" else "adamw_8bit" if "8bit" in base else "adamw"
    if family == "apollo" and kind != "adamw":
        found.refuse("optim", _("{name} is not supported with use_apollo", name=base), _("take adamw_torch"))
        return None
    return f"{family}_{kind}{layerwise}"
