"""Rows of Arrow and Parquet files.

The kernel imports this file, so pyarrow is imported only where it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from llmtune_kernel.config.errors import UserError, first_line
from llmtune_kernel.data.csv_files import check_names
from llmtune_kernel.data.formats import Row
from llmtune_kernel.locale import _

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

# How files begin that are not streams.
ARROW = b"ARROW1"
PARQUET = b"PAR1"


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file.

    Raises:
        UserError: it is none, or a value in it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    from llmtune_kernel.data import arrow

    try:
        file = pq.ParquetFile(path)
        check_names(path, file.schema_arrow.names)
        yield from _rows_of(path, file.iter_batches(arrow.BATCH_ROWS), file.schema_arrow)
    except pa.ArrowException as error:
        raise _broken(
            path, _("{name} is not a Parquet file: {error}", name=path.name, error=first_line(error))
        ) from error


def read_arrow(path: Path) -> Iterator[Row]:
    """The rows of an Arrow file or stream.

    Raises:
        UserError: it is none, or a value in it cannot be read.
    """
    import pyarrow as pa

    schema, batches = open_arrow(path)
    check_names(path, schema.names)
    try:
        yield from _rows_of(path, map(_checked, batches), schema)
    except pa.ArrowException as error:
        raise _incomplete(path, error) from error


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, if no damage makes it point outside of itself: reading that would end the process."""
    import pyarrow as pa

    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):  # whose text is wrong is told with its row
            raise
    return batch


def _rows_of(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[Row]:
    from llmtune_kernel.data import arrow

    try:
        yield from arrow.rows_of(batches, schema)
    except arrow.Unreadable as error:
        raise UserError(
            _("A value of {name} cannot be read: {reason}.", name=path.name, reason=str(error)),
            _("{name}, row {row}, column {column!r}", name=path, row=error.row, column=error.column),
            _("Mend the value, or write the file without that column."),
        ) from error


def open_arrow(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Schema and batches of an Arrow file or stream.

    Raises:
        UserError: it is neither.
    """
    import pyarrow as pa

    source = pa.memory_map(str(path))
    try:
        file = pa.ipc.open_file(source)
    except pa.ArrowException as error:
        source.seek(0)
        if source.read(len(ARROW)) == ARROW:  # its end is missing
            raise _incomplete(path, error) from error
        source.seek(0)
    else:
        return file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
    try:
        stream = pa.ipc.open_stream(source)
    except pa.ArrowException as error:
        raise _broken(
            path, _("{name} is not an Arrow file: {error}", name=path.name, error=first_line(error))
        ) from error
    return stream.schema, iter(stream)


def _incomplete(path: Path, error: Exception) -> UserError:
    return _broken(
        path, _("{name} is not a complete Arrow file: {error}", name=path.name, error=first_line(error))
    )


def _broken(path: Path, what: str) -> UserError:
    return UserError(what, str(path), _("Write it anew."))
