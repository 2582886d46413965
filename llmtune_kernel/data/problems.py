"""What is wrong with a row, and texts that nothing is wrong with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from llmtune_kernel.locale import _

# A text of more characters than a book has is a mistake, and would take minutes to encode.
LONGEST = 20_000_000
# Levels of a JSON value; templates go through them one in the other.
_DEEPEST = 100


class Turn(NamedTuple):
    """Who says what, to be read by people."""

    role: str
    text: str


# No answer where one has to be; turns out of order; nothing that is learned; too long; anything else.
ProblemKind = Literal["empty", "order", "untrained", "long", "other"]


class RowProblem(Exception):
    """Why one row cannot be trained on.

    Args:
        row: Its number, from 0.
        column: The column that is wrong; empty when it is the row as a whole.
        reason: What is wrong, to be read after the column's name.
        fix: What to do about it; by default to correct or remove the row.
        kind: Of the problem, so that problems can be counted.

    `source` says where the row is from, where there are several sources, and `place` where it is, where these are
    several files; `turns` is the conversation that is wrong, as far as it is one, and `turn` the number of the turn at
    fault.
    """

    source = ""
    place = ""
    turns: Sequence[Turn] = ()
    turn: int | None = None

    def __init__(
        self, row: int, column: str, reason: str, fix: str = "", kind: ProblemKind = "other"
    ) -> None:
        super().__init__(row, column, reason, fix, kind)
        self.row = row
        self.column = column
        self.reason = reason
        self._fix = fix
        self.kind = kind

    @property
    def fix(self) -> str:
        """What to do about this row and others like it."""
        return self._fix or _("Correct these rows or remove them.")

    @property
    def fix_of_one(self) -> str:
        """What to do about this row alone."""
        return self._fix or _("Correct this row, or leave it out.")

    def at(self, turns: Sequence[Turn], number: int) -> RowProblem:
        """This problem, which turn `number` has."""
        self.turns, self.turn = turns, number
        return self

    def __str__(self) -> str:
        said = f"{self.column} {self.reason}" if self.column else self.reason
        row = f"{self.row} ({self.place})" if self.place else self.row
        if self.source:
            return _("{source}, row {row}: {reason}", source=self.source, row=row, reason=said)
        return _("row {row}: {reason}", row=row, reason=said)


def check_text(value: Any, row: int, column: str, place: str = "") -> str:
    """Return `value` if it is text that can be tokenized.

    Raises:
        RowProblem: it is not; `place` says where in the column it is.
    """
    if value is None:
        raise RowProblem(row, column, at(place, _("is missing")))
    if not isinstance(value, str):
        reason = _("is of type {kind}, not text", kind=type(value).__name__)
        whole = not place and not isinstance(value, list | dict)
        how = '.str.decode("utf-8")' if isinstance(value, bytes) else ".astype(str)"
        fix = _('Make it text, in pandas: df["{column}"] = df["{column}"]{how}', column=column, how=how)
        raise RowProblem(row, column, at(place, reason), fix if whole else "")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        reason = _("is not valid Unicode at character {position}", position=error.start)
        raise RowProblem(row, column, at(place, reason)) from error
    if len(value) > LONGEST:
        reason = _("has {count:,} characters, more than {limit:,}", count=len(value), limit=LONGEST)
        raise RowProblem(row, column, at(place, reason), _("Split it into several rows."))
    if "\0" in value:
        reason = _("holds a NUL character at {position}", position=value.index("\0"))
        raise RowProblem(row, column, at(place, reason))
    return value


def check_values(value: Any, row: int, column: str, place: str = "") -> None:
    """Raise RowProblem if a text in a JSON value, or a key, cannot be tokenized, or JSON has no form for the value."""
    inner = [value]
    for _depth in range(_DEEPEST):
        for text in (one for one in inner if isinstance(one, str)):
            check_text(text, row, column, place)
        if any(isinstance(one, float) and not math.isfinite(one) for one in inner):
            raise RowProblem(row, column, at(place, _("holds a number that JSON does not have")))
        inner = [item for one in inner for item in _inside(one)]
        if not inner:
            return
    raise RowProblem(row, column, at(place, _("is nested too deeply")))


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def at(place: str, reason: str) -> str:
    """What is wrong at a place in a column; empty where it is the column as a whole."""
    return _("{place} {reason}", place=place, reason=reason) if place else reason
