"""LLaMA-Factory's files: its flat arguments in our sections, those without effect listed, the others refused."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmtune_kernel.config.llama_factory_arguments import (
    ITS_DEFAULTS,
    ITS_KL_COEF,
    ITS_PPO_DEFAULTS,
    LISTS,
    NO_EFFECT,
    NO_THINKING,
    OF_METHOD,
    OF_OPTIMIZER,
    OF_SFT_HERE,
    OF_STAGE,
    REFERENCE,
    REFUSED,
    SAME,
    SWITCHES,
    TEMPLATES,
    TRANSLATED,
    USED_WITH,
    WITH_ADAPTER,
)
from llmtune_kernel.config.objectives import WITHOUT_REFERENCE
from llmtune_kernel.config.problems import Path, Problem
from llmtune_kernel.config.quantizations import QuantizationName
from llmtune_kernel.locale import _, look_up

_STAGES = {"pt": "pretrain", "sft": "sft", "dpo": "dpo", "kto": "kto", "rm": "reward", "ppo": "ppo"}
_ATTENTION = {
    "auto": "auto",
    "sdpa": "sdpa",
    "disabled": "eager",
    "fa2": "flash_attention_2",
    "fa3": "flash_attention_3",
}
_MARKS = {"stage", "finetuning_type", "dataset", "template", "do_train", "adapter_name_or_path", "export_dir"}


@dataclass
class Translation:
    """A file in our terms.

    Attributes:
        values: Our sections.
        origins: By the path of each of our values the argument that it is from; "" for what the file leaves out.
        without_effect: Arguments that change nothing, each with the reason.
        problems: As (argument, message, hint): what cannot be translated.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    without_effect: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    def put(self, path: str, value: Any, argument: str = "") -> None:
        """Set one of our values."""
        section, key = path.split(".")
        self.values.setdefault(section, {})[key] = value
        self.origins[section, key] = argument
        self.origins.setdefault((section,), argument)

    def refuse(self, argument: str, message: str, hint: str = "") -> None:
        """Say that an argument cannot be translated."""
        self.problems.append((argument, message, hint))

    def located(self, lines: Mapping[Path, int]) -> tuple[list[Problem], dict[Path, int]]:
        """The problems, and the lines of our values, by the lines of the arguments."""
        problems = [
            Problem(lines.get((argument,)), argument, message, hint)
            for argument, message, hint in self.problems
        ]
        places = {path: lines[argument,] for path, argument in self.origins.items() if (argument,) in lines}
        return problems, places


def is_llama_factory(values: object) -> bool:
    """Whether the values of a YAML text are LLaMA-Factory's."""
    return isinstance(values, dict) and "model_name_or_path" in values and bool(_MARKS & values.keys())


def translate(arguments: Mapping[str, Any]) -> Translation:
    """Translate the arguments of a file; all that cannot be is in its problems."""
    given = {name: value for name, value in arguments.items() if value is not None}
    found = Translation()
    for foreign in _for_another_command(given):
        found.refuse(*foreign)
        return found
    stage, method = str(given.get("stage", "sft")), str(given.get("finetuning_type", "lora"))
    if stage not in _STAGES:
        hint = _("these are supported: {names}", names=", ".join(_STAGES))
        found.refuse("stage", _("{name} is not supported yet", name=stage), hint)
    if method not in OF_METHOD:
        hint = _("these are supported: {names}", names=", ".join(OF_METHOD))
        found.refuse("finetuning_type", _("{name} is not supported yet", name=method), hint)
    if found.problems:
        return found
    found.put("objective.type", _STAGES[stage], "stage")
    found.put("method.type", method, "finetuning_type")
    if method == "lora":
        _adapters(given, found)
    _same(given, found, stage, method)
    _sft(given, found, stage)
    _model(given, found)
    _data(given, found)
    if method == "lora":
        _lora(given, found)
    _training(given, found)
    if stage == "ppo":
        _ppo(given, found)
    if "ref_model" in OF_STAGE[stage]:
        _reference(given, found)
    _optimizer(given, found)
    _rest(given, found, stage, method)
    return found


def _for_another_command(given: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    hint = _("write the configuration of a run, with a dataset")
    if "export_dir" in given:
        yield (
            "export_dir",
            _("this file is for llmtune export, which merges and exports and does not exist yet"),
            hint,
        )
    elif "dataset" not in given:
        if "infer_backend" in given or "adapter_name_or_path" in given:
            message = _("this file is for talking to a model: llmtune sample and %%sample do that")
            yield "model_name_or_path", message, hint
        else:
            yield (
                "model_name_or_path",
                _("this LLaMA-Factory file names no dataset"),
                _("write dataset: NAME"),
            )


def _same(given: Mapping[str, Any], found: Translation, stage: str, method: str) -> None:
    ours = {**SAME, **OF_METHOD[method], **OF_STAGE[stage]}
    for name, value in {**ITS_DEFAULTS, **given}.items():
        path = ours.get(name, "")
        own = "adapter" in found.values["method"] and name in OF_METHOD["lora"].keys() - WITH_ADAPTER
        if path and name not in LISTS and not own and not _lacks(name, given):
            found.put(path, value, name if name in given else "")
    if given.get("pref_loss") == "kto_pair":
        hint = _("take stage: kto, or another loss")
        found.refuse("pref_loss", _("LLaMA-Factory trains sigmoid in place of kto_pair"), hint)
    if isinstance(given.get("val_size"), int | float) and given["val_size"] >= 1:
        found.refuse(
            "val_size", _("a number of rows is not supported"), _("write a share of the rows, such as 0.1")
        )


def _lacks(name: str, given: Mapping[str, Any]) -> str:
    """Without what an argument changes nothing; empty where that is there."""
    needed, value = USED_WITH.get(name, ("", None))
    return f"{needed}: {str(value).lower()}" if needed and given.get(needed) != value else ""


def _sft(given: Mapping[str, Any], found: Translation, stage: str) -> None:
    if stage != "sft":
        for name in OF_SFT_HERE:
            if given.get(name):
                found.refuse(name, _("only stage: sft has it here"), _("leave it out"))
        return
    losses = [loss for loss in ("dft", "eaft", "asft") if given.get(f"use_{loss}_loss") is True]
    for loss in losses[:1]:
        found.put("objective.loss", loss, f"use_{loss}_loss")
    for loss in losses[1:]:
        found.without_effect[f"use_{loss}_loss"] = _("{name} goes first", name=f"use_{losses[0]}_loss")


def _model(given: Mapping[str, Any], found: Translation) -> None:
    if given.get("model_revision", "main") != "main":
        found.put("model.revision", given["model_revision"], "model_revision")
    added = [name for name in ("add_tokens", "add_special_tokens") if given.get(name)]
    for name in added[:1]:
        found.put("model.add_tokens", _names(given[name]), name)
    for name in added[1:]:
        hint = _("write all of them there")
        found.refuse(name, _("{name} names new tokens as well", name=added[0]), hint)
    attention = str(given.get("flash_attn", "auto"))
    if attention in _ATTENTION and given.get("shift_attn") is True:
        found.without_effect["flash_attn"] = _("shift_attn has an attention of its own")
    elif attention in _ATTENTION:
        if attention != "auto":
            found.put("model.attention", _ATTENTION[attention], "flash_attn")
    else:
        hint = _("take one of {names}", names=", ".join(_ATTENTION))
        found.refuse("flash_attn", _("{name} is not supported yet", name=attention), hint)
    for name in ("enable_liger_kernel", "use_liger_kernel"):
        if given.get(name) is True:
            found.put("model.liger_kernel", True, name)
    for name, dtype in (("bf16", "bfloat16"), ("fp16", "float16"), ("pure_bf16", "bfloat16")):
        if given.get(name) is True:
            found.put("model.dtype", dtype, name)
    if "quantization_bit" in given:
        _quantization(given, found)


# The quantizations of each `quantization_method` by the bits that it can take.
_BITS_AND_BYTES: dict[int, QuantizationName] = {4: "nf4", 8: "int8"}
_QUANTIZATIONS: dict[str, dict[int, QuantizationName]] = {
    "bnb": _BITS_AND_BYTES,
    "bitsandbytes": _BITS_AND_BYTES,
    "hqq": {1: "hqq1", 2: "hqq2", 3: "hqq3", 4: "hqq4", 5: "hqq5", 6: "hqq6", 8: "hqq8"},
    "eetq": {8: "eetq8"},
}


def _quantization(given: Mapping[str, Any], found: Translation) -> None:
    library, bits = given.get("quantization_method", "bnb"), given["quantization_bit"]
    if library not in _QUANTIZATIONS:
        hint = _("take one of {names}", names=", ".join(_QUANTIZATIONS))
        found.refuse("quantization_method", _("{name} is not supported yet", name=library), hint)
    elif bits not in _QUANTIZATIONS[library]:
        hint = _("take one of {names}", names=", ".join(map(str, _QUANTIZATIONS[library])))
        found.refuse("quantization_bit", _("{name} is not supported yet", name=bits), hint)
    else:
        kind = _QUANTIZATIONS[library][bits]
        if kind == "nf4":
            kind = given.get("quantization_type", kind)
            if given.get("double_quantization") is False:
                found.put("model.double_quantization", False, "double_quantization")
        else:
            for name in {"quantization_type", "double_quantization"} & given.keys():
                found.without_effect[name] = _("only 4 bits of bitsandbytes have it")
        found.put("model.quantization", kind, "quantization_bit")


def _data(given: Mapping[str, Any], found: Translation) -> None:
    for name, key in (("dataset", "train"), ("eval_dataset", "eval")):
        if name in given:
            names = _names(given[name])
            found.put(f"data.{key}", names[0] if len(names) == 1 else names, name)
    template = str(given.get("template", ""))
    plain = template.removesuffix(NO_THINKING)
    if plain in TEMPLATES:
        found.put("data.template", TEMPLATES[plain] or plain, "template")
    elif template:
        found.without_effect["template"] = _("the model's own chat template is taken")
    if template.endswith(NO_THINKING) or given.get("enable_thinking") is False:
        found.put(
            "data.enable_thinking", False, "template" if template.endswith(NO_THINKING) else "enable_thinking"
        )
    if given.get("preserve_thinking") is True:
        found.put("data.keep_thinking", True, "preserve_thinking")
    for name in ("packing", "neat_packing"):
        if given.get(name) is True or (name == "packing" and given.get(name) is False):
            found.put("data.packing", given[name], name)


def _adapters(given: Mapping[str, Any], found: Translation) -> None:
    """Several are merged, but for the last one, which is trained on unless a new one is wanted; into quantized weights
    none is merged, and only one is taken."""
    names = _names(given.get("adapter_name_or_path", ""))
    new, quantized = given.get("create_new_adapter") is True, given.get("quantization_bit") is not None
    if quantized and len(names) > 1:
        hint = _("keep one of them, or write them with our model.adapters and merge_adapters: false")
        found.refuse("adapter_name_or_path", _("only one adapter is taken on quantized weights"), hint)
    if names and (quantized or not new):
        found.put("method.adapter", names.pop(), "adapter_name_or_path")
    if names:
        found.put("model.adapters", names, "adapter_name_or_path")
    if new:
        found.without_effect["create_new_adapter"] = (
            _("on quantized weights the adapter that is named is trained on")
            if quantized and "adapter" in found.values["method"]
            else _("what is merged is trained on by a new adapter")
        )


def _lora(given: Mapping[str, Any], found: Translation) -> None:
    if "adapter" in found.values["method"]:
        for name in OF_METHOD["lora"].keys() & given.keys() - WITH_ADAPTER:
            found.without_effect[name] = _("the adapter that is trained on has its own")
        return
    if "lora_alpha" not in given and isinstance(given.get("lora_rank"), int):
        found.put("method.lora_alpha", 2 * given["lora_rank"])  # its default
    targets = _names(given.get("lora_target", "all"))
    if targets != ["all"]:
        found.put("method.target_modules", targets, "lora_target")
    if "additional_target" in given:
        found.put("method.modules_to_save", _names(given["additional_target"]), "additional_target")
    if given.get("pissa_init") is True:
        rounds = given.get("pissa_iter", 16)
        if rounds not in (-1, 16):
            found.refuse(
                "pissa_iter",
                _("{name} is not supported yet", name=rounds),
                _("take 16, or -1 for the exact one"),
            )
        found.put("method.init_lora_weights", "pissa" if rounds == -1 else "pissa_niter_16", "pissa_init")


def _training(given: Mapping[str, Any], found: Translation) -> None:
    if given.get("max_steps", -1) != -1:
        found.put("training.max_steps", given["max_steps"], "max_steps")
    for name, key in (
        ("freeze_trainable_modules", "trainable_modules"),
        ("freeze_extra_modules", "extra_modules"),
    ):
        if name in given and found.values["method"]["type"] == "freeze":
            modules = _names(given[name])
            found.put(f"method.{key}", "all" if modules == ["all"] else modules, name)
    for name, wanted in (("gradient_checkpointing", True), ("disable_gradient_checkpointing", False)):
        if given.get(name) is True:
            found.put("training.gradient_checkpointing", wanted, name)
    strategy = given.get("eval_strategy")
    if strategy == "no" and not {"eval_dataset", "val_size"} & given.keys():
        found.without_effect["eval_strategy"] = _("there is nothing to evaluate on")
    elif strategy not in (None, "steps", "epoch"):
        found.refuse("eval_strategy", _("{name} is not supported", name=strategy), _("take steps or epoch"))


def _ppo(given: Mapping[str, Any], found: Translation) -> None:
    kind, reward = given.get("reward_model_type", "lora"), given.get("reward_model")
    if not isinstance(reward, str):
        hint = _("write reward_model: and the path, or the address, of one")
        found.refuse("stage", _("ppo needs a reward model"), hint)
    if kind not in ("lora", "full", "api"):
        hint = _("take one of {names}", names="lora, full, api")
        found.refuse("reward_model_type", _("{name} is not supported yet", name=kind), hint)
    else:
        found.without_effect["reward_model_type"] = _("what it is, is seen when it is loaded")
    for name, value in ITS_PPO_DEFAULTS.items():
        if name not in given:
            found.put(OF_STAGE["ppo"][name], value)
    found.put("objective.kl_coef", ITS_KL_COEF)
    # A step there is one of all passes over new answers.
    steps = given.get("ppo_epochs", 4), given.get("ppo_buffer_size", 1)
    for name in ("max_steps", "save_steps", "eval_steps", "logging_steps"):
        count = found.values.get("training", {}).get(name)
        if all(isinstance(one, int) for one in (count, *steps)):
            found.put(f"training.{name}", count * math.prod(steps), name)


def _reference(given: Mapping[str, Any], found: Translation) -> None:
    loss, model, bits = (given.get(name) for name in ("pref_loss", "ref_model", "ref_model_quantization_bit"))
    unused = ""
    if loss in WITHOUT_REFERENCE:
        unused = _("the loss {loss} does not use it", loss=loss)
    elif not model:
        unused = _("only {name} uses it", name="ref_model")
    if unused:
        found.without_effect |= dict.fromkeys(filter(given.__contains__, REFERENCE), unused)
        return
    found.put("objective.reference_model", model, "ref_model")
    if names := _names(given.get("ref_model_adapters") or ""):
        found.put("objective.reference_adapters", names, "ref_model_adapters")
    if bits in _BITS_AND_BYTES:
        found.put("objective.reference_quantization", _BITS_AND_BYTES[bits], "ref_model_quantization_bit")
    elif bits is not None:
        hint = _("take one of {names}", names=", ".join(map(str, _BITS_AND_BYTES)))
        found.refuse("ref_model_quantization_bit", _("{name} is not supported yet", name=bits), hint)


def _optimizer(given: Mapping[str, Any], found: Translation) -> None:
    if "optim_target_modules" in given:
        names = _names(given["optim_target_modules"])
        value = "all-linear" if names == ["all-linear"] else names
        found.put("training.optim_target_modules", value, "optim_target_modules")
    chosen = [switch for switch in OF_OPTIMIZER if given.get(switch) is True]
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
        targets = _names(given.get(f"{family}_target", "all"))
        if targets != ["all"] and family in ("galore", "apollo"):
            found.put("training.optim_target_modules", targets, f"{family}_target")


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
    layerwise = "_layerwise" if given.get(f"{family}_layerwise") is True else ""
    kind = "adafactor" if base == "adafactor" else "adamw_8bit" if "8bit" in base else "adamw"
    if family == "apollo" and kind != "adamw":
        found.refuse("optim", _("{name} is not supported with use_apollo", name=base), _("take adamw_torch"))
        return None
    return f"{family}_{kind}{layerwise}"


def _rest(given: Mapping[str, Any], found: Translation, stage: str, method: str) -> None:
    """What has no effect, what is refused, and what no such argument is."""
    for name, value in given.items():
        off = next((switch for start, switch in SWITCHES.items() if name.startswith(start)), "")
        if name in NO_EFFECT:
            found.without_effect[name] = look_up(NO_EFFECT[name])
        elif name in REFUSED and (value is False or value == "" or (off and not given.get(off))):
            found.without_effect[name] = _("it is switched off")
        elif name in REFUSED and off in REFUSED:
            continue  # said of the switch
        elif name in REFUSED:
            found.refuse(name, look_up(REFUSED[name]), _("leave it out"))
        elif name not in TRANSLATED:
            known = [*TRANSLATED, *NO_EFFECT, *REFUSED]
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
            hint = _("did you mean {name}?", name=close[0]) if close else _("leave it out")
            found.refuse(name, _("LLaMA-Factory has no such argument"), hint)
        elif name not in found.origins.values() and name not in found.without_effect:
            if off and not given.get(off):
                found.without_effect[name] = _("it is switched off")
            elif off not in OF_OPTIMIZER:  # whose settings are one of ours
                found.without_effect[name] = _why_unused(name, given, stage, method)


def _why_unused(name: str, given: Mapping[str, Any], stage: str, method: str) -> str:
    for wanted, names in OF_METHOD.items():
        if name in names and wanted != method:
            return _("only {name} uses it", name=f"finetuning_type: {wanted}")
    for wanted, names in OF_STAGE.items():
        if name in names and name not in OF_STAGE[stage]:
            return _("only {name} uses it", name=f"stage: {wanted}")
    if needed := _lacks(name, given):
        return _("only {name} uses it", name=needed)
    return _("it is the default")


def _names(value: Any) -> list[str]:
    """Several names: a list, or a text with commas."""
    parts = value if isinstance(value, list) else str(value).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]
