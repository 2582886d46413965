"""From the arguments of a file to what becomes of each."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from llmtune_kernel.config.data import OF_OBJECTIVES
from llmtune_kernel.config.llama_factory.arguments import (
    ITS_CAPACITY,
    ITS_DEFAULTS,
    ITS_KL_COEF,
    ITS_PPO_DEFAULTS,
    LISTS,
    NO_THINKING,
    OF_METHOD,
    OF_OPTIMIZER,
    OF_SFT_HERE,
    OF_STAGE,
    OTHER_TEMPLATES,
    REFERENCE,
    SAME,
    SWITCHES,
    TEMPLATES,
    TRANSLATED,
    USED_WITH,
    WITH_ADAPTER,
)
from llmtune_kernel.config.llama_factory.method import trains_adapter_on, translate_method
from llmtune_kernel.config.llama_factory.names import names, plain
from llmtune_kernel.config.llama_factory.reasons import KEPT, NO_EFFECT, REFUSED
from llmtune_kernel.config.llama_factory.training import translate_ppo_steps, translate_training
from llmtune_kernel.config.llama_factory.translation import Translation
from llmtune_kernel.config.objectives import WITHOUT_REFERENCE
from llmtune_kernel.config.quantizations import QuantizationName
from llmtune_kernel.locale import _, either, look_up

_STAGES = {"pt": "pretrain", "sft": "sft", "dpo": "dpo", "kto": "kto", "rm": "reward", "ppo": "ppo"}
_ATTENTION = {
    "auto": "auto",
    "sdpa": "sdpa",
    "disabled": "eager",
    "fa2": "flash_attention_2",
    "fa3": "flash_attention_3",
}


def translate_arguments(arguments: Mapping[str, Any]) -> Translation:
    """Translate the arguments of a flat file; all that cannot be is in its problems."""
    given = plain(arguments)
    found = Translation()
    for foreign in _for_another_command(given):
        found.refuse(*foreign)
        return found
    stage, method = str(given.get("stage", "sft")), str(given.get("finetuning_type", "lora"))
    for name, value, known in (("stage", stage, _STAGES), ("finetuning_type", method, OF_METHOD)):
        if value not in known:
            hint = _("take one of {names}", names=", ".join(known))
            found.refuse(name, _("{name} is not supported yet", name=value), hint)
    if found.problems:
        return found
    if "model_name_or_path" not in given:
        message = _("this LLaMA-Factory file names no model")
        found.refuse("model_name_or_path", message, _("write model_name_or_path: NAME"))
    found.put("objective.type", _STAGES[stage], "stage")
    translate_method(given, found, method)
    _same(given, found, stage, method)
    _sft(given, found, stage)
    _model(given, found)
    _data(given, found)
    _unused(found, stage)
    translate_training(given, found)
    if stage == "ppo":
        _ppo(given, found)
    if "ref_model" in OF_STAGE[stage]:
        _reference(given, found)
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
    elif not given.get("do_train", True) or ("dataset" not in given and given.keys() & _WITHOUT_TRAINING):
        name = next((name for name in _WITHOUT_TRAINING if given.get(name)), "do_train")
        message = _("this file only evaluates a model, and llmtune evaluates while it trains")
        yield name, message, _("to train, write do_train: true and a dataset; llmtune sample answers prompts")
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


# Arguments of files that ask a model about data.
_WITHOUT_TRAINING = ("do_predict", "do_eval", "eval_dataset")


def _same(given: Mapping[str, Any], found: Translation, stage: str, method: str) -> None:
    ours = {**SAME, **OF_METHOD[method], **OF_STAGE[stage]}
    for name, value in {**ITS_DEFAULTS, **given}.items():
        path = ours.get(name, "")
        own = trains_adapter_on(found) and name in OF_METHOD["lora"].keys() - WITH_ADAPTER
        if path and name not in LISTS and not own and not _lacks(name, given):
            found.put(path, value, name if name in given else "")
    if given.get("pref_loss") == "kto_pair":
        hint = _("take stage: kto, or another loss")
        found.refuse("pref_loss", _("LLaMA-Factory trains sigmoid in place of kto_pair"), hint)
    size = given.get("val_size")
    if isinstance(size, int | float) and size > 1:
        found.drop("data.eval_fraction")
        found.put("data.eval_rows", int(size), "val_size")


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
    losses = [loss for loss in ("dft", "eaft", "asft") if given.get(f"use_{loss}_loss")]
    for loss in losses[:1]:
        found.put("objective.loss", loss, f"use_{loss}_loss")
    for loss in losses[1:]:
        found.without_effect[f"use_{loss}_loss"] = _("{name} goes first", name=f"use_{losses[0]}_loss")


def _model(given: Mapping[str, Any], found: Translation) -> None:
    if given.get("model_revision", "main") != "main":
        found.put("model.revision", given["model_revision"], "model_revision")
    added = [name for name in ("add_tokens", "add_special_tokens") if given.get(name)]
    for name in added[:1]:
        found.put("model.add_tokens", names(given[name]), name)
    for name in added[1:]:
        hint = _("write all of them there")
        found.refuse(name, _("{name} names new tokens as well", name=added[0]), hint)
    if given.get("use_unsloth"):
        found.put("model.backend", "unsloth", "use_unsloth")
    attention = str(given.get("flash_attn", "auto"))
    if attention == "auto":
        pass
    elif attention in _ATTENTION and given.get("shift_attn"):
        found.without_effect["flash_attn"] = _("shift_attn has an attention of its own")
    elif attention in _ATTENTION and given.get("use_unsloth"):
        found.without_effect["flash_attn"] = _("unsloth chooses by itself how attention is computed")
    elif attention in _ATTENTION:
        found.put("model.attention", _ATTENTION[attention], "flash_attn")
    else:
        hint = _("take one of {names}", names=", ".join(_ATTENTION))
        found.refuse("flash_attn", _("{name} is not supported yet", name=attention), hint)
    for name in ("enable_liger_kernel", "use_liger_kernel"):
        if given.get(name):
            found.put("model.liger_kernel", True, name)
            found.used.add(name)
    match given.get("mixture_of_depths"):
        case "convert":
            found.put("model.mixture_of_depths", ITS_CAPACITY, "mixture_of_depths")
        case "load":
            found.without_effect["mixture_of_depths"] = _("the model itself says that it has routers")
        case str() as other:
            hint = _("take one of {names}", names="convert, load")
            found.refuse("mixture_of_depths", _("{name} is not supported yet", name=other), hint)
    for name, dtype in (("bf16", "bfloat16"), ("fp16", "float16"), ("pure_bf16", "bfloat16")):
        if given.get(name):
            found.put("model.dtype", dtype, name)
    other = next((name for name in ("bf16", "pure_bf16") if given.get(name)), "")
    if given.get("fp16") and other:
        found.refuse("fp16", _("{name} says another precision", name=other), _("leave one of the two out"))
    if "mixed_precision" in given:
        _precision_of_megatron(str(given["mixed_precision"]), found)
    if given.get("pure_bf16"):
        found.put("model.pure_bf16", True, "pure_bf16")
    _quantization(given, found)


def _precision_of_megatron(name: str, found: Translation) -> None:
    precisions = {"bf16_mixed": "bfloat16", "fp16_mixed": "float16"}
    if name in precisions:
        found.put("model.dtype", precisions[name], "mixed_precision")
    else:
        hint = _("take one of {names}", names=", ".join(precisions))
        found.refuse("mixed_precision", _("{name} is not supported yet", name=name), hint)


# The quantizations of each `quantization_method` by the bits that it can take.
_BITS_AND_BYTES: dict[int, QuantizationName] = {4: "nf4", 8: "int8"}
_QUANTIZATIONS: dict[str, dict[int, QuantizationName]] = {
    "bnb": _BITS_AND_BYTES,
    "bitsandbytes": _BITS_AND_BYTES,
    "hqq": {1: "hqq1", 2: "hqq2", 3: "hqq3", 4: "hqq4", 5: "hqq5", 6: "hqq6", 8: "hqq8"},
    "eetq": {8: "eetq8"},
}
_OF_4_BITS = ("quantization_type", "double_quantization")


def _quantization(given: Mapping[str, Any], found: Translation) -> None:
    library, bits = given.get("quantization_method", "bnb"), given.get("quantization_bit")
    if bits is None:
        unused = _("only {name} uses it", name="quantization_bit")
        found.without_effect |= dict.fromkeys({"quantization_method", *_OF_4_BITS} & given.keys(), unused)
    elif library not in _QUANTIZATIONS:
        hint = _("take one of {names}", names=", ".join(_QUANTIZATIONS))
        found.refuse("quantization_method", _("{name} is not supported yet", name=library), hint)
    elif (kind := _of_bits("quantization_bit", bits, _QUANTIZATIONS[library], found)) is not None:
        found.used.add("quantization_method")
        if kind == "nf4":
            found.used.update(_OF_4_BITS)
            found.put("model.quantization", given.get("quantization_type", kind), "quantization_bit")
            if not given.get("double_quantization", True):
                found.put("model.double_quantization", False, "double_quantization")
            return
        unused = _("only 4 bits of bitsandbytes have it")
        found.without_effect |= dict.fromkeys(set(_OF_4_BITS) & given.keys(), unused)
        found.put("model.quantization", kind, "quantization_bit")


def _of_bits(
    name: str, bits: Any, known: Mapping[int, QuantizationName], found: Translation
) -> QuantizationName | None:
    """The quantization of so many bits; None where an argument says other ones, which is refused."""
    if isinstance(bits, int) and bits in known:
        return known[bits]
    hint = _("take one of {names}", names=", ".join(map(str, known)))
    if isinstance(bits, str) and bits.isdigit():
        found.refuse(name, _("{value!r} is text", value=bits), _("write it without quotes"))
    else:
        found.refuse(name, _("{name} is not supported yet", name=bits), hint)
    return None


# Switches that fill rows with several examples, which never see each other here; the others are those of Megatron.
_PACKING = ("neat_packing", "sequence_packing", "use_packed_sequences")


def _mistyped_template(name: str) -> str:
    """The name that was meant, of one that is none and much like it; new ones may come that are not known here."""
    known = [*TEMPLATES, *OTHER_TEMPLATES]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return close[0] if close and name not in known else ""


def _data(given: Mapping[str, Any], found: Translation) -> None:
    for name, key in (("dataset", "train"), ("eval_dataset", "eval")):
        if name in given:
            sources = names(given[name])
            found.put(f"data.{key}", sources[0] if len(sources) == 1 else sources, name)
    found.put("data.on_bad_row", "skip")  # with a warning, as there
    if "interleave_probs" in given:
        _weights(given, found)
    template = str(given.get("template", ""))
    short = template.removesuffix(NO_THINKING)
    if short in TEMPLATES:
        found.put("data.template", TEMPLATES[short] or short, "template")
    elif close := _mistyped_template(short):
        message = _("LLaMA-Factory has no template {name}", name=template)
        found.refuse("template", message, _("did you mean {name}?", name=close))
    elif template:
        found.without_effect["template"] = _("the model's own chat template is taken")
    if template.endswith(NO_THINKING):
        found.put("data.enable_thinking", False, "template")
    elif not given.get("enable_thinking", True):
        found.put("data.enable_thinking", False, "enable_thinking")
    if given.get("preserve_thinking"):
        found.put("data.keep_thinking", True, "preserve_thinking")
    packed = next((name for name in _PACKING if given.get(name)), "")
    if packed:
        found.put("data.packing", True, packed)
        found.used.update(_PACKING)
        found.used.add("packing")
    elif "packing" in given:
        found.put("data.packing", given["packing"], "packing")


def _unused(found: Translation, stage: str) -> None:
    """Take out what a stage does nothing with."""
    ours = found.values.get("data", {})
    for key, value, objectives in OF_OBJECTIVES:
        if ours.get(key) is value and _STAGES[stage] not in objectives:
            del ours[key]
            of_sft = _("only {name} uses it", name="stage: sft")
            found.without_effect[found.origins.pop(("data", key))] = of_sft


def _weights(given: Mapping[str, Any], found: Translation) -> None:
    """The probabilities with which data sets are drawn from, as weights of the sources."""
    name, sources = "interleave_probs", names(given["dataset"])
    try:
        weights = [float(weight) for weight in names(given[name])]
    except ValueError:
        found.refuse(name, _("these are not numbers"), _("write one for each dataset, such as 0.7,0.3"))
        return
    if given.get("mix_strategy", "concat") == "concat":
        hint = _("take mix_strategy: interleave_under, or leave it out")
        found.refuse(name, _("with mix_strategy: concat nothing is drawn"), hint)
    elif len(weights) != len(sources):
        message = _("these are not as many as there are datasets")
        found.refuse(name, message, _("write one for each dataset, such as 0.7,0.3"))
    else:
        drawn = [
            {"source": source, "weight": weight} for source, weight in zip(sources, weights, strict=True)
        ]
        found.put("data.train", drawn, "dataset")
        for number in range(len(weights)):
            found.origins["data", "train", number, "weight"] = name


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
    translate_ppo_steps(given, found)


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
    if adapters := names(given.get("ref_model_adapters") or ""):
        found.put("objective.reference_adapters", adapters, "ref_model_adapters")
    if bits is not None:
        kind = _of_bits("ref_model_quantization_bit", bits, _BITS_AND_BYTES, found)
        found.put("objective.reference_quantization", kind, "ref_model_quantization_bit")


def _rest(given: Mapping[str, Any], found: Translation, stage: str, method: str) -> None:
    """What has no effect, what is refused, and what no such argument is."""
    for name, value in given.items():
        off = next((switch for start, switch in SWITCHES.items() if name.startswith(start)), "")
        if name in NO_EFFECT:
            found.without_effect[name] = look_up(NO_EFFECT[name])
        elif name in REFUSED and name in KEPT and value == KEPT[name]:
            found.without_effect[name] = _("it is always so here")
        elif name in REFUSED and name not in KEPT and (not value or (off and not given.get(off))):
            found.without_effect[name] = _("it is switched off")
        elif name in REFUSED and off in REFUSED:
            continue  # said of the switch
        elif name in REFUSED:
            found.refuse(name, *map(look_up, REFUSED[name]))
        elif name not in TRANSLATED:
            found.refuse_unknown(name, [*TRANSLATED, *NO_EFFECT, *REFUSED])
        elif found.says_nothing_of(name):
            if off and not given.get(off):
                found.without_effect[name] = _("it is switched off")
            elif off not in OF_OPTIMIZER:  # whose settings are one of ours
                found.without_effect[name] = _why_unused(name, given, stage, method)


def _why_unused(name: str, given: Mapping[str, Any], stage: str, method: str) -> str:
    for of, arguments, chosen in (("finetuning_type", OF_METHOD, method), ("stage", OF_STAGE, stage)):
        users = [user for user, used in arguments.items() if name in used]
        if users and chosen not in users:
            return _("only {name} uses it", name=f"{of}: {either(users)}")
    if needed := _lacks(name, given):
        return _("only {name} uses it", name=needed)
    return _("it is always so here") if name == "do_train" else _("it is the default")
