"""What a column of a view holds: values in numbers, and the most frequent ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtune_kernel.data.table.naming import names
from llmtune_kernel.data.table.store import Store
from llmtune_kernel.data.table.view import View

if TYPE_CHECKING:
    from llmtune_kernel.data.table.parts import Kind
    from llmtune_kernel.data.table.query import Database

_FREQUENT = 10
_MOST_DISTINCT = 10_000  # to count how often more of them are there is of no use
_MOST_COUNTED = 100_000  # rows whose different values are counted exactly
_MOST_EXACT = 2**53  # the largest whole number up to which a page has them all
_SHOWN = 200  # characters of a frequent value


@dataclass(frozen=True)
class ColumnSummary:
    """A column in numbers.

    Attributes:
        rows: Of the view, among the first `seen` rows of the source.
        nulls: Rows without a value.
        distinct: Different values, estimated where it is not `distinct_is_exact`.
        lengths: Whether minimum, maximum and mean are of the lengths of texts, in characters.
        minimum: Text for times, and for numbers that a float does not have; None where there is no order.
        frequent: Values that are there more than once, the most frequent first, and how often.
        is_done: Whether all rows were there to be counted.
    """

    kind: Kind
    rows: int
    nulls: int
    distinct: int
    distinct_is_exact: bool
    lengths: bool
    minimum: float | str | None
    maximum: float | str | None
    mean: float | None
    frequent: list[tuple[str, int]]
    seen: int
    is_done: bool


def summarize(store: Store, database: Database, column: str, view: View) -> ColumnSummary:
    """Summarize a column over the rows that are there by now.

    Raises:
        UserError: the filter does not fit the rows.
        Cancelled: it was interrupted.
    """
    from llmtune_kernel.data.table import query

    is_done, parts = store.is_done, store.parts
    kind = store.kinds.get(column, "empty")
    if not parts or kind == "empty":
        rows = parts[-1].end if parts else 0
        return ColumnSummary(kind, rows, rows, 0, True, False, None, None, None, [], rows, is_done)
    view = View(view.search, view.filter, (), view.excluded)
    value = names(store.kinds)[column]
    lengths = kind in ("text", "json", "mixed")
    measure = f"length({value})" if lengths else value
    bounds = {
        "boolean": "NULL, NULL, NULL",
        "other": "NULL, NULL, NULL",
        "time": f"CAST(min({value}) AS VARCHAR), CAST(max({value}) AS VARCHAR), NULL",
    }
    numbers = f"CAST(min({measure}) AS DOUBLE), CAST(max({measure}) AS DOUBLE), avg({measure})"
    if kind == "integer":
        numbers = f"min({measure}), max({measure}), avg({measure})"
    is_exact = parts[-1].end <= _MOST_COUNTED
    different = f"count(DISTINCT {value})" if is_exact else f"approx_count_distinct({value})"
    wanted = f"count(*), count({value}), {different}, {bounds.get(kind, numbers)}"
    [found] = database.rows(query.selected(store, parts, wanted, view), view)
    rows, values, distinct, minimum, maximum, mean = found
    frequent: list[tuple[str, int]] = []
    if 0 < distinct <= _MOST_DISTINCT:
        wanted = f"left(CAST({value} AS VARCHAR), {_SHOWN}) AS value, count(*) AS count"
        groups = f"{query.selected(store, parts, wanted, view)} GROUP BY ALL"
        frequent = database.rows(
            f"FROM ({groups}) WHERE value IS NOT NULL AND count > 1 ORDER BY count DESC, value LIMIT {_FREQUENT}",
            view,
        )
    return ColumnSummary(
        kind=kind,
        rows=rows,
        nulls=rows - values,
        distinct=min(distinct, values),
        distinct_is_exact=is_exact,
        lengths=lengths,
        minimum=_exact(minimum),
        maximum=_exact(maximum),
        mean=mean,
        frequent=frequent,
        seen=parts[-1].end,
        is_done=is_done,
    )


def _exact(bound: float | str | None) -> float | str | None:
    return f"{bound:,}" if isinstance(bound, int) and abs(bound) > _MOST_EXACT else bound
