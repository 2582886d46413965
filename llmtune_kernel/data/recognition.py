"""Which format the rows of a data set have, and which column is what."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from llmtune_kernel.config.changes import Change, leave_out
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.config.sources import RowField
from llmtune_kernel.data.formats import (
    ALIASES,
    CONVERSATIONS,
    FIELDS,
    NEEDS,
    OPTIONAL,
    PAIRED,
    REQUIRED,
    Row,
    RowFormat,
    read_as,
)
from llmtune_kernel.data.rows import QUESTIONS
from llmtune_kernel.data.turns import Tags, keys_of_turns
from llmtune_kernel.locale import _, look_up

# Columns by other names that are usual, too: the field of a format that each would be.
_USUAL_ELSEWHERE: tuple[dict[RowField, str], ...] = (
    {"instruction": "instruction", "input": "context", "output": "response"},
    {"instruction": "instruction", "output": "response"},
    {"prompt": "prompt", "completion": "response"},
    {"prompt": "question", "completion": "answer"},
    {"prompt": "question", "completion": "response"},
    {"prompt": "query", "completion": "response"},
    {"prompt": "query", "completion": "answer"},
    {"prompt": "problem", "completion": "solution"},
    {"prompt": "input", "completion": "output"},
    {"text": "content"},
)
# How they may be written with other capitals.
_USUAL: tuple[dict[RowField, str], ...] = (
    {"chosen": "chosen", "rejected": "rejected"},
    {"instruction": "instruction", "output": "output"},
    {"prompt": "prompt", "completion": "completion"},
    {"messages": "messages"},
    {"messages": "conversations"},
    {"text": "text"},
)
_ANSWERED = ("completion", "output", "chosen", "rejected")
Judged = Literal["yes", "no", "maybe"]


@dataclass(frozen=True)
class Shapes:
    """What many rows look like.

    `count`: how many they are; `columns`: all of them; `numbers`, `rows`: the first row of each shape, by which columns
    have a value, and of which kind.
    """

    count: int
    columns: list[str]
    numbers: list[int]
    rows: list[Row]


def shapes_of(rows: Iterable[Row]) -> Shapes:
    """Look through rows once."""
    columns: dict[str, None] = {}
    found: dict[object, tuple[int, Row]] = {}
    count = 0
    for count, row in enumerate(rows, start=1):
        if not columns.keys() >= row.keys():
            columns.update(dict.fromkeys(row))
        shape = tuple((column, _kind_of(value)) for column, value in row.items() if value is not None)
        if shape not in found:
            found[shape] = (count - 1, row)
    return Shapes(
        count, list(columns), [number for number, _ in found.values()], [row for _, row in found.values()]
    )


def _kind_of(value: Any) -> object:
    return type(value), frozenset(keys_of_turns(value))


def row_name(number: int) -> str:
    """What a row is called in an error."""
    return _("row {row}", row=number)


def recognise(
    rows: Sequence[Row],
    format: str = "auto",
    columns: Mapping[Any, str | None] | None = None,
    tags: Tags | None = None,
    numbers: Sequence[int] | None = None,
    name_of: Callable[[int], str] = row_name,
) -> RowFormat:
    """Name the format of all `rows`; with `format` given, check that its columns are there.

    The changes of an error begin at the source of the rows.

    Args:
        columns: For fields of the format the column that holds them, where its name is another; None for a field that
            is not to be read.
        tags: How turns are written, where that is not OpenAI's or ShareGPT's form.
        numbers: Of the rows; None counts them from 0.
        name_of: What a row is called in an error, by its number.

    Raises:
        UserError: no format fits, several do, rows differ, or columns that are needed are missing.
    """
    present: dict[str, None] = {}
    for row in rows:
        present.update(dict.fromkeys(column for column, value in row.items() if value is not None))
    found = _Columns(present, columns or {}, tags)
    numbers = range(len(rows)) if numbers is None else numbers
    for number, row in zip(numbers, rows, strict=True):
        found.refuse_both(row, name_of(number))
    name = (
        _recognise_all(rows, found, [name_of(number) for number in numbers]) if format == "auto" else format
    )
    missing = [found.name_of(field) for field in REQUIRED[name] if field not in found.of]
    if missing:
        raise UserError(
            _("The rows have no column {columns}.", columns=_quoted(missing)),
            _("columns found: {columns}", columns=", ".join(present) or _("none")),
            _("The format {name} needs {needs}.", name=name, needs=look_up(NEEDS[name])),
            map(read_as, found.common_candidates(rows)),
        )
    unread = found.unread(rows) if name in PAIRED else set()
    known = [
        field for field in (*REQUIRED[name], *OPTIONAL[name]) if field in found.of and field not in unread
    ]
    for first, second in itertools.combinations(known, 2):
        if found.of[first] == found.of[second]:
            raise UserError(
                _(
                    "The column {column!r} is read as {first} and as {second}.",
                    column=found.of[first],
                    first=first,
                    second=second,
                ),
                f"data.columns: {second}",
                _("Name another column for one of them, or leave it out."),
                [leave_out(f"columns.{second}")],
            )
    used = {found.of[field] for field in known}
    strange = [
        field for field, column in (columns or {}).items() if column is not None and column not in used
    ]
    if strange:
        raise UserError(
            _("The column {field} is no part of the format {name}.", field=strange[0], name=name),
            f"data.columns: {strange[0]}",
            _("Leave it out of data.columns, or choose another format."),
            [leave_out(f"columns.{strange[0]}")],
        )
    return RowFormat(name, {field: found.of[field] for field in known}, tags)


def formats_of_columns(columns: Iterable[str]) -> list[str]:
    """The formats that rows with these columns fit, of those that columns alone tell."""
    present = set(columns)
    return [name for name, needed in REQUIRED.items() if "messages" not in needed and present >= set(needed)]


class _Columns:
    """Which column of the rows is which field.

    Raises UserError if a column that `mapping` names is not there, or `mapping` names no field.
    """

    def __init__(
        self, present: Mapping[str, None], mapping: Mapping[Any, str | None], tags: Tags | None
    ) -> None:
        self.present = present
        self.tags = tags
        self._mapping = mapping
        for field, column in mapping.items():
            if column is not None and column not in present:
                raise UserError(
                    _("The rows have no column {columns}.", columns=repr(column)),
                    _(
                        "data.columns, {field}; columns found: {columns}",
                        field=field,
                        columns=", ".join(present),
                    ),
                    _("Name the column that holds {field}.", field=field),
                    [_reads(field, name) for name in difflib.get_close_matches(column, list(present))],
                )
        taken = set(mapping.values())
        self.of: dict[str, str] = {field: column for field, column in mapping.items() if column is not None}
        for field in FIELDS:
            names = [name for name in ALIASES.get(field, (field,)) if name in present and name not in taken]
            if field not in mapping and names:
                self.of[field] = names[0]

    def refuse_both(self, row: Row, where: str) -> None:
        """Raise UserError if two columns of a row have a value and are of the same field."""
        for field, names in ALIASES.items():
            both = [name for name in names if row.get(name) is not None]
            if len(both) > 1 and field not in self._mapping:
                raise UserError(
                    _("The row has the columns {columns}, which mean the same.", columns=_quoted(both)),
                    where,
                    _("Say which one is read: data.columns, {field}: {column}", field=field, column=both[0]),
                    [_reads(field, column) for column in both],
                )

    def name_of(self, field: str) -> str:
        return self._mapping.get(field) or field

    def value(self, row: Row, field: str) -> Any:
        return row.get(self.of[field]) if field in self.of else None

    def signature(self, row: Row) -> tuple[object, ...]:
        """What the candidates of a row depend on."""
        turns = keys_of_turns(self.value(row, "messages")) if "messages" in self.of else ()
        label = self.value(row, "label")
        filled = tuple(field for field, column in self.of.items() if row.get(column) is not None)
        return filled, frozenset(turns), _says_wanted(label)

    def candidates(self, row: Row) -> list[str]:
        """The formats that a row fits."""
        has = {field for field, column in self.of.items() if row.get(column) is not None}
        names = []
        if {"chosen", "rejected"} <= has:
            names.append("preference")
            # These columns then say what is answered.
            has -= {"messages"}
        names += [name for name in ("alpaca", "prompt_completion", "text") if has >= set(REQUIRED[name])]
        if "alpaca" in names and "text" in names and self.of["text"] == self.of["instruction"]:
            names.remove("text")
        if "messages" in has:
            keys = keys_of_turns(self.value(row, "messages"))
            if "from" in keys or (self.tags is not None and self.tags.role not in ("", "role")):
                names.append("sharegpt")
            elif "role" in keys or self.of["messages"] == "messages":
                names.append("messages")
        wanted = self._judged(row)
        if wanted != "no" and any(name in CONVERSATIONS for name in names):
            # A label true or false beside an answer says whether the answer is wanted; 0 or 1 may be anything.
            others = [name for name in names if wanted == "maybe" or name not in CONVERSATIONS]
            names = ["kto", *others]
        return names

    def unread(self, rows: Sequence[Row]) -> set[str]:
        """What nobody asked for that could say what the answers of a preference are about, where all rows say it."""
        for place, field in enumerate(QUESTIONS):
            if all(self.value(row, field) is not None for row in rows):
                others = {*QUESTIONS[place + 1 :], *(() if field == "instruction" else ("input", "history"))}
                return {other for other in others if not self._mapping.get(other)}
        return set()

    def common_candidates(self, rows: Sequence[Row]) -> list[str]:
        """The formats that every row fits."""
        return [name for name in NEEDS if rows and all(name in self.candidates(row) for row in rows)]

    def has_part(self, row: Row, name: str) -> bool:
        """Whether a row has a value for what the format `name` needs."""
        return any(self.value(row, field) is not None for field in REQUIRED[name])

    def lacks(self, row: Row, name: str) -> bool:
        """Whether a row has the columns that the format `name` needs, and one of them without a value."""
        needed = [self.of[field] for field in REQUIRED[name] if field in self.of]
        return any(column in row and row[column] is None for column in needed)

    def has_label(self, row: Row, names: Sequence[str]) -> bool:
        """Whether a row that fits the formats `names` is a conversation with a label, whatever that says."""
        return self.value(row, "label") is not None and any(name in CONVERSATIONS for name in names)

    def _judged(self, row: Row) -> Judged:
        """Whether a row says that its answer is wanted, or not."""
        label = self.value(row, "label")
        told = bool(self._mapping.get("label")) or self.of.get("label") == "kto_tag"
        return "yes" if told and label is not None else _says_wanted(label)


def _says_wanted(label: Any) -> Judged:
    if isinstance(label, bool) or (isinstance(label, str) and label.lower() in ("true", "false")):
        return "yes"
    return "maybe" if isinstance(label, int | float) and label in (0, 1) else "no"


def _recognise_all(rows: Sequence[Row], columns: _Columns, row_names: Sequence[str]) -> str:
    known: dict[tuple[object, ...], list[str]] = {}
    found = []
    for row in rows:
        signature = columns.signature(row)
        if signature not in known:
            known[signature] = columns.candidates(row)
        found.append(known[signature])
    present = columns.present
    several = next((names for names in found if len(names) > 1), None)
    if several:
        raise UserError(
            _("The rows fit several formats: {formats}.", formats=", ".join(several)),
            _("columns found: {columns}", columns=", ".join(present)),
            _("Say which one is meant, for example format: {first}.", first=several[0]),
            map(read_as, several),
        )
    first = next((place for place, names in enumerate(found) if names == ["kto"]), None)
    if first is None:
        first = next((place for place, names in enumerate(found) if names), None)
    if first is None:
        if _only_asks(rows, columns):
            return "prompt"
        raise UserError(
            _("The rows fit no format."),
            _("columns found: {columns}", columns=_shape(rows[0]) if rows and present else _("none")),
            "\n".join(
                [
                    *map(_said, _other_names(present)),
                    _("Rename the columns, or say with data.columns which is which, to have one of"),
                    *(f"         {name}: {look_up(needs)}" for name, needs in NEEDS.items()),
                ]
            ),
            _other_names(present),
        )
    name = found[first][0]
    for second, row, names in zip(row_names, rows, found, strict=True):
        if name in names or (not names and columns.has_part(row, name)) or columns.lacks(row, name):
            continue
        if name == "kto" and columns.has_label(row, names):
            continue
        if names:
            what = _(
                "The rows are of mixed formats: {first} is {name}, {second} is {other}.",
                first=row_names[first],
                name=name,
                second=second,
                other=names[0],
            )
        else:
            what = _(
                "The rows are of mixed formats: {first} is {name}, {second} is no format; it has {shape}.",
                first=row_names[first],
                name=name,
                second=second,
                shape=_shape(row),
            )
        raise UserError(
            what,
            second,
            _("Give every row the same columns."),
        )
    return name


def _only_asks(rows: Sequence[Row], columns: _Columns) -> bool:
    """Whether all rows, of which none fits another format, have a prompt, and no column that is known for answers."""
    asks = bool(rows) and all(columns.value(row, "prompt") is not None for row in rows)
    # An answer may be missing in all of them.
    answers = {name for field in _ANSWERED for name in ALIASES.get(field, (field,))}
    return asks and not any(answers & row.keys() for row in rows) and not any(_other_names(columns.present))


def _other_names(present: Iterable[str]) -> Iterator[Change]:
    """What would read columns with names that are usual elsewhere, the first that fits."""
    there = {column.lower(): column for column in present}
    for usual in (*_USUAL, *_USUAL_ELSEWHERE):
        if there.keys() >= set(usual.values()):
            meant: dict[str, JsonValue] = {field: there[column] for field, column in usual.items()}
            if all(field == column for field, column in meant.items()):
                continue
            columns, fields = ", ".join(map(str, meant.values())), ", ".join(meant)
            label = _("Read {column} as {field}", column=columns, field=fields)
            yield Change(path=("columns",), value=meant, label=label)
            return


def _said(change: Change) -> str:
    assert isinstance(change.value, dict)
    columns = ", ".join(f"{field}: {column}" for field, column in change.value.items())
    return _("Set data.columns to {columns}.", columns=f"{{{columns}}}")


def _reads(field: str, column: str) -> Change:
    label = _("Read {column} as {field}", column=column, field=field)
    return Change(path=("columns", field), value=column, label=label)


def _shape(row: Row) -> str:
    kinds = []
    for column, value in row.items():
        keys = keys_of_turns(value)
        named = ", ".join(sorted(map(str, keys)))
        shape = _("list of {{{keys}}}", keys=named) if keys else type(value).__name__
        kinds.append(f"{column} ({'null' if value is None else shape})")
    return ", ".join(kinds) or _("no values")


def _quoted(columns: Sequence[str]) -> str:
    return _(" and ").join(repr(column) for column in columns)
