"""The other kinds of adapters that PEFT has: what each lets one set, and why some are not taken."""

from __future__ import annotations

import functools
import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, create_model

from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.peft_settings import ABOUT, DROPOUT
from llmtune_kernel.config.section import Section, setting
from llmtune_kernel.config.sources import closest
from llmtune_kernel.locale import N_, _, look_up

PeftType = Literal[
    "BEFT",
    "BOFT",
    "C3A",
    "CARTRIDGE",
    "DEFT",
    "DELORA",
    "FOURIERFT",
    "GLORA",
    "GRALORA",
    "HIRA",
    "HRA",
    "IA3",
    "LILY",
    "LN_TUNING",
    "LOHA",
    "LOKR",
    "MISS",
    "OFT",
    "OSF",
    "P_TUNING",
    "PEANUT",
    "PREFIX_TUNING",
    "PROMPT_TUNING",
    "PSOFT",
    "PVERA",
    "RANDLORA",
    "ROAD",
    "SUPERTUNING",
    "TINYLORA",
    "TRAINABLE_TOKENS",
    "UNILORA",
    "VBLORA",
    "VERA",
    "WAVEFT",
]
PEFT_TYPES: tuple[PeftType, ...] = get_args(PeftType)

# They add tokens, or keys and values, in front of each sequence: sequences cannot lie end to end in one row.
_KEYS_AND_VALUES = ("CARTRIDGE", "PREFIX_TUNING")
IN_FRONT = (*_KEYS_AND_VALUES, "P_TUNING", "PROMPT_TUNING")
# Those whose layers are chosen by the type itself.
WITHOUT_TARGETS = (*IN_FRONT, "LN_TUNING", "TRAINABLE_TOKENS")
# Those that leave linear layers alone.
BESIDE_LAYERS = (*IN_FRONT, "LN_TUNING")
# Those that train no head of a reward model.
WITHOUT_HEAD = (*IN_FRONT, "TRAINABLE_TOKENS")
# The keys and values in front would be lost where activations are computed anew.
NEEDS_ACTIVATIONS = _KEYS_AND_VALUES
# Those that multiply by weights themselves, and leave their layers nothing to compute.
IN_PLACE_OF_LAYERS = ("GLORA", "HRA", "SUPERTUNING")

# Why not, and what to write instead.
_NEEDS_TASKS = (N_("it needs the number of a task with each row"), "LOHA")
_NEEDS_WEIGHTS = (
    N_("what it trains depends on the weights, so its size cannot be told before"),
    "SUPERTUNING",
)
_REFUSED = {
    "ADAMSS": (N_("it needs scikit-learn and a step of its own"), "LOHA"),
    "ADAPTION_PROMPT": (N_("PEFT has it for a few architectures only"), "PREFIX_TUNING"),
    "CPT": (N_("it needs examples in place of settings"), "PROMPT_TUNING"),
    "FROD": _NEEDS_WEIGHTS,
    "MULTITASK_PROMPT_TUNING": _NEEDS_TASKS,
    "POLY": _NEEDS_TASKS,
    "SHADOW": (N_("it trains a second model beside the first"), "LOHA"),
    "SHIRA": _NEEDS_WEIGHTS,
    "XLORA": (N_("it mixes adapters that are trained already"), "LOHA"),
}

Facts = Mapping[str, Any]
_VALUES: dict[str, Any] = {
    "boolean": bool,
    "text": str,
    "texts": list[str],
    "integers": list[int],
}


def as_peft_names_it(name: Any) -> Any:
    """The name of a type as PEFT writes it, of `IA3`, `(IA)3`, `prefix-tuning`.

    Raises:
        ValueError: it is one that is not taken, with the reason and what to write instead.
    """
    if not isinstance(name, str):
        return name
    plain = _plain(name)
    for own in ("LoRA", "AdaLoRA"):
        if plain == _plain(own):
            what = _("{name} is a method of its own", name=own)
            fix = _("write method: {method}", method=own.lower())
            raise ValueError(what, fix, [change_to("method.type", own.lower())])
    for refused, (reason, other) in _REFUSED.items():
        if plain == _plain(refused):
            raise ValueError(
                _("{name} cannot be trained: {reason}", name=refused, reason=look_up(reason)),
                _("take {name}", name=other),
                [change_to("method.peft_type", other)],
            )
    return next((known for known in PEFT_TYPES if _plain(known) == plain), name)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper().replace("³", "3"))


@functools.cache
def fields_of_types() -> Mapping[str, Mapping[str, Facts]]:
    """By type and field: `kinds` of value, `words` to choose from, `default`."""
    table: dict[str, dict[str, Facts]] = json.loads(
        (importlib.resources.files("llmtune_kernel.config") / "peft.json").read_text("utf-8")
    )
    return table


def with_fields(section: type[Section]) -> Any:
    """The section with the fields of all types; each says which types use it."""
    by_name: dict[str, dict[str, Facts]] = {}
    for name, fields in fields_of_types().items():
        for key, facts in fields.items():
            by_name.setdefault(key, {})[name] = facts
    made: dict[str, Any] = {key: (_annotation(users), _setting(key, users)) for key, users in by_name.items()}
    return create_model(section.__name__, __base__=section, __doc__=section.__doc__, **made)


def _annotation(users: Mapping[str, Facts]) -> Any:
    kinds = {kind for facts in users.values() for kind in facts["kinds"]}
    words = tuple(dict.fromkeys(word for facts in users.values() for word in facts["words"]))
    annotation: Any = None
    if words:
        annotation = Literal[words] | annotation
    if kinds & {"integer", "number"}:
        usual = [facts["default"] for facts in users.values() if isinstance(facts["default"], int | float)]
        number = float if "number" in kinds else int
        annotation = Annotated[number, Field(ge=min([0, *usual]))] | annotation
    for kind in sorted(kinds & _VALUES.keys()):
        annotation = _VALUES[kind] | annotation
    return annotation


def _setting(key: str, users: Mapping[str, Facts]) -> Any:
    title = _title(key)
    usual = {name: facts["default"] for name, facts in users.items() if facts["default"] is not None}
    return setting(
        None,
        title or key,
        f"{ABOUT[key]}.",
        used_by={"peft_type": list(users)},
        default_by={"peft_type": usual} if usual else None,
        quoted=not title,
    )


def _title(key: str) -> str:
    """What settings that other methods have, too, are called; empty for the others."""
    if key == "r":
        return "Rank"
    if key.endswith("alpha"):
        return "Alpha"
    return "Dropout" if ABOUT[key] == DROPOUT else ""


def check_field(name: PeftType, key: str, value: Any) -> None:
    """Raise ValueError, with what is wrong and how to mend it, if a type does not take a value for a field."""
    fields = fields_of_types()[name]
    if key not in fields:
        raise ValueError(_("{name} has no setting {key!r}", name=name, key=key), closest(key, tuple(fields)))
    words, kinds = fields[key]["words"], fields[key]["kinds"]
    if isinstance(value, str) and words and value not in words:
        raise ValueError(
            _("{key} cannot be {value!r}", key=key, value=value),
            _("take one of {words}", words=", ".join(words)),
        )
    if isinstance(value, str) and not words and not {"text"} & set(kinds):
        raise ValueError(
            _("{key} cannot be {value!r}", key=key, value=value),
            _("write a value like {value}", value=str(fields[key]["default"]).lower()),
        )
