"""The tables of data that a page has open."""

from __future__ import annotations

import builtins
import itertools
import json
import keyword
import math
import re
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import combining

from llmtune_kernel.config import UserError, read_part
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.json_text import json_of
from llmtune_kernel.data.sources import Place, find_source, is_variable
from llmtune_kernel.data.table import RowTable, Sort, View
from llmtune_kernel.data.turns import OPENAI, SHAREGPT, as_found, keys_of_turns, tags_of, unpacked
from llmtune_kernel.data.variables import snapshot_variable, split_of
from llmtune_kernel.locale import _
from llmtune_kernel.notebook import protocol
from llmtune_kernel.notebook.contents import content_of, is_other
from llmtune_kernel.notebook.variables import look_up
from llmtune_kernel.runs.workers import pool

_SHOWN = 300  # characters of a value
# What joins emojis, and what changes the one before: another look, or a colour of skin.
_JOINER = "\u200d"
_JOINED = re.compile("[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_READ = 100_000  # characters of a text that may be a conversation
_RECOGNISED = 100  # rows by which a format is recognised
_LOOKED_THROUGH = 1000  # rows at once for a problem


class Tables:
    """Opens and closes tables; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names = map(str, itertools.count(1))
        self._open: dict[str, _Opened] = {}
        self._is_closed = False

    def open(self, wanted: protocol.TableSource, namespace: Mapping[str, Any]) -> protocol.OpenedTable:
        """Open the table of a source.

        Raises:
            UserError: there is no such source, or it has not even a first row.
        """
        source = wanted.source
        source = source if isinstance(source, SourceConfig) else SourceConfig(source=source)
        content = content_of(source, wanted.dataset_dir, namespace)
        with ExitStack() as resources:
            table = open_table(source, wanted.dataset_dir, namespace, resources)
            excluded = self._still_excluded(wanted.before, table, content)
            with self._lock:
                if self._is_closed:
                    raise UserError(_("The table is closed."))
                name = next(self._names)
                self._open[name] = _Opened(table, source, wanted.dataset_dir, content, resources.pop_all())
        return protocol.OpenedTable(table=name, content=content, excluded=excluded, left_out=table.left_out)

    def page(self, wanted: protocol.PageWanted, namespace: Mapping[str, Any]) -> protocol.TablePage:
        """Rows of a view.

        Raises:
            UserError: the table is closed, or the filter does not fit the rows.
        """
        opened = self._find(wanted.table)
        table = opened.table
        view = _view(wanted.view)
        page = table.page(wanted.first, wanted.count, view)
        columns, names = table.columns, table.names
        fault = table.fault
        return protocol.TablePage(
            columns=[
                protocol.TableColumn(name=name, kind=kind, sql=names[name]) for name, kind in columns.items()
            ],
            numbers=page.numbers,
            cells=[[_cell(row.get(name)) for name in columns] for row in page.rows],
            matching=page.matching,
            seen=page.seen,
            is_done=page.is_done,
            place=None if wanted.find is None else table.place_of(wanted.find, view),
            rows=table.rows,
            is_whole=table.is_done,
            fault=protocol.Mistake(what=fault.what, where=fault.where, fix=fault.fix) if fault else None,
            has_changed=opened.has_changed(namespace),
        )

    def row(self, wanted: protocol.RowWanted) -> protocol.RowView:
        """A row through the eyes of the trainer.

        Raises:
            UserError: the table is closed, there is no such row, or the configuration has a mistake.
        """
        table = self._find(wanted.table).table
        row = table.row(wanted.number)
        job, model = _job(table, wanted.text)
        found: dict[str, Any] = {}
        pool().call({**job, "job": "row", "row": _sendable(row), "number": wanted.number}, found.update)
        values = {name: _text(value) for name, value in row.items()}
        return protocol.RowView(values=values, model=model, **found["row"])

    def find_problem(self, wanted: protocol.ProblemWanted) -> protocol.ProblemFound:
        """Look through some rows of a view for one that cannot be trained on.

        Raises:
            UserError: the table is closed, the filter does not fit the rows, or the configuration has a mistake.
        """
        table = self._find(wanted.table).table
        page = table.page(wanted.first, _LOOKED_THROUGH, _view(wanted.view))
        found: dict[str, Any] = {"number": None}
        if page.rows:
            job, _model = _job(table, wanted.text)
            rows = {"numbers": page.numbers, "rows": _sendable(page.rows)}
            pool().call({**job, "job": "problem", **rows}, found.update)
        number, end = found["number"], wanted.first + len(page.numbers)
        place = None if number is None else wanted.first + page.numbers.index(number)
        return protocol.ProblemFound(
            place=place,
            next=end if place is None else place + 1,
            is_done=page.is_done and end >= page.matching,
        )

    def summarize(self, wanted: protocol.ColumnWanted) -> protocol.ColumnSummary:
        """A column of a view in numbers.

        Raises:
            UserError: the table is closed, or the filter does not fit the rows.
        """
        from llmtune_kernel.data.table.query import Cancelled

        try:
            found = self._find(wanted.table).table.summarize(wanted.column, _view(wanted.view))
        except Cancelled:
            raise UserError(_("The table is closed.")) from None
        values = {
            **vars(found),
            "frequent": [{"value": value, "rows": rows} for value, rows in found.frequent],
        }
        for name in ("minimum", "maximum", "mean"):
            if isinstance(values[name], float) and not math.isfinite(values[name]):
                values[name] = None  # JSON has no such numbers
        return protocol.ColumnSummary.model_validate(values)

    def save(
        self,
        wanted: protocol.ViewSaved,
        namespace: Mapping[str, Any],
        assign: Callable[[str, Any], None],
    ) -> protocol.SavedView:
        """Save the rows of a view where nothing is yet.

        Args:
            assign: Gives a variable of the notebook its value.

        Raises:
            UserError: there is something of that name, it cannot be written, or the source holds other rows by now.
        """
        opened, view = self._find(wanted.table), _view(wanted.view)
        table = opened.table
        if opened.has_changed(namespace):
            raise UserError(
                _("The data have changed since they were read."),
                opened.source.source,
                _("Read them again, then save."),
            )
        if wanted.variable is None:
            file = Path(wanted.file or "")
            return protocol.SavedView(rows=table.save(file, view), source=_read_as(table, str(file)))
        from llmtune_kernel.data.table.saving import check_some

        name = wanted.variable.removeprefix("$")
        check_name(name, namespace)
        rows = table.load(view)
        check_some(rows)
        assign(name, rows)
        return protocol.SavedView(rows=len(rows), source=_read_as(table, f"${name}"))

    def close(self, name: str) -> None:
        """Close a table, if it is open."""
        with self._lock:
            opened = self._open.pop(name, None)
        if opened is not None:
            opened.resources.close()

    def close_all(self) -> None:
        """Close all, and open no more."""
        self._is_closed = True
        for name in list(self._open):
            self.close(name)

    def _still_excluded(self, before: protocol.ReadBefore | None, table: RowTable, content: str) -> list[int]:
        """Of the rows that were left out those that are the same in a table that is read anew."""
        if before is None:
            return []
        if content and content == before.content:
            return before.excluded
        with self._lock:
            old = self._open.get(before.table or "")
        return (
            [] if old is None else [n for n in before.excluded if _values(old.table, n) == _values(table, n)]
        )

    def _find(self, name: str) -> _Opened:
        with self._lock:
            if name in self._open:
                return self._open[name]
        raise UserError(_("The table is closed."), "", _("Open the data again."))


@dataclass(frozen=True)
class _Opened:
    """A table that is open, what it was opened for, and what the content of that was then."""

    table: RowTable
    source: SourceConfig
    dataset_dir: str
    content: str
    resources: ExitStack

    def has_changed(self, namespace: Mapping[str, Any]) -> bool:
        return is_other(content_of(self.source, self.dataset_dir, namespace), self.content)


def _values(table: RowTable, number: int) -> str | None:
    """What tells a row from others; None for one that is not there."""
    try:
        row = table.row(number)
    except UserError:
        return None
    return _text({name: value for name, value in row.items() if value is not None})


def _read_as(table: RowTable, name: str) -> str | dict[str, Any]:
    """The source `name` whose rows are read as those of a table are."""
    settings = table.place.source.model_dump(include={"format", "columns", "tags"}, exclude_none=True)
    said = {key: value for key, value in settings.items() if value not in ("auto", {})}
    return {"source": name, **said} if said else name


def _job(table: RowTable, text: str) -> tuple[dict[str, Any], str]:
    """What a worker needs to look at rows of a table with the configuration `text`, and the name of its model.

    Raises:
        UserError: the configuration has a mistake in what matters for rows.
    """
    config = read_part(text, ("model", "data"), _("the configuration"))
    source = table.place.source
    unsaid = [name for name in ("format", "columns", "tags") if getattr(source, name) is None]
    source = source.model_copy(update={name: getattr(config.data, name) for name in unsaid})
    job = {
        "config": config.model_dump(mode="json"),
        "source": source.model_dump(mode="json"),
        "others": _sendable(table.some()[:_RECOGNISED]),
    }
    return job, config.model.name_or_path


def _view(view: protocol.TableView) -> View:
    sort = tuple(Sort(key.column, key.descending) for key in view.sort)
    return View(view.search, view.filter, sort, frozenset(view.excluded))


def open_table(
    source: SourceConfig, dataset_dir: str, namespace: Mapping[str, Any], resources: ExitStack
) -> RowTable:
    """The table of a source, which ends with `resources`.

    Args:
        namespace: Where `$name` is looked up.

    Raises:
        UserError: there is no such source, or it has not even a first row.
    """
    if is_variable(source):
        folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="llmtune-"))
        file = Path(folder) / "rows.arrow"
        name = source.source.removeprefix("$")
        value = split_of(look_up(name, namespace, "data.train"), source.split, source.source)
        left_out = snapshot_variable(value, file, name, source.source).left_out
        table = RowTable(Place(source, (file,)), left_out)
    else:
        table = RowTable(find_source(source, dataset_dir))
    resources.callback(table.close)
    return table


def check_name(name: str, namespace: Mapping[str, Any]) -> None:
    """Raise UserError if `name` is no name of a variable, or is taken."""
    if keyword.iskeyword(name) or hasattr(builtins, name):
        raise UserError(_("{name!r} is a word of Python itself.", name=name), "", _("Choose another name."))
    if not name.isidentifier():
        raise UserError(
            _("{name!r} is no name of a variable.", name=name),
            "",
            _("Begin with a letter or _; then digits may follow, too."),
        )
    if name in namespace:
        raise UserError(_("There is a variable {name} already.", name=name), "", _("Choose another name."))


def _cell(value: Any) -> str | None:
    """The beginning of a value as text; of a conversation who says what."""
    turns = value if isinstance(value, str) and len(value) > _READ else unpacked(value)
    if keys_of_turns(turns) & {OPENAI.role, SHAREGPT.role}:
        found = (as_found(turn, tags_of(turns)) for turn in turns if isinstance(turn, dict))
        text: str | None = " · ".join(f"{role}: {said}" for role, said in found)
    else:
        text = _text(value)
    return text if text is None or len(text) <= _SHOWN else f"{text[: _end(text)]}…"


def _end(text: str) -> int:
    """Where a longer text is cut: not between signs that make one letter or emoji together."""
    return next(
        (
            stop
            for stop in range(_SHOWN, _SHOWN // 2, -1)
            if text[stop - 1] != _JOINER and not _JOINED.match(text[stop]) and not combining(text[stop])
        ),
        _SHOWN,
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json_of(value)
    # Half of a surrogate pair cannot be sent.
    return text.encode("utf-8", "replace").decode()


def _sendable(value: Any) -> Any:
    """`value` as JSON has it."""
    return json.loads(json.dumps(value, default=str))
