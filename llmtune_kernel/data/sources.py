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
from llmtune_kernel.locale import N_, _, either, look_up

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Row = dict[str, Any]

CONTAINERS = N_("a list of dicts, a pandas or polars DataFrame, a pyarrow Table or a datasets.Dataset")


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
            _("The rows of {label} cannot be stored: {error}", label=label, error=error),
            label,
            _("Use text, numbers, lists and dicts."),
        ) from error
    if table.num_rows == 0 or table.num_columns == 0:
        raise UserError(_("{name} has no rows.", name=label), label, _("Give it at least one row."))
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
            raise UserError(
                _("{name} has two columns named {column!r}.", name=name, column=twice),
                name,
                _("Rename one of them."),
            )
        return table
    if _is_a(value, "polars", "DataFrame"):
        # Of Python objects polars would give Arrow their addresses.
        opaque = [column for column, kind in value.schema.items() if str(kind) == "Object"]
        if len(opaque) == value.width or COLUMNS & set(opaque):
            opaque.sort(key=lambda column: column not in COLUMNS)
            raise UserError(
                _("The column {column!r} of {name} holds Python objects.", column=opaque[0], name=name),
                _("{name}, column {column!r}", name=name, column=opaque[0]),
                _("Cast it to text, numbers, lists or structs."),
            )
        return value.drop(opaque).to_arrow()
    if _is_a(value, "pandas", "DataFrame"):
        return _pandas_table(value, name)
    if _is_a(value, "datasets", "Dataset"):
        # Slicing, unlike the underlying table, honours select, shuffle and filter.
        return value.with_format("arrow")[:]
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise UserError(
        _("{name} is of type {kind}, which is not read as rows.", name=name, kind=kind),
        name,
        _advice(value, variable),
    )


def _advice(value: Any, variable: str) -> str:
    if _is_a(value, "datasets", "DatasetDict") or _is_a(value, "datasets", "IterableDatasetDict"):
        splits = list(value)
        return _(
            'Choose a split: data = {variable}["{split}"], then use $data.',
            variable=variable,
            split=splits[0] if splits else "train",
        )
    if _is_a(value, "datasets", "IterableDataset"):
        return _(
            "Take rows of it into a list: data = list({variable}.take(1000)), then use $data.",
            variable=variable,
        )
    if _is_a(value, "polars", "LazyFrame"):
        return _("Compute it: data = {variable}.collect(), then use $data.", variable=variable)
    if isinstance(value, dict):
        return _(
            "Give {containers}; of columns: data = pandas.DataFrame({variable}), then use $data.",
            containers=look_up(CONTAINERS),
            variable=variable,
        )
    if isinstance(value, (str, Path)):
        return _("For a file write its path without the $.")
    return _("Give {containers}.", containers=look_up(CONTAINERS))


def _columns_of(rows: Sequence[Any], name: str) -> dict[str, list[Any]]:
    from llmtune_kernel.data import arrow

    columns: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise UserError(
                _(
                    "Row {number} of {name} is of type {kind}, not dict.",
                    number=number,
                    name=name,
                    kind=type(row).__name__,
                ),
                _("{name}, row {number}", name=name, number=number),
                _("Make each row a dict."),
            )
        for key, value in row.items():
            if not isinstance(key, str):
                raise UserError(
                    _(
                        "Row {number} of {name} has the key {key!r}, which is not text.",
                        number=number,
                        name=name,
                        key=key,
                    ),
                    _("{name}, row {number}", name=name, number=number),
                    _("Name columns with strings."),
                )
            column = columns.setdefault(key, [])
            column.extend(itertools.repeat(None, number - len(column)))
            column.append(arrow.or_none(value))
    for column in columns.values():
        column.extend(itertools.repeat(None, len(rows) - len(column)))
    return columns


def _pandas_table(frame: Any, name: str) -> pa.Table:
    import pyarrow as pa

    from llmtune_kernel.data import arrow

    columns: dict[str, Any] = {}
    for label, series in frame.items():
        if str(label) in columns:
            raise UserError(
                _("{name} has two columns named {column!r}.", name=name, column=label),
                name,
                _("Rename one of them."),
            )
        if series.dtype == object:
            columns[str(label)] = [arrow.or_none(value) for value in series]
            continue
        try:
            columns[str(label)] = pa.Array.from_pandas(series)
        except (pa.ArrowException, TypeError, ValueError):
            columns[str(label)] = [arrow.or_none(value) for value in series]
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
