"""From a notebook variable or a file to rows: plain dicts, in order, with exact strings.

The kernel imports this file to snapshot variables, so pyarrow is imported only where it is used.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Row = dict[str, Any]

CONTAINERS = "a list of dicts, a pandas or polars DataFrame, a pyarrow Table or a datasets.Dataset"


@dataclass(frozen=True)
class Snapshot:
    """What was written of a notebook variable: how many rows, which columns, and a hash of the content."""

    rows: int
    columns: list[str]
    fingerprint: str


@dataclass(frozen=True)
class VariableInfo:
    """A notebook variable that can be trained on; `type` is as a user writes it."""

    type: str
    rows: int
    columns: list[str]


def describe_value(value: object) -> VariableInfo | None:
    """Describe `value` without importing or converting anything; None if it holds no rows."""
    found: Any = value
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(row, dict) for row in itertools.islice(value, 100)):
            kind = "list" if isinstance(value, list) else "tuple"
            return VariableInfo(kind, len(value), [str(key) for key in value[0]])
        return None
    if _is_a(value, "pandas", "DataFrame"):
        return VariableInfo("pandas.DataFrame", len(found), [str(name) for name in found.columns])
    if _is_a(value, "polars", "DataFrame"):
        return VariableInfo("polars.DataFrame", found.height, list(found.columns))
    if _is_a(value, "pyarrow", "Table"):
        return VariableInfo("pyarrow.Table", found.num_rows, list(found.column_names))
    if _is_a(value, "datasets", "Dataset"):
        return VariableInfo("datasets.Dataset", found.num_rows, list(found.column_names))
    return None


def snapshot_variable(value: object, path: Path, name: str, label: str = "") -> Snapshot:
    """Write the rows of notebook variable `name` to the Arrow IPC file `path`.

    The fingerprint depends on columns and values only, not on the container, the order of columns or null fields.

    Args:
        label: What messages call the value; by default $ and `name`.

    Raises:
        UserError: the variable is of another type, is empty, or holds a value that cannot be stored.
    """
    import pyarrow as pa

    from llmtune_kernel.data import arrow

    label = label or f"${name}"
    try:
        table = _to_table(value, label, name)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"The rows of {label} cannot be stored: {error}", label, "Use text, numbers, lists and dicts."
        ) from error
    if table.num_rows == 0 or table.num_columns == 0:
        raise UserError(f"{label} has no rows.", label, "Give it at least one row.")
    rows = arrow.rows_of(table.to_batches(arrow.BATCH_ROWS), table.schema)
    fingerprint = arrow.fingerprint_rows(table.column_names, rows)
    table = table.replace_schema_metadata({arrow.FINGERPRINT_KEY: fingerprint.encode()})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, arrow.BATCH_ROWS)
    return Snapshot(table.num_rows, list(table.column_names), fingerprint)


def read_rows(path: Path | str, limit: int | None = None) -> list[Row]:
    """Read at most `limit` rows of a .json, .jsonl, .csv, .parquet or .arrow file, in order.

    Raises:
        UserError: no such file, another suffix, content that does not fit the suffix, or no rows.
    """
    path = find_file(path)
    try:
        rows = list(itertools.islice(READERS[path.suffix.lower()](path), limit))
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not UTF-8 text.", str(path), "Save it as UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error}.", str(path)) from error
    if not rows:
        raise UserError(f"{path.name} has no rows.", str(path), "Give a file with at least one row.")
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


def _is_a(value: object, package: str, name: str) -> bool:
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == package for kind in type(value).__mro__
    )


def _to_table(value: Any, name: str, variable: str) -> pa.Table:
    from llmtune_kernel.data import arrow

    if isinstance(value, (list, tuple)):
        return arrow.table_of(_columns_of(value, name), name)
    if _is_a(value, "pyarrow", "Table"):
        table: pa.Table = value
        twice = next((column for column in table.column_names if table.column_names.count(column) > 1), None)
        if twice is not None:
            raise UserError(f"{name} has two columns named {twice!r}.", name, "Rename one of them.")
        return table
    if _is_a(value, "polars", "DataFrame"):
        # Of Python objects polars would give Arrow their addresses.
        opaque = [column for column, kind in value.schema.items() if str(kind) == "Object"]
        if len(opaque) == value.width or COLUMNS & set(opaque):
            opaque.sort(key=lambda column: column not in COLUMNS)
            raise UserError(
                f"The column {opaque[0]!r} of {name} holds Python objects.",
                f"{name}, column {opaque[0]!r}",
                "Cast it to text, numbers, lists or structs.",
            )
        return value.drop(opaque).to_arrow()
    if _is_a(value, "pandas", "DataFrame"):
        return _pandas_table(value, name)
    if _is_a(value, "datasets", "Dataset"):
        # Slicing, unlike the underlying table, honours select, shuffle and filter.
        return value.with_format("arrow")[:]
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise UserError(f"{name} is of type {kind}, which is not read as rows.", name, _advice(value, variable))


def _advice(value: Any, variable: str) -> str:
    if _is_a(value, "datasets", "DatasetDict") or _is_a(value, "datasets", "IterableDatasetDict"):
        splits = list(value)
        return f'Choose a split: data = {variable}["{splits[0] if splits else "train"}"], then use $data.'
    if _is_a(value, "datasets", "IterableDataset"):
        return f"Take rows of it into a list: data = list({variable}.take(1000)), then use $data."
    if _is_a(value, "polars", "LazyFrame"):
        return f"Compute it: data = {variable}.collect(), then use $data."
    if isinstance(value, dict):
        return f"Give {CONTAINERS}; of columns: data = pandas.DataFrame({variable}), then use $data."
    if isinstance(value, (str, Path)):
        return "For a file write its path without the $."
    return f"Give {CONTAINERS}."


def _columns_of(rows: Sequence[Any], name: str) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise UserError(
                f"Row {number} of {name} is of type {type(row).__name__}, not dict.",
                f"{name}, row {number}",
                "Make each row a dict.",
            )
        for key, value in row.items():
            if not isinstance(key, str):
                raise UserError(
                    f"Row {number} of {name} has the key {key!r}, which is not text.",
                    f"{name}, row {number}",
                    "Name columns with strings.",
                )
            column = columns.setdefault(key, [])
            column.extend(itertools.repeat(None, number - len(column)))
            column.append(value)
    for column in columns.values():
        column.extend(itertools.repeat(None, len(rows) - len(column)))
    return columns


def _pandas_table(frame: Any, name: str) -> pa.Table:
    import pyarrow as pa

    from llmtune_kernel.data import arrow

    columns: dict[str, Any] = {}
    for label, series in frame.items():
        if str(label) in columns:
            raise UserError(f"{name} has two columns named {label!r}.", name, "Rename one of them.")
        if series.dtype == object:
            missing = series.isna()
            columns[str(label)] = [
                None if gone else value for value, gone in zip(series, missing, strict=True)
            ]
            continue
        try:
            columns[str(label)] = pa.Array.from_pandas(series)
        except (pa.ArrowException, TypeError, ValueError):
            columns[str(label)] = list(series)
    return arrow.table_of(columns, name)


def find_file(path: Path | str) -> Path:
    """The path of a file of rows, `~` resolved.

    Raises:
        UserError: there is no such file, or its suffix is not one of ours.
    """
    path = Path(path).expanduser()
    allowed = ", ".join(READERS)
    if path.is_dir():
        inside = sorted(file.name for file in path.iterdir() if file.suffix.lower() in READERS)[:5]
        fix = f"Name a file in it: {', '.join(inside)}." if inside else f"Name a file ({allowed})."
        raise UserError(f"{path} is a folder.", str(path), fix)
    if not path.exists():
        raise UserError(f"There is no file {path}.", str(path.absolute()), _close_names(path))
    if path.suffix.lower() not in READERS:
        raise UserError(f"{path.name} has no suffix that is read.", str(path), f"Use one of {allowed}.")
    return path


def _close_names(path: Path) -> str:
    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist either; check the path."
    names = [file.name for file in path.parent.iterdir()]
    close = difflib.get_close_matches(path.name, names, n=3)
    return (
        f"Did you mean {' or '.join(close)}?"
        if close
        else "Check the path; it starts at the working directory."
    )


def _read_json(path: Path) -> Iterator[Row]:
    text = path.read_text(encoding="utf-8-sig")
    if not text.lstrip().startswith("["):
        yield from _read_jsonl(path)
        return
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken_json(path, error.lineno, error.msg) from error
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _not_an_object(path, f"row {number}", row)
        yield row


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise _broken_json(path, number, error.msg) from error
            if not isinstance(row, dict):
                raise _not_an_object(path, f"line {number}", row)
            yield row


def _broken_json(path: Path, line: int, reason: str) -> UserError:
    fix = "Write an array of objects, or one object a line."
    return UserError(f"{path.name} is not valid JSON: {reason}.", f"{path}, line {line}", fix)


def _not_an_object(path: Path, where: str, value: object) -> UserError:
    names = {
        list: "an array",
        str: "a string",
        int: "a number",
        float: "a number",
        bool: "a boolean",
        type(None): "null",
    }
    return UserError(
        f"A row of {path.name} is {names[type(value)]}, not an object.",
        f"{path}, {where}",
        "Make each row a JSON object.",
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
                        f"A row of {path.name} has {len(fields)} fields, the header has {len(header)}.",
                        f"{path}, line {reader.line_num}",
                        "Put text that holds commas or line breaks in double quotes.",
                    )
                yield dict(zip(header, fields, strict=True))
        except csv.Error as error:
            where = f"{path}, line {reader.line_num}"
            raise UserError(
                f"{path.name} is not valid CSV: {error}.", where, "Check the quotes there."
            ) from error


def _check_header(path: Path, header: list[str]) -> None:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise UserError(
            f"{path.name} is not separated by commas.",
            f"{path}, line 1",
            "Save it as CSV with commas between fields.",
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UserError(
            f"{path.name} has two columns named {twice[0]!r}.", f"{path}, line 1", "Rename one of them."
        )


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    from llmtune_kernel.data import arrow

    try:
        file = pq.ParquetFile(path)
        yield from arrow.rows_of(file.iter_batches(arrow.BATCH_ROWS), file.schema_arrow)
    except pa.ArrowException as error:
        raise UserError(f"{path.name} is not a Parquet file: {error}", str(path), "Write it anew.") from error


def _read_arrow(path: Path) -> Iterator[Row]:
    import pyarrow as pa

    from llmtune_kernel.data import arrow

    schema, batches = _open_arrow(path)
    try:
        yield from arrow.rows_of(batches, schema)
    except pa.ArrowException as error:
        raise UserError(
            f"{path.name} is not a complete Arrow file: {error}", str(path), "Write it anew."
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
        raise UserError(f"{path.name} is not an Arrow file: {error}", str(path), "Write it anew.") from error
    return stream.schema, iter(stream)


READERS = {
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
}
