"""What PEFT's configuration classes let one set, as a table for those who must not import PEFT.

python scripts/peft_types.py > llmtune_kernel/config/peft.json
"""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

from peft import PeftConfig, PeftType
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

from llmtune_kernel.config.peft_types import PEFT_TYPES

_KINDS = {int: "integer", float: "number", bool: "boolean", str: "text"}
# What we or PEFT find out by ourselves, and what is of no use here.
_LEFT_OUT = {
    *(field.name for field in dataclasses.fields(PeftConfig)),
    *("target_modules", "modules_to_save", "fan_in_fan_out", "total_step", "tokenizer_name_or_path"),
    *("tokenizer_kwargs", "token_dim", "num_transformer_submodules", "num_attention_heads", "num_layers"),
    *("use_effective_conv2d", "megatron_core", "use_dora", "init_lora_weights", "prompt_tuning_init"),
    *("prompt_tuning_init_text", "use_qalora", "qalora_group_size", "lora_bias", "trainable_token_indices"),
    *("layer_replication", "alora_invocation_tokens", "target_parameters", "ensure_weight_tying"),
}


def table() -> dict[str, dict[str, Any]]:
    """By type and field: the kinds of value, the words to choose from, the default."""
    return {name: dict(_fields(PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(name)])) for name in PEFT_TYPES}


def _fields(config: type) -> Iterator[tuple[str, dict[str, Any]]]:
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        kinds, words = _values(hints[field.name])
        if field.name in _LEFT_OUT or not (kinds or words):
            continue
        default = field.default if field.default is not dataclasses.MISSING else None
        yield (
            field.name,
            {
                "kinds": kinds,
                "words": words,
                "default": default.value if isinstance(default, enum.Enum) else default,
            },
        )


def _values(hint: Any) -> tuple[list[str], list[str]]:
    """The kinds of a type, and its words; an object makes no kind."""
    kinds: list[str] = []
    words: list[str] = []
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for part in inner:
            more, others = _values(part)
            kinds += more
            words += others
        # Text beside words is but a wider name for them.
        kinds = [kind for kind in kinds if kind != "text" or not words]
    elif origin is typing.Literal:
        words = [word for word in inner if isinstance(word, str)]
    elif origin is list and inner[0] in (int, str):
        kinds = ["integers" if inner[0] is int else "texts"]
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        words = [member.value for member in hint]
    elif hint in _KINDS:
        kinds = [_KINDS[hint]]
    return kinds, words


if __name__ == "__main__":
    sys.stdout.write(json.dumps(table(), indent=1) + "\n")
