"""From a file to rows: plain dicts, in order, with exact strings.

The kernel imports this file, so pyarrow is imported only where it is used.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import COLUMNS
from llmtune_kernel.locale import _, either

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Row = dict[str, Any]


def read_rows(path: Path | str, limit: int | None = None) -> list[Row]:
    """Read at most `limit` rows of a .json, .jsonl, .csv, .parquet or .arrow file, in order.

    Raises:
        UserError: no such file, another suffix, content that does not fit the suffix, or no rows.
    """
    path = find_file(path)
    try:
        rows = list(itertools.islice(READERS[path.suffix.lower()](path), limit))
    except UnicodeDecodeError as error:
        raise UserError(
            _("{name} is not UTF-8 text.", name=path.name), str(path), _("Save it as UTF-8.")
        ) from error
    except OSError as error:
        raise UserError(
            _("{name} cannot be read: {error}.", name=path.name, error=error), str(path)
        ) from error
    if not rows:
        raise UserError(
            _("{name} has no rows.", name=path.name), str(path), _("Give a file with at least one row.")
        )
    return rows


def fingerprint_file(path: Path | str) -> str:
    """Hash the content of a file of rows; a snapshot has the fingerprint of its variable.

    Raises:
        UserError: there is no such file, or its suffix is not one of ours.
    """
    path = find_file(path)
    if path.suffix.lower() == ".arrow":
        from llmtune_kernel.data import arrow

        schema, _ = _open_arrow(path)
        stored = (schema.metadata or {}).get(arrow.FINGERPRINT_KEY)
        if stored is not None:
            return str(stored.decode())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_file(path: Path | str) -> Path:
    """The path of a file of rows, `~` resolved.

    Raises:
        UserError: there is no such file, or its suffix is not one of ours.
    """
    path = Path(path).expanduser()
    allowed = ", ".join(READERS)
    if path.is_dir():
        inside = sorted(file.name for file in path.iterdir() if file.suffix.lower() in READERS)[:5]
        fix = (
            _("Name a file in it: {files}.", files=", ".join(inside))
            if inside
            else _("Name a file ({allowed}).", allowed=allowed)
        )
        raise UserError(_("{path} is a folder.", path=path), str(path), fix)
    if not path.exists():
        raise UserError(_("There is no file {path}.", path=path), str(path.absolute()), _close_names(path))
    if path.suffix.lower() not in READERS:
        raise UserError(
            _("{name} has no suffix that is read.", name=path.name),
            str(path),
            _("Use one of {allowed}.", allowed=allowed),
        )
    return path


def _close_names(path: Path) -> str:
    if not path.parent.is_dir():
        return _("The folder {parent} does not exist either; check the path.", parent=path.parent)
    names = [file.name for file in path.parent.iterdir()]
    close = difflib.get_close_matches(path.name, names, n=3)
    return (
        _("Did you mean {names}?", names=either(close))
        if close
        else _("Check the path; it starts at the working directory.")
    )


def _read_json(path: Path) -> Iterator[Row]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        value = _parse(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("["):
            raise _broken_json(path, error.lineno, error.msg) from error
        yield from _read_jsonl(path)
        return
    if isinstance(value, dict) and not COLUMNS & value.keys():
        raise _no_rows(path, value)
    for number, row in enumerate(value if isinstance(value, list) else [value]):
        if not isinstance(row, dict):
            raise _not_an_object(path, _("row {row}", row=number), row)
        yield row


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = _parse(line)
            except json.JSONDecodeError as error:
                raise _broken_json(path, number, error.msg) from error
            if not isinstance(row, dict):
                raise _not_an_object(path, _("line {line}", line=number), row)
            yield row


def _parse(text: str) -> Any:
    """What a JSON text says; NaN, which Python writes for a missing value, is null."""
    return json.loads(text, parse_constant=lambda name: None if name == "NaN" else float(name))


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


def _read_csv(path: Path) -> Iterator[Row]:
    # The default limit of 128 KiB a field would refuse long documents.
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            _check_header(path, header)
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise UserError(
                        _(
                            "A row of {name} has {fields} fields, the header has {header}.",
                            name=path.name,
                            fields=len(fields),
                            header=len(header),
                        ),
                        _("{path}, line {line}", path=path, line=reader.line_num),
                        _("Put text that holds commas or line breaks in double quotes."),
                    )
                yield dict(zip(header, fields, strict=True))
        except csv.Error as error:
            where = _("{path}, line {line}", path=path, line=reader.line_num)
            raise UserError(
                _("{name} is not valid CSV: {error}.", name=path.name, error=error),
                where,
                _("Check the quotes there."),
            ) from error


def _check_header(path: Path, header: list[str]) -> None:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise UserError(
            _("{name} is not separated by commas.", name=path.name),
            _("{path}, line {line}", path=path, line=1),
            _("Save it as CSV with commas between fields."),
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UserError(
            _("{name} has two columns named {column!r}.", name=path.name, column=twice[0]),
            _("{path}, line {line}", path=path, line=1),
            _("Rename one of them."),
        )


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    from llmtune_kernel.data import arrow

    try:
        file = pq.ParquetFile(path)
        yield from arrow.rows_of(file.iter_batches(arrow.BATCH_ROWS), file.schema_arrow)
    except pa.ArrowException as error:
        raise UserError(
            _("{name} is not a Parquet file: {error}", name=path.name, error=error),
            str(path),
            _("Write it anew."),
        ) from error


def _read_arrow(path: Path) -> Iterator[Row]:
    import pyarrow as pa

    from llmtune_kernel.data import arrow

    schema, batches = _open_arrow(path)
    try:
        yield from arrow.rows_of(batches, schema)
    except pa.ArrowException as error:
        raise UserError(
            _("{name} is not a complete Arrow file: {error}", name=path.name, error=error),
            str(path),
            _("Write it anew."),
        ) from error


def _open_arrow(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    source = pa.memory_map(str(path))
    try:
        file = pa.ipc.open_file(source)
    except pa.ArrowException:
        source.seek(0)
    else:
        return file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
    try:
        stream = pa.ipc.open_stream(source)
    except pa.ArrowException as error:
        raise UserError(
            _("{name} is not an Arrow file: {error}", name=path.name, error=error),
            str(path),
            _("Write it anew."),
        ) from error
    return stream.schema, iter(stream)


READERS = {
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
}
