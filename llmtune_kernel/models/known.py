"""Well-known public models: facts written down in 2026; nothing is fetched."""

from __future__ import annotations

import functools
import importlib.resources
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from llmtune_kernel.locale import N_, _, look_up

# What models are for, in the order in which it is said.
PURPOSES = {
    "chat": N_("chat"),
    "reasoning": N_("reasoning"),
    "code": N_("code"),
    "math": N_("mathematics"),
    "base": N_("base"),
}


@dataclass(frozen=True)
class KnownModel:
    """A model that `AutoModelForCausalLM` loads without code of its own; `name` is its id on the Hugging Face Hub.

    `parameters`, and `active`, those that work on a token of a mixture of experts, are in billions. `context`: tokens
    that it was trained for, before any scaling of positions; None where nothing limits them. `licence`: as the card
    names it; `other` where it only says that it is one of its own. `gated`: its terms are to be accepted on the Hub
    first; None where that has changed over time. `template`: the name of a chat template that suits it, where its
    tokenizer has none or is not known to have one. `target_modules`: the layers that best get LoRA adapters.
    """

    name: str
    family: str
    model_type: str
    parameters: float
    context: int | None
    licence: str
    good_for: list[str]
    active: float | None = None
    gated: bool | None = False
    template: str | None = None
    target_modules: list[str] | Literal["all-linear"] = field(default="all-linear")

    @property
    def description(self) -> str:
        """What it is good for, and that it is a mixture of experts if it is one."""
        said = ", ".join(look_up(text) for purpose, text in PURPOSES.items() if purpose in self.good_for)
        if self.active is None:
            return said
        return _("{purposes}; mixture of experts, {active}B active", purposes=said, active=f"{self.active:g}")


@functools.cache
def known_models() -> dict[str, KnownModel]:
    """All models by name, those of a family together."""
    return {entry["name"]: KnownModel(**entry) for entry in _facts()["models"]}


def families() -> dict[str, str]:
    """What the documentation says of each family, in English."""
    about: dict[str, str] = _facts()["families"]
    return about


@functools.cache
def _facts() -> Any:
    return json.loads((importlib.resources.files("llmtune_kernel.models") / "known.json").read_text("utf-8"))
