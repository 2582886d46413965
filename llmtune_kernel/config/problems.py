"""What is wrong with a configuration, in words: line, key, message, hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.config.run import SHORT_FORMS, RunConfig

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake. `line` counts from 1 in the cell or file, None if the mistake is not on a line."""

    line: int | None
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        key = f"{self.key}: " if self.key else ""
        return f"{place}{key}{self.message}" + (f"; {self.hint}" if self.hint else "")


class ConfigError(UserError):
    """All mistakes of a configuration at once, in `problems`."""

    def __init__(self, problems: list[Problem], source: str) -> None:
        self.problems = problems
        self.source = source
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__(
            "\n".join([f"The configuration has {count}:", *(f"  {problem}" for problem in problems)]), source
        )


def explain(error: ValidationError, values: dict[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """The mistakes that pydantic found, each as (path, message, hint), several of one value merged into one."""
    merged: dict[Path, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        merged.setdefault(_path(details["loc"], values), []).append(details)
    for path, all_details in merged.items():
        if all_details[0]["type"] == "extra_forbidden":
            yield path, "unknown key", _about_unknown(path)
        else:
            wanted = dict.fromkeys(_message(details) for details in all_details)
            hints = [hint for details in all_details if (hint := _closest_choice(details))]
            message = " or ".join(wanted).replace(" or must be", " or")
            got = _got(all_details[0]) if message.startswith("must be ") else ""
            yield path, message + got, hints[0] if hints else ""


def _path(location: Path, values: Any) -> Path:
    """`location` without what pydantic adds to it: names of members of unions."""
    path: list[str | int] = []
    for part in location:
        if isinstance(values, dict) and isinstance(part, str):
            known = part in values or part in _fields_at(tuple(path))
            if not known:
                continue
            path.append(part)
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            path.append(part)
            values = values[part] if part < len(values) else None
        elif not path or values is None:
            path.append(part)
    return tuple(path)


def _fields_at(path: Path) -> list[str]:
    """Names of the keys allowed at a path."""
    found: list[str] = []
    for model in _models_at(path):
        found.extend(name for name in model.model_fields if name not in found)
    return found


def _models_at(path: Path) -> list[type[BaseModel]]:
    models: list[type[BaseModel]] = [RunConfig]
    for part in path:
        annotations = [
            model.model_fields[str(part)].annotation for model in models if str(part) in model.model_fields
        ]
        models = [model for annotation in annotations for model in _models_in(annotation)]
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _about_unknown(path: Path) -> str:
    """The closest valid key beside it, or the section where that key belongs."""
    name, parent = str(path[-1]), path[:-1]
    here = _fields_at(parent)
    for section in RunConfig.model_fields:
        if (section,) != parent and name in _fields_at((section,)):
            return f"it belongs under {section}"
    close = difflib.get_close_matches(name, here, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    everywhere = {key: section for section in RunConfig.model_fields for key in _fields_at((section,))}
    close = difflib.get_close_matches(name, everywhere, n=1, cutoff=0.75)
    if close:
        return f"did you mean {everywhere[close[0]]}.{close[0]}?"
    return f"valid keys here: {', '.join(here)}"


_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _message(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"must be {words} {context[name]:g}"
    if kind in ("literal_error", "union_tag_invalid"):
        allowed = context.get("expected") or context.get("expected_tags", "")
        return f"must be {_alternatives(allowed)}"
    if kind.startswith("int"):
        return f"must be a whole number"
    if kind.startswith("float") or kind == "finite_number":
        return f"must be a number"
    if kind.startswith("bool"):
        return f"must be true or false"
    if kind.startswith("string"):
        return "must not be empty" if kind == "string_too_short" else f"must be a text"
    if kind == "list_type":
        return f"must be a list"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"must be a section with keys of its own"
    # Our own validators speak for themselves.
    return details["msg"].removeprefix("Value error, ")


def _alternatives(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def _got(details: ErrorDetails) -> str:
    given = details["input"]
    return "" if isinstance(given, dict | BaseModel) else f", not {given!r}"


def _closest_choice(details: ErrorDetails) -> str:
    if details["type"] not in ("literal_error", "union_tag_invalid"):
        return ""
    context = details["ctx"]
    given = context.get("tag", details["input"])
    choices = _alternatives(context.get("expected") or context.get("expected_tags", "")).split(", ")
    close = difflib.get_close_matches(str(given), choices, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def llama_factory(values: dict[str, Any]) -> bool:
    """Whether this is a flat LLaMA-Factory configuration."""
    marks = {
        "model_name_or_path",
        "stage",
        "finetuning_type",
        "dataset",
        "template",
        "cutoff_len",
        "lora_rank",
    }
    return len(marks & values.keys()) >= 2 and not SHORT_FORMS.keys() & values.keys()
