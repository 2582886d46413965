"""How values of LLaMA-Factory's files are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmtune_kernel.config.llama_factory.arguments import STRATEGIES

# As YAML 1.1 has them, which that program reads: there, these words are truth values without quotes.
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are set, words for true and false as such."""
    return {
        name: _TRUTH.get(value.lower(), value) if isinstance(value, str) and name not in STRATEGIES else value
        for name, value in arguments.items()
        if value is not None
    }


def names(value: Any) -> list[str]:
    """Several names: a list, or a text with commas."""
    parts = value if isinstance(value, list) else str(value).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]
