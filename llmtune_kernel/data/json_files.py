"""Rows of JSON files, read as they are needed: a file need not fit into memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import COLUMNS, Row
from llmtune_kernel.data.json_text import JSON, KeyTwice, is_unicode, load_json, reason_of
from llmtune_kernel.data.packed import open_text
from llmtune_kernel.locale import _

_PIECE = 2**20  # characters
# At the end of a piece a literal, a number or an escape may be cut.
_LONGEST_CUT = 16
_OPEN_STRING = re.compile(r"Unterminated string")
_SPACE = re.compile(r"[ \t\n\r]*")


def read_json(path: Path) -> Iterator[Row]:
    """The rows of an array of objects, which is read as it goes, of one object, or of one a line.

    Raises:
        UserError: it is not valid, or a row is no object.
    """
    first = _first_character(path)
    if not first:
        return
    if first == "[":
        yield from _read_array(path)
    elif _is_value_a_line(path):
        yield from read_jsonl(path)
    else:
        with open_text(path) as file:
            try:
                value = load_json(file.read())
            except json.JSONDecodeError as error:
                raise _broken_json(path, error.lineno, reason_of(error)) from error
        row = _row(path, _("row {row}", row=0), value)
        if _is_of_columns(row):
            raise UserError(
                _("{name} is written by columns, not by rows.", name=path.name),
                str(path),
                _("Write an array of objects; in pandas: {code}", code='df.to_json(path, orient="records")'),
            )
        if not COLUMNS & row.keys():
            raise _no_rows(path, row)
        yield row


def _read_array(path: Path) -> Iterator[Row]:
    with open_text(path) as file:
        reader = _ArrayReader(file)
        try:
            for number, value in enumerate(reader):
                yield _row(path, _("row {row}", row=number), value)
        except json.JSONDecodeError as error:
            raise _broken_json(path, reader.line, reason_of(error)) from error


def _first_character(path: Path) -> str:
    """The first one that is no blank; empty if there is none."""
    with open_text(path) as file:
        return next((each for each in iter(lambda: file.read(1), "") if not each.isspace()), "")


def _is_value_a_line(path: Path) -> bool:
    """Whether the first line is a JSON value of its own, and another follows."""
    with open_text(path) as file:
        lines = (line for line in file if line.strip())
        try:
            load_json(next(lines, ""))
        except json.JSONDecodeError:
            return False
        return next(lines, None) is not None


def read_jsonl(path: Path) -> Iterator[Row]:
    """The rows of a file with an object a line; an array of objects is read as such, whatever the file is called.

    Raises:
        UserError: a line is not valid, or is no object.
    """
    if _first_character(path) == "[" and not _is_value_a_line(path):
        yield from _read_array(path)
        return
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                value = load_json(line)
            except json.JSONDecodeError as error:
                raise _broken_json(path, number, reason_of(error)) from error
            yield _row(path, _("line {line}", line=number), value)


def _is_of_columns(value: Row) -> bool:
    """Whether an object holds whole columns: equally long lists of texts, or objects whose keys are numbers."""
    columns = list(value.values())
    if all(isinstance(column, dict) and column for column in columns):
        return all(list(column) == [str(number) for number in range(len(column))] for column in columns)
    return (
        len(columns) > 1
        and all(isinstance(column, list) and column for column in columns)
        and len({len(column) for column in columns}) == 1
        and not any(isinstance(item, dict | list) for column in columns for item in column)
    )


def _no_rows(path: Path, value: Row) -> UserError:
    """The mistake that a file holds one object that is no row; names the key that holds the rows, if one does."""
    fix = _("Write an array of objects, or one object a line.")
    for key, inner in value.items():
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            fix = _("Write only the list that is under {key!r}.", key=key)
            break
    return UserError(
        _(
            "{name} holds one object, which is no row: it has none of the columns that are read.",
            name=path.name,
        ),
        str(path),
        fix,
    )


def _broken_json(path: Path, line: int, reason: str) -> UserError:
    fix = _("Write an array of objects, or one object a line.")
    return UserError(
        _("{name} is not valid JSON: {reason}.", name=path.name, reason=reason),
        _("{path}, line {line}", path=path, line=line),
        fix,
    )


def _row(path: Path, where: str, value: object) -> Row:
    if not isinstance(value, dict):
        raise _not_an_object(path, where, value)
    for name in value:
        if not is_unicode(name):
            raise UserError(
                _(
                    "A column of {name} has a name that is not valid Unicode: {column}.",
                    name=path.name,
                    column=ascii(name),
                ),
                f"{path}, {where}",
                _("Rename it."),
            )
    return value


def _not_an_object(path: Path, where: str, value: object) -> UserError:
    names = {
        list: _("an array"),
        str: _("a string"),
        int: _("a number"),
        float: _("a number"),
        bool: _("a boolean"),
        type(None): "null",
    }
    return UserError(
        _("A row of {name} is {kind}, not an object.", name=path.name, kind=names[type(value)]),
        f"{path}, {where}",
        _("Make each row a JSON object."),
    )


class _ArrayReader:
    """The elements of the array that a text file holds, from its start.

    Iterating raises json.JSONDecodeError where it is not valid; `line` says where that is.
    """

    def __init__(self, file: TextIO) -> None:
        self._file, self._ended = file, False
        self._text, self._place = "", 0
        self._lines_before = 0

    @property
    def line(self) -> int:
        """The line that is read, from 1."""
        return self._lines_before + self._text.count("\n", 0, self._place) + 1

    def __iter__(self) -> Iterator[Any]:
        self._expect("[")
        if self._next() != "]":
            yield self._element()
            while self._next() == ",":
                self._place += 1
                yield self._element()
            if self._next() != "]":
                self._fail("Expecting ',' delimiter")
        self._expect("]")
        if self._next():
            self._fail(_("more follows the end of the array"))

    def _element(self) -> Any:
        self._next()
        while True:
            try:
                value, stop = JSON.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                near = error.pos > len(self._text) - _LONGEST_CUT
                if self._ended or not (near or _OPEN_STRING.match(error.msg)):
                    self._fail(error.msg, error.pos)
            except RecursionError:
                self._fail(_("nested too deeply"))
            except KeyTwice as error:
                self._fail(str(error))
            else:
                # The rest of a number may follow.
                if self._ended or stop < len(self._text):
                    self._place = stop
                    return value
            self._read()

    def _next(self) -> str:
        """The next character that is not white space, which is passed over; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._place)
            assert space
            self._place = space.end()
            if self._ended or self._place < len(self._text):
                return self._text[self._place : self._place + 1]
            self._read()

    def _expect(self, character: str) -> None:
        if self._next() != character:
            self._fail(f"Expecting '{character}'")
        self._place += 1

    def _read(self) -> None:
        """Hold on to what is not used yet, and at least as much again."""
        self._lines_before += self._text.count("\n", 0, self._place)
        rest = self._text[self._place :]
        more = self._file.read(max(_PIECE, len(rest)))
        self._text, self._place, self._ended = rest + more, 0, not more

    def _fail(self, reason: str, place: int | None = None) -> None:
        self._place = self._place if place is None else place
        raise json.JSONDecodeError(reason, self._text, self._place) from None
