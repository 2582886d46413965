"""Checkpoints whose weights are quantized already: how, whether they stay so, and what can be trained on them.

All of it is said by their configuration, before any weights are loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmtune_kernel.config import Change, RunConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.peft_types import BESIDE_LAYERS
from llmtune_kernel.config.quantizations import QUANTIZATIONS, Quantization, objection
from llmtune_kernel.locale import _

# Those that stay quantized, but for bitsandbytes, which has several.
_KEPT = {
    "aqlm": Quantization(("aqlm",), "'aqlm[cpu,gpu]'", BESIDE_LAYERS, expands=False, moves_ranks=False),
    "awq": Quantization(("gptqmodel",), "gptqmodel", BESIDE_LAYERS, expands=False, moves_ranks=False),
    "eetq": QUANTIZATIONS["eetq8"],
    "gptq": Quantization(
        ("gptqmodel", "optimum"), "gptqmodel 'optimum>=1.24'", BESIDE_LAYERS, expands=False, moves_ranks=False
    ),
    "torchao": QUANTIZATIONS["torchao_int8"],
}
# Those that are trained on as whole weights, as their products are made for answers only; and what that needs.
_EXPANDED = {"compressed-tensors": "compressed_tensors", "fp8": "", "mxfp4": ""}


@dataclass(frozen=True)
class Prequantized:
    """How the weights of a checkpoint are quantized: the name of it, and its `settings`, as in config.json."""

    name: str
    settings: Mapping[str, Any]

    @property
    def expanded(self) -> bool:
        """Whether they become whole weights when they are loaded."""
        return self.name in _EXPANDED

    @property
    def way(self) -> Quantization | None:
        """What is needed to keep them as they are, and what goes on them; None where that cannot be done."""
        if self.name == "bitsandbytes":
            return QUANTIZATIONS["int8" if self.settings.get("load_in_8bit") else "nf4"]
        return _KEPT.get(self.name)

    @property
    def package(self) -> str:
        """What expands them, besides transformers; empty where nothing else is needed."""
        return _EXPANDED.get(self.name, "")

    @property
    def said(self) -> str:
        """How they are quantized, and what becomes of them, in words."""
        if self.expanded:
            return _("The weights are quantized ({kind}) and are expanded to be trained on.", kind=self._kind)
        return _("The weights are quantized already ({kind}) and stay so.", kind=self._kind)

    @property
    def _kind(self) -> str:
        match self.name:
            case "bitsandbytes":
                bits = 8 if self.settings.get("load_in_8bit") else 4
            case "gptq" | "awq":
                bits = self.settings.get("bits", 4)
            case _:
                return self.name
        return _("{name}, {bits} bits", name=self.name, bits=bits)

    @property
    def bytes_per_weight(self) -> float:
        """Roughly, with scales."""
        match self.name:
            case "bitsandbytes" if not self.settings.get("load_in_8bit"):
                return 0.53 if self.settings.get("bnb_4bit_use_double_quant") else 0.5625
            case "gptq" | "awq":
                bits, group = self.settings.get("bits", 4), self.settings.get("group_size", 128)
                return float(bits / 8 + (2.5 / group if group > 0 else 0))
            case "aqlm":
                codes = self.settings.get("nbits_per_codebook", 16) * self.settings.get("num_codebooks", 1)
                return float(codes / self.settings.get("in_group_size", 8) / 8)
        return 1.0


def prequantized(config: Any) -> Prequantized | None:
    """How the weights of a model are quantized on the disk; None where they are not.

    Args:
        config: The configuration of the model, of transformers.
    """
    found = getattr(config, "quantization_config", None)
    found = found or getattr(config.get_text_config(), "quantization_config", None)
    if not found:
        return None
    settings = found if isinstance(found, Mapping) else found.to_dict()
    return Prequantized(name_of(settings), settings)


def said_of_weights(config: Any) -> str:
    """How the weights of a model are quantized on the disk, in words; empty where they are not."""
    found = prequantized(config)
    return found.said if found else ""


def name_of(settings: Mapping[str, Any]) -> str:
    """The name of how weights are quantized, from what config.json says of it; empty where it does not say."""
    name = settings.get("quant_method") or ""
    return str(getattr(name, "value", name))


def check_prequantized(config: RunConfig, of_model: Any) -> None:
    """Raise UserError if the weights of the model are quantized in a way that the run cannot be on.

    Args:
        of_model: The configuration of the model, of transformers.
    """
    found = prequantized(of_model)
    if found is None:
        return
    check_known(found, config.model.name_or_path)
    if config.model.quantization != "none":
        raise UserError(
            _("The weights of this model are quantized already ({kind}).", kind=found.name),
            f"model.quantization: {config.model.quantization}",
            _("Leave it out."),
            [leave_out("model.quantization")],
        )
    if found.way is None:
        return
    if config.training.fp8:
        raise UserError(
            _(
                "The weights of this model are quantized: {reason}.",
                reason=_("fp8 multiplies weights that are not quantized"),
            ),
            "training.fp8",
            _("Leave it out."),
            [leave_out("training.fp8")],
        )
    if config.model.adapters and not config.model.stacks:
        keeping = change_to("model.merge_adapters", False)
        raise unmergeable(found, "model.adapters", _("Write model.merge_adapters: false."), keeping)
    if said := objection(config.method, found.way, found.name):
        reason, key = said
        raise UserError(
            _("The weights of this model are quantized: {reason}.", reason=reason),
            f"method.{key}",
            _("Write method: lora, or name the model that it was made from.")
            if key == "type"
            else _("Leave it out."),
            [change_to("method.type", "lora") if key == "type" else leave_out(f"method.{key}")],
        )


def unmergeable(found: Prequantized, key: str, fix: str, *changes: Change) -> UserError:
    """The mistake that a setting names adapters to be merged into weights that stay quantized."""
    return UserError(
        _(
            "Adapters are merged into weights that are not quantized; here they are ({kind}).",
            kind=found.name,
        ),
        key,
        fix,
        [*changes, leave_out(key)],
    )


def check_known(found: Prequantized, name: str) -> None:
    """Raise UserError if weights that are quantized so are not loaded here."""
    if found.way is None and not found.expanded:
        raise UserError(
            _(
                "The weights of this model are quantized in a way that is not loaded here: {kind}.",
                kind=found.name,
            ),
            f"model.name_or_path: {name}",
            _("Name the model that it was made from; model.quantization quantizes it."),
        )
