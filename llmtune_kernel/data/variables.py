"""From a notebook variable to a snapshot of its rows: an Arrow file with exact values.

The kernel imports this file, so pyarrow is imported only where it is used.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import COLUMNS
from llmtune_kernel.locale import N_, _, look_up

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

CONTAINERS = N_("a list of dicts, a pandas or polars DataFrame, a pyarrow Table or a datasets.Dataset")


@dataclass(frozen=True)
class Snapshot:
    """What was written of a notebook variable: how many rows, which columns, and a hash of the content.

    `left_out`: columns that cannot be stored, and that no format reads.
    """

    rows: int
    columns: list[str]
    fingerprint: str
    left_out: list[str] = field(default_factory=list)


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
    if is_a(value, "pandas", "DataFrame"):
        return VariableInfo("pandas.DataFrame", len(found), [str(name) for name in found.columns])
    if is_a(value, "polars", "DataFrame"):
        return VariableInfo("polars.DataFrame", found.height, list(found.columns))
    if is_a(value, "pyarrow", "Table"):
        return VariableInfo("pyarrow.Table", found.num_rows, list(found.column_names))
    if is_a(value, "datasets", "Dataset"):
        return VariableInfo("datasets.Dataset", found.num_rows, list(found.column_names))
    if is_a(value, "datasets", "DatasetDict") and found:
        train = found.get("train", next(iter(found.values())))
        return VariableInfo("datasets.DatasetDict", train.num_rows, list(train.column_names))
    return None


def split_of(value: object, split: str | None, label: str) -> object:
    """A split of a `datasets.DatasetDict`, by default train or its only one; any other value as it is.

    Args:
        label: What messages call the value.

    Raises:
        UserError: there is no such split, or it is not clear which is meant.
    """
    if not is_a(value, "datasets", "DatasetDict"):
        if split is not None:
            raise UserError(
                _("{label} has no splits.", label=label),
                label,
                _("Leave split out, or give a datasets.DatasetDict."),
                [leave_out("split")],
            )
        return value
    splits: Any = value
    name = split or ("train" if "train" in splits or len(splits) != 1 else next(iter(splits)))
    if name not in splits:
        raise UserError(
            _("{label} has no split {name!r}.", label=label, name=name),
            label,
            _("Name one of its splits: {splits}.", splits=", ".join(splits) or _("none")),
            [change_to("split", name) for name in splits],
        )
    return splits[name]


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
    left_out = arrow.left_out_of(table)
    table = table.replace_schema_metadata({arrow.FINGERPRINT_KEY: fingerprint.encode()})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, arrow.BATCH_ROWS)
    return Snapshot(table.num_rows, list(table.column_names), fingerprint, left_out)


def is_a(value: object, package: str, name: str) -> bool:
    """Whether a value is of a class of a package, or of one that inherits from it; the package is not imported."""
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == package for kind in type(value).__mro__
    )


def _to_table(value: Any, name: str, variable: str) -> pa.Table:
    from llmtune_kernel.data import arrow

    if isinstance(value, (list, tuple)):
        return arrow.table_of(_columns_of(value, name), name)
    if is_a(value, "pyarrow", "Table"):
        table: pa.Table = value
        twice = next((column for column in table.column_names if table.column_names.count(column) > 1), None)
        if twice is not None:
            raise UserError(
                _("{name} has two columns named {column!r}.", name=name, column=twice),
                name,
                _("Rename one of them."),
            )
        return table
    if is_a(value, "polars", "DataFrame"):
        # Of Python objects polars would give Arrow their addresses.
        opaque = [column for column, kind in value.schema.items() if str(kind) == "Object"]
        if len(opaque) == value.width or COLUMNS & set(opaque):
            opaque.sort(key=lambda column: column not in COLUMNS)
            raise UserError(
                _("The column {column!r} of {name} holds Python objects.", column=opaque[0], name=name),
                _("{name}, column {column!r}", name=name, column=opaque[0]),
                _("Cast it to text, numbers, lists or structs."),
            )
        return arrow.leaving_out(value.drop(opaque).to_arrow(), opaque)
    if is_a(value, "pandas", "DataFrame"):
        return _pandas_table(value, name)
    if is_a(value, "datasets", "Dataset"):
        if value.format["type"] == "custom":
            raise UserError(
                _("{name} has a transform, which is not applied to its rows here.", name=name),
                name,
                _(
                    "Take the rows as it gives them: data = list({variable}), then use $data.",
                    variable=variable,
                ),
            )
        # Slicing, unlike the underlying table, honours select, shuffle and filter.
        return value.with_format("arrow")[:]
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise UserError(
        _("{name} is of type {kind}, which is not read as rows.", name=name, kind=kind),
        name,
        _advice(value, variable),
    )


def _advice(value: Any, variable: str) -> str:
    if is_a(value, "datasets", "IterableDatasetDict"):
        splits = list(value)
        return _(
            'Choose a split: data = {variable}["{split}"], then use $data.',
            variable=variable,
            split=splits[0] if splits else "train",
        )
    if is_a(value, "datasets", "IterableDataset"):
        return _(
            "Take rows of it into a list: data = list({variable}.take(1000)), then use $data.",
            variable=variable,
        )
    if is_a(value, "polars", "LazyFrame"):
        return _("Compute it: data = {variable}.collect(), then use $data.", variable=variable)
    if isinstance(value, dict):
        return _(
            "Give {containers}; of columns: data = pandas.DataFrame({variable}), then use $data.",
            containers=look_up(CONTAINERS),
            variable=variable,
        )
    if is_a(value, "llmtune_kernel", "Dataset"):
        return _(
            'Put its rows into a variable: {variable}.to_variable("data"), then use $data.', variable=variable
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
            values = pa.Array.from_pandas(series)
            # Of periods and intervals Arrow knows numbers alone, which say nothing to others.
            kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
            is_special = isinstance(kind, pa.BaseExtensionType)
            columns[str(label)] = _as_text(series) if is_special else values
        except (pa.ArrowException, TypeError, ValueError):
            columns[str(label)] = [arrow.or_none(value) for value in series]
    return arrow.table_of(columns, name)


def _as_text(series: Any) -> list[str | None]:
    return [None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)]
