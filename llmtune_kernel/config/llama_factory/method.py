"""Which weights a file trains: adapters, some layers, or all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmtune_kernel.config.llama_factory.arguments import OF_METHOD, WITH_ADAPTER
from llmtune_kernel.config.llama_factory.names import names
from llmtune_kernel.config.llama_factory.translation import Translation
from llmtune_kernel.locale import _

# Parts of the names of embeddings in models.
_EMBEDDINGS = ("embed", "wte")


def translate_method(given: Mapping[str, Any], found: Translation, method: str) -> None:
    """Translate `finetuning_type` and the arguments of that method that are not simply ours."""
    if method == "oft":
        found.put("method.type", "peft", "finetuning_type")
        found.put("method.peft_type", "OFT", "finetuning_type")
    else:
        found.put("method.type", method, "finetuning_type")
    if method == "lora":
        _adapters(given, found)
        _lora(given, found)
    elif given.get("adapter_name_or_path"):
        hint = _("take finetuning_type: lora, or leave it out")
        found.refuse("adapter_name_or_path", _("only lora trains adapters on that are there already"), hint)
    if method == "oft":
        _targets(given, found, "oft_target")
    if method == "freeze":
        for name in ("trainable_modules", "extra_modules"):
            if modules := names(given.get(f"freeze_{name}", "")):
                value = "all" if modules == ["all"] else modules
                found.put(f"method.{name}", value, f"freeze_{name}")
    if given.get("use_llama_pro"):
        _llama_pro(given, found, method)


def trains_adapter_on(found: Translation) -> bool:
    """Whether an adapter that is there already is trained on, with settings of its own."""
    return "adapter" in found.values["method"]


def _adapters(given: Mapping[str, Any], found: Translation) -> None:
    """Several are merged, but for the last one, which is trained on unless a new one is wanted; into quantized weights
    none is merged, and only one is taken."""
    paths, new = names(given.get("adapter_name_or_path", "")), given.get("create_new_adapter")
    quantized = given.get("quantization_bit") is not None
    if quantized and len(paths) > 1:
        hint = _("keep one of them, or write them with our model.adapters and merge_adapters: false")
        found.refuse("adapter_name_or_path", _("only one adapter is taken on quantized weights"), hint)
    if paths and (quantized or not new):
        found.put("method.adapter", paths.pop(), "adapter_name_or_path")
    if paths:
        found.put("model.adapters", paths, "adapter_name_or_path")
    if new:
        found.without_effect["create_new_adapter"] = (
            _("on quantized weights the adapter that is named is trained on")
            if quantized and trains_adapter_on(found)
            else _("what is merged is trained on by a new adapter")
        )


def _lora(given: Mapping[str, Any], found: Translation) -> None:
    if trains_adapter_on(found):
        for name in OF_METHOD["lora"].keys() & given.keys() - WITH_ADAPTER:
            found.without_effect[name] = _("the adapter that is trained on has its own")
        return
    if "lora_alpha" not in given and isinstance(given.get("lora_rank"), int):
        found.put("method.lora_alpha", 2 * given["lora_rank"])  # its default
    targets = _targets(given, found, "lora_target")
    if given.get("pissa_init"):
        _pissa(given, found)
    if "loraplus_lr_embedding" in given:
        if given.get("loraplus_lr_ratio") and any(part in name for name in targets for part in _EMBEDDINGS):
            message = _("adapters of embeddings learn at the same rate as the others")
            found.refuse("loraplus_lr_embedding", message, _("leave it out"))
        else:
            found.without_effect["loraplus_lr_embedding"] = _("only adapters of embeddings use it")


def _llama_pro(given: Mapping[str, Any], found: Translation, method: str) -> None:
    """There a script has added the blocks, and a run trains them, or adapters in them."""
    if method == "freeze":
        found.put("method.block_expansion", "existing", "use_llama_pro")
    elif method != "lora":
        hint = _("take finetuning_type: freeze or lora")
        found.refuse("use_llama_pro", _("{name} trains all layers", name=method), hint)
    elif not trains_adapter_on(found):
        found.used.add("freeze_trainable_layers")
        found.put("method.expanded_blocks", given.get("freeze_trainable_layers", 2), "use_llama_pro")


def _targets(given: Mapping[str, Any], found: Translation, name: str) -> list[str]:
    targets = names(given.get(name, "all"))
    if targets != ["all"]:
        found.put("method.target_modules", targets, name)
    if saved := names(given.get("additional_target", "")):
        found.put("method.modules_to_save", saved, "additional_target")
    return targets


def _pissa(given: Mapping[str, Any], found: Translation) -> None:
    rounds = given.get("pissa_iter", 16)
    if rounds not in (-1, 16):
        hint = _("take 16, or -1 for the exact one")
        found.refuse("pissa_iter", _("{name} is not supported yet", name=rounds), hint)
    found.used |= {"pissa_iter"}
    found.put("method.init_lora_weights", "pissa" if rounds == -1 else "pissa_niter_16", "pissa_init")
