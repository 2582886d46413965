"""Rows in Arrow: how nested values are stored so that they come back exactly.

Arrow gives every struct the keys of all structs in its column. Rows of ours are therefore stored with nested values
as JSON text; in files of others, a null key of a struct is read as an absent one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import COLUMNS
from llmtune_kernel.locale import _

Row = dict[str, Any]
Convert = Callable[[Any], Any]

FINGERPRINT_KEY = b"llmtune.fingerprint"
LEFT_OUT_KEY = b"llmtune.left_out"
JSON_FIELD = {b"llmtune": b"json"}
BATCH_ROWS = 1024
# What Arrow raises for a value that Python cannot have, or that is damaged.
_NO_VALUE = (ValueError, OverflowError, SystemError, pa.ArrowException)


def table_of(columns: Mapping[str, list[Any] | pa.Array | pa.ChunkedArray], name: str) -> pa.Table:
    """Store Python values; a column that Arrow has no flat type for becomes JSON text.

    A column that no format reads is left out if it cannot be stored, unless it is the only one; see `left_out_of`.

    Args:
        columns: For each column its values, equally many, or an array of them.
        name: Where the values are from, for messages.

    Raises:
        UserError: a value is neither text, number, date, list nor dict.
    """
    arrays, fields, left_out = [], [], []
    for column, values in columns.items():
        array = flat(values) if isinstance(values, list) else values
        metadata = None
        if array is None:
            try:
                texts = [_to_json(value, row, column, name) for row, value in enumerate(values)]
            except UserError:
                if column in COLUMNS or len(columns) == 1:
                    raise
                left_out.append(column)
                continue
            array, metadata = pa.array(texts, pa.string()), JSON_FIELD
        arrays.append(array)
        fields.append(pa.field(column, array.type, metadata=metadata))
    return leaving_out(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), left_out)


def leaving_out(table: pa.Table, columns: list[str]) -> pa.Table:
    """The table with a note that these columns are not in it, since they could not be stored."""
    return table.replace_schema_metadata({LEFT_OUT_KEY: json.dumps(columns)}) if columns else table


def left_out_of(table: pa.Table) -> list[str]:
    """The columns that could not be stored in a table."""
    columns: list[str] = json.loads((table.schema.metadata or {}).get(LEFT_OUT_KEY, b"[]"))
    return columns


class Unreadable(ValueError):
    """Python has no value for one of a column: in which `row`, from 0, and why."""

    def __init__(self, row: int, column: str, reason: str) -> None:
        super().__init__(reason)
        self.row, self.column = row, column


def rows_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[Row]:
    """Read rows back, batch by batch.

    Raises:
        Unreadable: a value that Python cannot have.
    """
    converts = [_convert_column(field) for field in schema]
    names = schema.names
    done = 0
    for batch in batches:
        read = (_values(*column, done) for column in zip(batch.columns, names, strict=True))
        columns = [
            values if convert is None else [None if value is None else convert(value) for value in values]
            for values, convert in zip(read, converts, strict=True)
        ]
        done += batch.num_rows
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _values(column: pa.Array, name: str, first: int) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
        return values
    except _NO_VALUE:
        pass
    for number, value in enumerate(column, first):
        try:
            value.as_py()
        except UnicodeDecodeError:
            raise Unreadable(number, name, _("it is not UTF-8 text")) from None
        except _NO_VALUE as error:
            raise Unreadable(number, name, str(error)) from None
    raise AssertionError(name)


def fingerprint_rows(columns: Iterable[str], rows: Iterable[Row]) -> str:
    """Hash the names of `columns` and the values of `rows`; absent and null are the same."""
    digest = hashlib.sha256(json.dumps(sorted(columns)).encode())
    for row in rows:
        text = json.dumps(without_nulls(row), sort_keys=True, default=repr)
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()


def or_none(value: Any) -> Any:
    """`value`, or None if it stands for a missing one: NaN, and NA and NaT of pandas."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return None if isinstance(value, float | np.floating) and value != value else value


def without_nulls(value: Any) -> Any:
    """Drop, at any depth, the keys whose value is None."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def flat(values: list[Any]) -> pa.Array | None:
    """An array of Python values; None if Arrow has no flat type for them."""
    first = next((value for value in values if value is not None), None)
    if isinstance(first, (list, dict)):
        return None
    try:
        array = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    return None if pa.types.is_nested(array.type) else array


def _to_json(value: Any, row: int, column: str, name: str) -> str | None:
    if value is None:
        return None
    where = _("{name}, row {row}, column {column!r}", name=name, row=row, column=column)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
        text.encode()
    except UnicodeEncodeError as error:
        what = _("A text of {name} is not valid Unicode.", name=name)
        fix = _('Replace what is wrong in it: text.encode("utf-8", "replace").decode()')
        raise UserError(what, where, fix) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(
            _("A value of {name} cannot be stored: {error}.", name=name, error=error),
            where,
            _("Use text, numbers, lists and dicts."),
        ) from error
    return text


def _plain(value: Any) -> Any:
    # pandas holds the lists of a Parquet file as numpy arrays, whose dicts have the keys of all rows.
    if type(value).__module__ == "numpy":
        return without_nulls(value.tolist())
    raise TypeError(f"values of type {type(value).__name__} mixed with others or inside lists and dicts")


def _json_text(text: str) -> Any:
    return json.loads(text)


def _convert_column(field: pa.Field) -> Convert | None:
    if (field.metadata or {}).items() >= JSON_FIELD.items():
        return _json_text
    return or_none if pa.types.is_floating(field.type) else _convert(field.type)


def _convert(kind: pa.DataType) -> Convert | None:
    """How a non-null value of type `kind` is read; None where Arrow's own value is right."""
    if isinstance(kind, pa.BaseExtensionType):
        return _json_text if kind.extension_name == "arrow.json" else None
    if pa.types.is_struct(kind):
        converts = {field.name: _convert(field.type) or _same for field in kind}
        return lambda value: {key: converts[key](item) for key, item in value.items() if item is not None}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        convert = _convert(kind.value_type)
        if convert is None:
            return None
        return lambda value: [None if item is None else convert(item) for item in value]
    return None


def _same(value: Any) -> Any:
    return value
