"""The rows of a view as a file or as Python values, exactly as the source has them."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data import arrow
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.table.parts import as_json
from llmtune_kernel.locale import _

if TYPE_CHECKING:
    from llmtune_kernel.data.table.selection import Numbers
    from llmtune_kernel.data.table.store import Store

SUFFIXES = (".jsonl", ".parquet", ".arrow")
_PARTS_AT_ONCE = 2  # so much is held in memory


def save_rows(store: Store, numbers: Numbers, path: Path) -> None:
    """Write rows to a file that is not there yet, in their order; its suffix says how.

    Raises:
        UserError: there is such a file, its suffix is another, it cannot be written, or there are no rows.
    """
    path = path.expanduser()
    if path.suffix not in SUFFIXES:
        raise UserError(
            _("{name} has no suffix that can be saved.", name=path.name),
            str(path),
            _("Use one of {allowed}.", allowed=", ".join(SUFFIXES)),
        )
    check_some(numbers)
    try:
        with path.open("xb") as file:
            try:
                _WRITERS[path.suffix](store, numbers, file)
            except BaseException:
                path.unlink()
                raise
    except FileExistsError:
        raise UserError(
            _("There is a file {path} already.", path=path), str(path.absolute()), _("Choose another name.")
        ) from None
    except OSError as error:
        raise UserError(
            _("{path} cannot be written: {error}.", path=path, error=error.strerror or error),
            str(path.absolute()),
            _("Choose another folder, or free space."),
        ) from error


def load_rows(store: Store, numbers: Numbers) -> list[Row]:
    """Rows in their order, each with all columns."""
    return list(_rows(store, numbers))


def check_some(numbers: Sized) -> None:
    """Raise UserError if no row is left."""
    if not len(numbers):
        raise UserError(_("No row is left to save."), "", _("Change the search or the filter."))


def _write_lines(store: Store, numbers: Numbers, file: Any) -> None:
    for row in _rows(store, numbers):
        there = {name: value for name, value in row.items() if value is not None}
        file.write(as_json(there).encode() + b"\n")


def _write_arrow(store: Store, numbers: Numbers, file: Any) -> None:
    schema = _schema(store)
    with pa.ipc.new_file(file, schema) as writer:
        for table in _tables(store, numbers, schema):
            writer.write_table(table, arrow.BATCH_ROWS)


def _write_parquet(store: Store, numbers: Numbers, file: Any) -> None:
    schema = _schema(store)
    with pq.ParquetWriter(file, schema) as writer:
        for table in _tables(store, numbers, schema):
            writer.write_table(table)


_WRITERS = {".jsonl": _write_lines, ".arrow": _write_arrow, ".parquet": _write_parquet}


def _rows(store: Store, numbers: Numbers) -> Iterator[Row]:
    schema = _schema(store)
    for table in _tables(store, numbers, schema):
        yield from arrow.rows_of(table.to_batches(arrow.BATCH_ROWS), schema)


def _tables(store: Store, numbers: Numbers, schema: pa.Schema) -> Iterator[pa.Table]:
    at_once = max(1, _PARTS_AT_ONCE * store.rows // len(store.parts))
    for start in range(0, len(numbers), at_once):
        chunk = numbers[start : start + at_once]
        order = np.argsort(chunk)
        tables = [_fitted(table, schema) for _part, _inside, table in store.tables(chunk[order].tolist())]
        yield pa.concat_tables(tables).take(np.argsort(order))


def _schema(store: Store) -> pa.Schema:
    """What holds the values of all parts: a column whose type differs among them becomes JSON text."""
    kinds: dict[str, pa.Field] = {name: pa.field(name, pa.null()) for name in store.kinds}
    for part in store.parts:
        for number, field in enumerate(pq.read_schema(store.folder / part.file)):
            if number == 0:
                continue
            name = part.names[int(field.name[1:])]
            field = field.with_name(name)
            if not pa.types.is_null(kinds[name].type) and not kinds[name].equals(field, check_metadata=True):
                field = pa.field(name, pa.string(), metadata=arrow.JSON_FIELD)
            kinds[name] = field
    return pa.schema(list(kinds.values()))


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        place = table.schema.get_field_index(field.name)
        if place < 0:
            column = pa.nulls(table.num_rows, field.type)
        elif table.schema.field(place).equals(field, check_metadata=True):
            column = table.column(place)
        else:
            own = table.select([place])
            values = (row[field.name] for row in arrow.rows_of(own.to_batches(), own.schema))
            column = pa.array([None if value is None else as_json(value) for value in values], pa.string())
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)
