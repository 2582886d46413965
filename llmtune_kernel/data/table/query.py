"""DuckDB over the parts of a table: text of a user's becomes an expression, never a statement, and reads no files."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import duckdb
from numpy.typing import NDArray

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.table.naming import names, number_column, written
from llmtune_kernel.data.table.parts import NUMBER, Kind, Part
from llmtune_kernel.data.table.store import Store
from llmtune_kernel.data.table.view import View
from llmtune_kernel.locale import _

T = TypeVar("T")

# What DuckDB says of a column that is not there.
_ABSENT = re.compile(r'Referenced column "([^"]*)" not found')
_MEMORY = "192MB"  # so that the kernel stays small; more is spilled to the disk
_CASTS: dict[Kind, str] = {
    "text": "VARCHAR",
    "json": "VARCHAR",
    "mixed": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
}


class Cancelled(Exception):
    """The query was interrupted by whoever asked for it."""


class Database:
    """DuckDB with what it needs to read the parts of one table, and nothing else; one query at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spill = tempfile.TemporaryDirectory(prefix="llmtune-", dir=store.folder.parent)
        settings = {"memory_limit": _MEMORY, "temp_directory": self._spill.name}
        self._connection = duckdb.connect(
            ":memory:", config={**settings, "preserve_insertion_order": "false"}
        )
        # A filter is the user's own text, but may be copied from anywhere: it reads nothing but these rows.
        self._connection.execute(f"SET allowed_directories = [{_text(f'{store.folder}/')}]")
        self._connection.execute("SET enable_external_access = false")

    def rows(self, query: str, view: View) -> list[Any]:
        """The result of a query as tuples; see `_fetch`."""
        return self._fetch(query, view, lambda result: result.fetchall())

    def column(self, query: str, view: View) -> NDArray[Any]:
        """The only column of the result of a query; see `_fetch`."""
        return self._fetch(query, view, lambda result: next(iter(result.fetchnumpy().values())))  # type: ignore[arg-type]

    def _fetch(self, query: str, view: View, fetch: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Run a query.

        Args:
            view: Where its conditions and its order are from.

        Raises:
            UserError: the filter does not fit the rows, or the memory does not do.
            Cancelled: it was interrupted.
        """
        try:
            # Two threads that sort long texts need more than there is.
            threads = 1 if view.sort else os.cpu_count() or 1
            self._connection.execute(f"SET threads = {threads}")
            return fetch(self._connection.execute(query))
        except duckdb.InterruptException:
            raise Cancelled from None
        except duckdb.OutOfMemoryException as error:
            raise UserError(
                _("There is not enough memory or disk space for this: {reason}", reason=_reason(error)[0]),
                "",
                _("Narrow the search or the filter, or sort by a column with shorter values."),
            ) from None
        except duckdb.Error as error:
            if not view.filter:
                raise
            raise _mistake(view.filter, error, self._store) from None

    def interrupt(self) -> None:
        """End the query that runs; for any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()
        self._spill.cleanup()


def selected(store: Store, parts: Sequence[Part], columns: str, view: View) -> str:
    """The query for `columns` of the rows of a view in some parts, in any order.

    Raises:
        UserError: the filter is not an expression.
    """
    condition = " AND ".join(
        filter(None, (_search(store, view.search), _filter(view.filter, store), _left(store, view.excluded)))
    )
    return f"SELECT {columns} FROM ({_rows(store, parts)}) AS rows" + (
        f" WHERE {condition}" if condition else ""
    )


def order(store: Store, view: View) -> str:
    """What sorts the rows of a view."""
    called = names(store.kinds)
    keys = [f"{called[key.column]} {'DESC' if key.descending else 'ASC'} NULLS LAST" for key in view.sort]
    return f" ORDER BY {', '.join([*keys, number_column(store.kinds)])}"


def _rows(store: Store, parts: Sequence[Part]) -> str:
    """All rows of some parts, with the columns of the whole table."""
    there = {column for part in parts for column in part.kinds}
    called = names(store.kinds)
    columns = []
    for place, column in enumerate(parts[-1].names):
        kind = store.kinds[column]
        value = f"c{place}" if column in there else "NULL"
        cast = _CASTS.get(kind, "")
        columns.append(f"{f'CAST({value} AS {cast})' if cast else value} AS {called[column]}")
    columns.append(f"{NUMBER} AS {number_column(store.kinds)}")
    files = ", ".join(_text(str(store.folder / part.file)) for part in parts)
    return f"SELECT {', '.join(columns)} FROM read_parquet([{files}], union_by_name = true)"


def _search(store: Store, search: str) -> str:
    """The condition that any column holds a text; where nested values are JSON, it is written as there."""
    if not search:
        return ""
    escaped = json.dumps(search, ensure_ascii=False)[1:-1]
    called = names(store.kinds)
    conditions = [
        f"regexp_matches(CAST({called[column]} AS VARCHAR), {_pattern(escaped if kind == 'json' else search)}, 'i')"
        for column, kind in store.kinds.items()
        if kind != "empty"
    ]
    return f"({' OR '.join(conditions)})"


def _left(store: Store, excluded: frozenset[int]) -> str:
    return f"{number_column(store.kinds)} NOT IN ({', '.join(map(str, excluded))})" if excluded else ""


def _filter(text: str, store: Store) -> str:
    if not text.strip():
        return ""
    try:
        return f"({duckdb.SQLExpression(text)})"
    except duckdb.Error as error:
        raise _mistake(text, error, store) from None


def _mistake(filter: str, error: duckdb.Error, store: Store) -> UserError:
    reason, hint = _reason(error)
    if reason.startswith("Table with name"):  # the only others are DuckDB's own
        hint = ""
    return UserError(
        _("The filter does not fit the rows: {reason}", reason=reason),
        filter,
        _hint(filter, reason, store)
        or hint
        or _("Write a condition of SQL, such as {example}.", example=_example(store)),
    )


def _hint(filter: str, reason: str, store: Store) -> str:
    """How to mend what is often wrong with a filter; empty for all else."""
    absent = _ABSENT.match(reason)
    if absent and f'"{absent[1]}"' in filter:
        return _("A text stands in single quotes: {text}.", text=_text(absent[1]))
    called = written(store.kinds)
    for column, kind in store.kinds.items():
        part = rf'(?<!\w)("{re.escape(column)}"|{re.escape(column)})\s*[.\[]'
        if kind == "json" and re.search(part, filter, re.IGNORECASE):
            example = f"({called[column]}->0->>'role') = 'user'"
            return _("Lists and objects are JSON here, for example {example}.", example=example)
    return ""


def _example(store: Store) -> str:
    """A condition that fits some column."""
    column, kind = next(iter(store.kinds.items()))
    called = written(store.kinds)[column]
    if kind in ("integer", "number"):
        return f"{called} > 100"
    return f"length({called}) > 100" if kind in ("text", "json") else f"{called} IS NOT NULL"


def _reason(error: duckdb.Error) -> tuple[str, str]:
    """What DuckDB says is wrong, and its hint, without the query."""
    said = str(error).partition("\n\nLINE ")[0]
    first, _newline, hint = said.partition("\n")
    first = re.sub(r"^[A-Z][\w ]* Error: ", "", first)
    return _shortened(first), _shortened(hint.strip())


def _shortened(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _pattern(text: str) -> str:
    """A regular expression of RE2 that matches a text itself."""
    return _text(re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text))


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
