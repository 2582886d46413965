"""Rows in parts: Parquet files that hold the values exactly, and that DuckDB can search.

A column is flat, or JSON text where Arrow has no flat type for its values. In a file the columns are named by their
place in the table, c0, c1, …: a name that a user gives may be empty, or twice there but for case. `n` is the number of
a row. A column that has no value in a part is left out of it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data import arrow
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.json_text import is_unicode

Kind = Literal["text", "integer", "number", "boolean", "time", "json", "mixed", "other", "empty"]

NUMBER = "n"
_FIRST_ROWS = 256  # soon there, to be shown
_MOST_ROWS = 1 << 17
_PART_BYTES = 1 << 24
_GROUP_ROWS = 512
_GROUP_BYTES = 1 << 19  # what is read to show one row

_json = json.JSONEncoder(ensure_ascii=False, default=str).encode
_ascii_json = json.JSONEncoder(default=str).encode


@dataclass(frozen=True)
class Part:
    """A file of rows.

    Attributes:
        start: Number of its first row.
        group: How many rows are read at once.
        kinds: Of the columns that have values in it, by name.
        names: All names up to now, in their order.
    """

    file: str
    start: int
    rows: int
    group: int
    kinds: dict[str, Kind]
    names: list[str]

    @property
    def end(self) -> int:
        """The number after that of its last row."""
        return self.start + self.rows

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def write_parts(rows: Iterable[Row], folder: Path) -> Iterator[Part]:
    """Write rows to files, the first of which is soon there.

    Raises:
        UserError: what reading the rows raises, once the rows before are written.
    """
    rows = iter(rows)
    names: dict[str, int] = {}
    start, most = 0, _FIRST_ROWS
    fault: UserError | None = None
    while fault is None:
        batch: list[Row] = []
        try:
            batch.extend(itertools.islice(rows, most))
        except UserError as error:
            fault = error
        if not batch:
            break
        part, size = _write(batch, start, names, folder)
        yield part
        start = part.end
        # Four times as many at most: what comes may be far larger than what was.
        most = max(1, min(most * 4, _MOST_ROWS, _PART_BYTES * len(batch) // size))
    if fault is not None:
        raise fault


def as_json(value: Any) -> str:
    """A value as JSON that can be stored as UTF-8."""
    text = _json(value)
    return text if is_unicode(text) else _ascii_json(value)


def read_part(part: Part, folder: Path, numbers: list[int] | None = None) -> Iterator[pa.Table]:
    """The rows of a part as tables with the names of the columns, its own or those of `numbers`, in ascending order."""
    with pq.ParquetFile(folder / part.file) as file:
        groups: list[tuple[int, list[int] | None]]
        if numbers is None:
            groups = [(group, None) for group in range(file.num_row_groups)]
        else:
            places = itertools.groupby(
                (number - part.start for number in numbers), key=lambda at: at // part.group
            )
            groups = [(group, [at % part.group for at in inside]) for group, inside in places]
        for group, chosen in groups:
            table = file.read_row_group(group)
            table = table.drop_columns([NUMBER])
            table = table.rename_columns([part.names[int(name[1:])] for name in table.column_names])
            yield table if chosen is None else table.take(chosen)


def _write(batch: list[Row], start: int, names: dict[str, int], folder: Path) -> tuple[Part, int]:
    for row in batch:
        for key in row:
            if key not in names:
                names[key] = len(names)
    arrays = [pa.array(range(start, start + len(batch)), pa.int64())]
    fields = [pa.field(NUMBER, pa.int64())]
    kinds: dict[str, Kind] = {}
    for name, place in names.items():
        array, metadata = _array([row.get(name) for row in batch])
        if array.null_count == len(batch):
            continue
        arrays.append(array)
        fields.append(pa.field(f"c{place}", array.type, metadata=metadata))
        kinds[name] = "json" if metadata else _kind(array.type)
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    group = max(1, min(_GROUP_ROWS, _GROUP_BYTES * len(batch) // table.nbytes))
    path = folder / f"{start:012}.parquet"
    pq.write_table(table, path, compression="lz4", row_group_size=group, use_dictionary=False)
    return Part(path.name, start, len(batch), group, kinds, list(names)), table.nbytes


def _array(values: list[Any]) -> tuple[pa.Array, dict[bytes, bytes] | None]:
    array = arrow.flat(values)
    # Parquet has no intervals of months, days and nanoseconds.
    if array is not None and not pa.types.is_interval(array.type):
        return array, None
    return pa.array(
        [None if value is None else as_json(value) for value in values], pa.string()
    ), arrow.JSON_FIELD


def _kind(type: pa.DataType) -> Kind:
    types = pa.types
    if types.is_string(type) or types.is_large_string(type):
        return "text"
    if types.is_integer(type):
        return "integer"
    if types.is_floating(type) or types.is_decimal(type):
        return "number"
    if types.is_boolean(type):
        return "boolean"
    return "time" if types.is_temporal(type) else "other"
