"""The formats that rows can have: their fields, and what they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, get_args

from llmtune_kernel.config.changes import Change, change_to
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.config.sources import RowField
from llmtune_kernel.data.problems import RowProblem
from llmtune_kernel.data.turns import Tags
from llmtune_kernel.locale import N_, _

Row = dict[str, Any]


@dataclass(frozen=True)
class RowFormat:
    """A recognised format: its name and, for each field of it that the rows have, the column that is read.

    `tags`: how turns are written, where that is not OpenAI's or ShareGPT's form.
    """

    name: str
    fields: Mapping[str, str]
    tags: Tags | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that are read, in the order of the format."""
        return list(self.fields.values())

    def value(self, row: Row, field: str) -> Any:
        """What `row` has for a field of the format; None if nothing."""
        return row.get(self.fields.get(field, field)) if field in self.fields else None

    def column(self, field: str) -> str:
        """What the column of a field is called, also where the rows have none."""
        return self.fields.get(field, field)


NEEDS = {
    "alpaca": N_("columns instruction and output; input, system and history are optional"),
    "messages": N_("a column messages (or conversations): a list of {role, content}; tools is optional"),
    "sharegpt": N_("a column conversations: a list of {from, value}; system and tools are optional"),
    "prompt_completion": N_("columns prompt and completion"),
    "text": N_("a column text"),
    "preference": N_(
        "columns chosen and rejected; prompt, instruction or conversations say what is answered"
    ),
    "kto": N_("a column label (or kto_tag), true or false, beside the columns of a conversation"),
    "reward": N_("columns chosen and rejected, as for preference, or as two whole texts"),
    "prompt": N_("a column prompt, and no answers"),
}
_MEDIA = ("images", "videos", "audios", "image", "video", "audio")
_ASKED = ("prompt", "instruction", "input", "history", "messages", "system", "tools")
REQUIRED = {
    "alpaca": ("instruction", "output"),
    "messages": ("messages",),
    "sharegpt": ("messages",),
    "prompt_completion": ("prompt", "completion"),
    "text": ("text",),
    "preference": ("chosen", "rejected"),
    "kto": ("label",),
    "reward": ("chosen", "rejected"),
    "prompt": ("prompt",),
}
OPTIONAL = {
    "alpaca": ("input", "system", "history", "tools"),
    "messages": ("system", "tools"),
    "sharegpt": ("system", "tools"),
    "prompt_completion": ("system", "tools"),
    "text": (),
    "preference": _ASKED,
    "kto": (
        "prompt",
        "completion",
        "instruction",
        "input",
        "output",
        "history",
        "messages",
        "system",
        "tools",
    ),
    "reward": _ASKED,
    "prompt": ("system", "tools"),
}
# Rows of these say of answers which are better or wanted: more than an answer to learn.
JUDGED = ("preference", "kto", "reward")
# What rows of these ask is never learned, and they share no sequence.
ASKING = (*JUDGED, "prompt")
# A row of these is two sequences.
PAIRED = ("preference", "reward")
CONVERSATIONS = ("alpaca", "messages", "sharegpt", "prompt_completion")
# Fields whose column may have several names.
ALIASES = {"messages": ("messages", "conversations"), "label": ("label", "kto_tag")}
FIELDS: tuple[str, ...] = get_args(RowField)


# Every column that some format reads without being told.
COLUMNS = frozenset(name for field in FIELDS for name in ALIASES.get(field, (field,)))


def raise_problems(problems: Sequence[RowProblem], rows: int, changes: Iterable[Change] = ()) -> NoReturn:
    """Report all problems found in `rows` rows as one error that lists the first ten.

    Raises:
        UserError: always.
    """
    raise UserError(
        _(
            "{wrong:,} of {rows:,} rows cannot be trained on (rows are counted from 0).",
            wrong=len(problems),
            rows=rows,
        ),
        "\n         ".join(list_problems(problems)),
        "\n         ".join(dict.fromkeys(problem.fix for problem in problems)),
        changes,
    )


def list_problems(problems: Sequence[RowProblem]) -> list[str]:
    """A line for each of the first ten problems, and how many more there are."""
    lines = [str(problem) for problem in problems[:10]]
    if len(problems) > len(lines):
        lines.append(_("and {count:,} more", count=len(problems) - len(lines)))
    return lines


def read_as(format: str) -> Change:
    """Read the rows of a source in another format."""
    return change_to("format", format, _("Set format to {format}", format=format))


def unread_media(columns: Iterable[str]) -> str:
    """A warning, if there are columns of pictures, sounds or films; else empty."""
    found = [column for column in columns if column in _MEDIA]
    return _("Only text is trained on: {columns} is not read.", columns=", ".join(found)) if found else ""
