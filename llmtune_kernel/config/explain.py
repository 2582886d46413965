"""From what pydantic finds wrong to what a user reads: the key, what it must be, and the closest valid choice."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from llmtune_kernel.config.changes import Change, rename
from llmtune_kernel.config.document import Document, is_number
from llmtune_kernel.config.problems import Path, Problem, dotted
from llmtune_kernel.config.run import SHORT_FORMS
from llmtune_kernel.config.schema import (
    Schema,
    cached_schema,
    choices,
    expected,
    kinds,
    one_of,
    paths,
    properties,
    without_null,
)
from llmtune_kernel.locale import _, either, look_up

Place = tuple[int | None, str]


class _Remedy(NamedTuple):
    """How to mend a value: in words, which are empty where the message says it, and by changes."""

    hint: str = ""
    changes: Sequence[Change] = ()


# Names of the same things elsewhere: LLaMA-Factory's, older ones of transformers, and what people call them.
OTHER_NAMES = {
    "model_name_or_path": "model.name_or_path",
    "model_revision": "model.revision",
    "torch_dtype": "model.dtype",
    "flash_attn": "model.attention",
    "attn_implementation": "model.attention",
    "dataset": "data.train",
    "eval_dataset": "data.eval",
    "val_size": "data.eval_fraction",
    "cutoff_len": "data.max_length",
    "max_seq_length": "data.max_length",
    "max_samples": "data.limit",
    "finetuning_type": "method.type",
    "lora_rank": "method.r",
    "lora_r": "method.r",
    "rank": "method.r",
    "lora_target": "method.target_modules",
    "stage": "objective.type",
    "pref_loss": "objective.loss",
    "loss_type": "objective.loss",
    "pref_beta": "objective.beta",
    "dpo_label_smoothing": "objective.label_smoothing",
    "simpo_gamma": "objective.gamma",
    "dpo_beta": "objective.beta",
    "kto_chosen_weight": "objective.desirable_weight",
    "kto_rejected_weight": "objective.undesirable_weight",
    "reward_model": "objective.reward",
    "reward_model_path": "objective.reward",
    "reward_funcs": "objective.reward",
    "num_ppo_epochs": "objective.ppo_epochs",
    "ppo_buffer_size": "objective.num_mini_batches",
    "init_kl_coef": "objective.kl_coef",
    "ppo_whiten_rewards": "objective.whiten_rewards",
    "epochs": "training.num_train_epochs",
    "num_epochs": "training.num_train_epochs",
    "batch_size": "training.per_device_train_batch_size",
    "train_batch_size": "training.per_device_train_batch_size",
    "lr": "training.learning_rate",
    "lr_scheduler": "training.lr_scheduler_type",
    "optimizer": "training.optim",
    "resume_from_checkpoint": "resume",
}

# The same for words that are values.
OTHER_WORDS = {
    "fp32": "float32",
    "float": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
    "half": "float16",
    "4bit": "nf4",
    "8bit": "int8",
    "adam": "adamw_torch",
    "adamw": "adamw_torch",
    "adamw_hf": "adamw_torch",
}


_MANY = 12  # names that are too many to read where one of them is plainly meant
_MOST = 30  # names that can be listed where any may be meant


def explain(error: ValidationError, place: Callable[[Path], Place]) -> Iterator[Problem]:
    """One problem for each value that is wrong.

    Args:
        place: Gives for a path its line and the override that set it.
    """
    found: dict[Path, tuple[Schema, ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        path, node = _resolve(details["loc"])
        if details["type"] == "extra_forbidden" and node:
            # A key that no member of a union knows.
            path, node = (*path, details["loc"][-1]), {}
        # Of the members of a union, the one that got deepest into the value, or speaks for itself, knows best.
        if path not in found or details["type"] == "value_error":
            found[path] = (node, details)
    for path, (node, details) in found.items():
        if not any(other[: len(path)] == path and other != path for other in found if path):
            message, remedy = _words(path, node, details)
            line, override = place(path)
            yield Problem(line, dotted(path), message, remedy.hint, override, tuple(remedy.changes))


def _resolve(location: Path) -> tuple[Path, Schema]:
    """The path of a value and its schema; drops what pydantic adds to a location: names of members of unions."""
    path: Path = ()
    node = cached_schema()
    for part in location:
        if "oneOf" in node:
            node = next(member for member in node["oneOf"] if member["properties"]["type"]["const"] == part)
        elif node.get("type") == "object" and "properties" in node:
            path = (*path, part)
            if part not in node["properties"]:
                return (*path[:-1], str(part)), {}
            node = node["properties"][part]
        elif isinstance(part, int):
            members = [member for member in node.get("anyOf", [node]) if member.get("type") == "array"]
            path, node = (*path, part), members[0]["items"]
        elif section := next(
            (member for member in node.get("anyOf", ()) if part in properties(member)), None
        ):
            path, node = (*path, part), section["properties"][part]
    return path, node


def _words(path: Path, node: Schema, details: ErrorDetails) -> tuple[str, _Remedy]:
    """What is wrong, and how to mend it."""
    value = details["input"]
    if not node:
        beside = properties(_section(_resolve(details["loc"][:-1])[1]))
        return _("unknown key"), _about_unknown(path, list(beside))
    about_data = _about_data(path, value)
    if details["type"] == "missing":
        return _("is missing"), _Remedy(about_data or _about_reward(path))
    if details["type"] == "value_error":
        message, *said = details["ctx"]["error"].args
        remedy = _Remedy(*said)
        return message, remedy._replace(changes=[*remedy.changes, *_about_names(path, node, value)])
    if details["type"].startswith("union_tag"):
        path, value = (*path, "type"), details["ctx"].get("tag", value)
        wanted = one_of(choices(node))
    else:
        described = path and isinstance(path[-1], int) and node.get("description")
        wanted = look_up(described) if described else expected(without_null(node))
        if len(path) == 1 and path[0] in SHORT_FORMS:
            short = expected(properties(node)[SHORT_FORMS[str(path[0])]])
            wanted = _("{short}, or {wanted}", short=short, wanted=wanted)
    message = _("must be {wanted}; got {value}", wanted=wanted, value=_shown(value))
    if about_data:
        return message, _Remedy(about_data)
    hint, others = _about_value(node, value)
    if hint and len(names := choices(node)) > _MANY:
        wanted = _("one of {count} names", count=len(names))
        message = _("must be {wanted}; got {value}", wanted=wanted, value=_shown(value))
    bound = details.get("ctx", {}).get("ge", details.get("ctx", {}).get("le"))
    if bound is not None:
        others = [bound]
    if path[-1:] == ("type",) and not others:
        others = [None]  # the rest of the section stays
    return message, _Remedy(hint, [_written(path, other) for other in others])


def _written(path: Path, value: JsonValue) -> Change:
    return Change(path=tuple(map(str, path)), value=value)


def _about_data(path: Path, value: object) -> str:
    """How to name rows; empty for other values."""
    if path not in (("data",), ("data", "train"), ("data", "eval")):
        return ""
    if path == ("data", "eval"):
        return ""
    return _("name the rows to train on: data: $rows, or data: rows.jsonl")


def _about_reward(path: Path) -> str:
    """How to name what scores answers; empty for other values."""
    if path != ("objective", "reward"):
        return ""
    return _("name a run of the objective reward, a reward model, an address or a function, such as $score")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return _("a section")
    if isinstance(value, list):
        return _("a list") if value else _("an empty list")
    if value is None:
        return _("nothing")
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:60] + "…"


def _about_value(node: Schema, value: object) -> tuple[str, Sequence[JsonValue]]:
    """How to mend a value of the wrong kind, empty where the message says it; and what may be meant."""
    wanted = kinds(node)
    if isinstance(value, str):
        return _about_text(node, wanted, value)
    if isinstance(value, float) and "integer" in wanted and value.is_integer():
        return _("write {value}", value=f"{value:.0f}"), [int(value)]
    if isinstance(value, dict) and "role" in value and _lists_turns(node):
        return _("a prompt of several turns is a list: [{{role: user, content: Hello}}]"), [[value]]
    if value is not None and not isinstance(value, list):
        if node.get("type") == "array" and "string" in kinds(node["items"]):
            return _as_list(str(value)), [[str(value)]]
        if "string" in wanted:
            return _("put it in quotes"), [str(value)] if type(value) is int else []
    return "", []


def _about_text(node: Schema, wanted: set[str], value: str) -> tuple[str, Sequence[JsonValue]]:
    word = value.lower()
    close = difflib.get_close_matches(OTHER_WORDS.get(word, word), choices(node), n=1, cutoff=0.6)
    if close:
        return _did_you_mean(close[0]), close
    if wanted & {"integer", "number"} and is_number(value):
        return _("write it without quotes"), [Document(value).value]
    if "boolean" in wanted and word in ("true", "false"):
        return _("write it without quotes"), [word == "true"]
    if "boolean" in wanted and word in ("yes", "on", "no", "off"):
        meant = word in ("yes", "on")
        return _("write {value}", value=str(meant).lower()), [meant]
    if "null" in wanted and word == "none":
        return _("write {value}", value="null"), []
    if "array" in wanted and value:
        return _as_list(value), [[value]]
    if "object" in wanted and re.match(r"\w+:\S", value):
        return _("put a space after the colon"), []
    return "", []


def _about_names(path: Path, node: Schema, value: object) -> Iterator[Change]:
    """Of a section whose keys are given names, such as data.columns: the closest name for each other key."""
    known = node.get("propertyNames", {}).get("enum", ())
    for name in value if isinstance(value, dict) else ():
        close = difflib.get_close_matches(str(name), known, n=1)
        if name not in known and close:
            yield rename((*path, name), (*path, *close))


def _lists_turns(node: Schema) -> bool:
    """Whether a value may be a list of sections, or hold such lists."""
    if node.get("type") == "array":
        return "object" in kinds(node["items"]) or _lists_turns(node["items"])
    return any(_lists_turns(part) for part in node.get("anyOf", []))


def _as_list(text: str) -> str:
    plain = re.fullmatch(r"[\w-]+", text) and not is_number(text)
    item = text if plain else json.dumps(text, ensure_ascii=False)
    return _("write it as a list: [{item}]", item=item)


def _did_you_mean(name: str) -> str:
    return _("did you mean {name}?", name=name)


def _about_unknown(path: Path, beside: Sequence[str]) -> _Remedy:
    """Where the key belongs, or the closest one of those that its section has."""
    hint, meant = _meant_key(path, beside)
    changes = [rename(path, key.split(".")) for key in meant]
    *parents, name = map(str, path)
    types = _types_with(parents, name)
    if not meant and types:
        changes = [_written((*parents, "type"), type_) for type_ in types]
    return _Remedy(hint, changes)


def _meant_key(path: Path, beside: Sequence[str]) -> tuple[str, Sequence[str]]:
    """What to do about an unknown key, and which ones may be meant."""
    *parents, name = (str(part) for part in path)
    here = ".".join(parents)
    every = list(paths())
    if "." in name and name in every:
        section, key = name.rsplit(".", 1)
        return _("write {key} on a line of its own under {section}", key=key, section=section), [name]
    homes = [
        home[0] for known in every if (home := known.rpartition("."))[2] == name and home[0] not in ("", here)
    ]
    if homes:
        hint = _("it belongs under {sections}", sections=either(homes))
        return hint, [f"{home}.{name}" for home in homes]
    if name in OTHER_NAMES:
        return _did_you_mean(OTHER_NAMES[name].removeprefix(f"{here}.")), [OTHER_NAMES[name]]
    types = _types_with(parents, name)
    if types:
        return _("only type {types} has it", types=either(types)), []
    close = difflib.get_close_matches(name, beside, n=1, cutoff=0.7)
    if close:
        return _did_you_mean(close[0]), [".".join((*parents, *close))]
    by_name = {known.rpartition(".")[2]: known for known in every}
    close = difflib.get_close_matches(name, by_name, n=1, cutoff=0.75)
    if close:
        return _did_you_mean(by_name[close[0]]), [by_name[close[0]]]
    return _("valid keys: {keys}", keys=_listed(beside)), []


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MOST:
        names = [*names[:_MANY], _("and {count:,} more", count=len(names) - _MANY)]
    return ", ".join(names)


def _types_with(parents: list[str], name: str) -> list[str]:
    """The types of a section that have a key."""
    return [
        member["properties"]["type"]["const"]
        for member in _node_at(parents).get("oneOf", [])
        if name in member["properties"]
    ]


def _node_at(parents: list[str]) -> Schema:
    return _section(_resolve(tuple(int(part) if part.isdigit() else part for part in parents))[1])


def _section(node: Schema) -> Schema:
    return next((member for member in node.get("anyOf", ()) if properties(member)), node)
