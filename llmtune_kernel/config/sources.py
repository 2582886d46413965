"""Where rows come from, and how they are written."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field

from llmtune_kernel.config.section import PathText, Section, setting
from llmtune_kernel.locale import N_, _

# What the row formats call the parts of a row.
RowField = Literal[
    "instruction",
    "input",
    "output",
    "history",
    "system",
    "messages",
    "tools",
    "prompt",
    "completion",
    "text",
    "chosen",
    "rejected",
    "label",
]
# The keys of a turn, and its speakers.
TagName = Literal["role", "content", "system", "user", "assistant", "function_call", "observation"]


def _check_source(value: str) -> str:
    if value.startswith("$") and not value[1:].isidentifier():
        raise ValueError(
            _("{value!r} does not name a variable", value=value),
            _("write $ and the name of one, such as $rows, or a file path"),
        )
    return value


def _check_columns(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(
            _("columns says which column holds what"), _("write {{instruction: question, output: answer}}")
        )
    fields = get_args(RowField)
    for field, column in value.items():
        if field not in fields:
            raise ValueError(_("{field!r} is no field of a row format", field=field), closest(field, fields))
        if column is not None and not (isinstance(column, str) and column):
            raise ValueError(
                _("{field} must be the name of a column; got {column!r}", field=field, column=column),
                _("write it as text: {{{field}: name}}", field=field),
            )
    return value


def _check_tags(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(
            _("tags says how turns are written"), _("write {{role: from, content: value, user: human}}")
        )
    names = get_args(TagName)
    for name, tag in value.items():
        if name not in names:
            raise ValueError(_("{name!r} is no tag of turns", name=name), closest(name, names))
        if not (isinstance(tag, str) and tag):
            raise ValueError(_("{name} must be text; got {tag!r}", name=name, tag=tag), _("put it in quotes"))
    return value


def closest(given: object, known: tuple[str, ...]) -> str:
    """How to mend a word that is not among the known ones: the one most like it, or all."""
    close = difflib.get_close_matches(str(given), known, n=1)
    return _("did you mean {name}?", name=close[0]) if close else _("known: {names}", names=", ".join(known))


Source = Annotated[PathText, Field(min_length=1), AfterValidator(_check_source)]
Columns = Annotated[dict[RowField, str | None], BeforeValidator(_check_columns)]
Tags = Annotated[dict[TagName, str], BeforeValidator(_check_tags)]
Format = Literal[
    "auto",
    "alpaca",
    "messages",
    "sharegpt",
    "prompt_completion",
    "text",
    "preference",
    "kto",
    "reward",
    "prompt",
]


class SourceConfig(Section):
    """One source of rows."""

    source: Source = setting(
        ...,
        "Source",
        "A notebook variable as $name, a file, folder or pattern, or the name of a registered or public data set.",
    )
    subset: str | None = setting(None, "Subset", "Configuration of a data set on a hub.", min_length=1)
    split: str | None = setting(None, "Split", "Split of a data set on a hub; left out, train.", min_length=1)
    folder: str | None = setting(None, "Folder", "Folder inside a data set on a hub.", min_length=1)
    revision: str | None = setting(
        None, "Revision", "Branch, tag or commit of a data set on a hub.", min_length=1
    )
    num_samples: int | None = setting(
        None,
        "Number of rows",
        "Draw this many rows at random; more than there are repeats some. Left out, all.",
        unit="rows",
        ge=1,
    )
    weight: float = setting(
        1.0,
        "Weight",
        "Share of this source among those that are interleaved; with concat, how often its rows are repeated.",
        gt=0,
    )
    format: Format | None = setting(None, "Row format", "Of this source; left out, that of all data.")
    columns: Columns | None = setting(None, "Columns", "Of this source; left out, those of all data.")
    tags: Tags | None = setting(None, "Tags", "Of this source; left out, those of all data.")


SOURCES = N_("text, a section such as {source: rows.jsonl, weight: 2}, or a list of these")
Sources = (
    Source
    | SourceConfig
    | Annotated[
        list[
            Annotated[
                Source | SourceConfig,
                Field(description=N_("text, or a section such as {source: rows.jsonl, weight: 2}")),
            ]
        ],
        Field(min_length=1),
    ]
)
