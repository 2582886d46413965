"""Rows of CSV files, read as they are needed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.packed import open_text
from llmtune_kernel.locale import _, _n

_OTHER_SEPARATOR = re.compile(r'"[;\t|]"')


def read_csv(path: Path) -> Iterator[Row]:
    """The rows of a file of comma separated values, each value a text.

    Raises:
        UserError: it is no such file, or a row has another number of fields than the header.
    """
    # The default limit of 128 KiB a field would refuse long documents.
    csv.field_size_limit(2**31 - 1)
    with open_text(path, newline="") as file:
        reader = csv.reader(file, strict=True)
        line = 1  # where the row begins
        try:
            header = next(filter(None, reader), [])
            _check_header(path, header, reader.line_num)
            while True:
                line = reader.line_num + 1
                fields = next(reader, None)
                if fields is None:
                    break
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise _other_length(path, line, len(fields), len(header))
                yield dict(zip(header, fields, strict=True))
        except csv.Error as error:
            if line == 1:
                _check_separator(path)
            where = _("{path}, line {line}", path=path, line=line)
            raise UserError(
                _("{name} is not valid CSV: {error}.", name=path.name, error=error),
                where,
                _("Check the quotes there."),
            ) from error


def _other_length(path: Path, line: int, fields: int, header: int) -> UserError:
    return UserError(
        _n(
            "A row of {name} has {fields} field, the header has {header}.",
            "A row of {name} has {fields} fields, the header has {header}.",
            fields,
            name=path.name,
            fields=fields,
            header=header,
        ),
        _("{path}, line {line}", path=path, line=line),
        _("Put text that holds commas or line breaks in double quotes.")
        if fields > header
        else _("Give it a field for each column, if need be an empty one."),
    )


def _check_separator(path: Path) -> None:
    """Raise UserError if what stands between the quoted names of columns is no comma."""
    with open_text(path) as file:
        if _OTHER_SEPARATOR.search(file.readline()):
            raise _not_commas(path, 1)


def _not_commas(path: Path, line: int) -> UserError:
    return UserError(
        _("{name} is not separated by commas.", name=path.name),
        _("{path}, line {line}", path=path, line=line),
        _("Save it as CSV with commas between fields."),
    )


def _check_header(path: Path, header: list[str], line: int) -> None:
    def mistake(what: str, fix: str) -> UserError:
        return UserError(what, _("{path}, line {line}", path=path, line=line), fix)

    if header[:1] == ["sep="]:
        raise mistake(
            _("{name} begins with a line for Excel, not with the names of columns.", name=path.name),
            _("Remove that line."),
        )
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise _not_commas(path, line)
    if len(header) == 1 and header[0].startswith("# "):
        raise mistake(
            _("{name} begins with a comment, not with the names of columns.", name=path.name),
            _("Remove that line."),
        )
    for name in header:
        if name != name.strip():
            raise mistake(
                _("{name} has a column named {column!r}, with blanks.", name=path.name, column=name),
                _("Remove the blanks beside the commas."),
            )
    check_names(path, header)


def check_names(path: Path, names: list[str]) -> None:
    """Raise UserError if two columns of a file have one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            _("{name} has two columns named {column!r}.", name=path.name, column=twice[0]),
            str(path),
            _("Rename one of them."),
        )
