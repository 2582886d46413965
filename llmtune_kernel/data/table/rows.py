"""A table of the rows of one source: pages of its views."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.sources import Place, stream_source
from llmtune_kernel.data.table.conversion import Conversion
from llmtune_kernel.data.table.naming import written
from llmtune_kernel.data.table.view import ALL, View
from llmtune_kernel.locale import _

if TYPE_CHECKING:
    from llmtune_kernel.data.table.parts import Kind
    from llmtune_kernel.data.table.query import Database
    from llmtune_kernel.data.table.selection import Numbers, Selection
    from llmtune_kernel.data.table.summary import ColumnSummary

_FIRST_ROWS = 256
_VIEWS = 4


@dataclass(frozen=True)
class Page:
    """Some rows of a view.

    Attributes:
        numbers: Of the rows, counted as the trainer counts them.
        matching: How many rows of the view are known.
        seen: How many rows have been looked through.
        is_done: Whether `matching` is final.
    """

    numbers: list[int]
    rows: list[Row]
    matching: int
    seen: int
    is_done: bool


class RowTable:
    """The rows of one source, from 0 as the trainer counts them; any thread may ask."""

    def __init__(self, place: Place, left_out: Sequence[str] = ()) -> None:
        """Open it: the first rows are there at once, the others come.

        Args:
            left_out: Columns of the source that are not in `place`, since they cannot be stored.

        Raises:
            UserError: there is not even a first row.
        """
        self.place, self.left_out = place, list(left_out)
        self._first, is_whole = _first_rows(place)
        self._conversion = Conversion(place, self._first if is_whole else None)
        self.store = self._conversion.store
        self._lock = threading.Lock()
        self._summing: set[Database] = set()
        self._selections: OrderedDict[View, Selection] = OrderedDict()
        threading.Thread(target=self._prepare, name="llmtune-table-imports", daemon=True).start()

    @property
    def rows(self) -> int:
        """How many rows are known."""
        return max(self.store.rows, len(self._first))

    @property
    def is_done(self) -> bool:
        """Whether all rows are known, or all before a mistake."""
        return self.store.is_done

    @property
    def fault(self) -> UserError | None:
        """The mistake in the source after the last row that is shown."""
        return self.store.fault

    @property
    def columns(self) -> dict[str, Kind]:
        """The columns known so far and what they hold; nothing is known of values before they are converted."""
        first: dict[str, Kind] = {name: "empty" for row in self._first for name in row}
        return {**first, **self.store.kinds}

    @property
    def names(self) -> dict[str, str]:
        """How a filter names each column known so far."""
        return {column: column for column in self.columns} | written(self.store.kinds)

    def page(self, first: int, count: int, view: View = ALL, wait: float = 1.0) -> Page:
        """At most `count` rows of a view from its row `first` on.

        Args:
            wait: For so many seconds at most rows are waited for that are not known yet.

        Raises:
            UserError: the filter does not fit the rows.
        """
        if view.takes_all:
            last = first + count
            if last + len(view.excluded) > self.rows:
                self.store.wait(last + len(view.excluded) - 1, wait)
            return self._plain(first, count, view.excluded)
        selection = self.select(view)
        selection.wait(first + count + len(view.excluded), wait)
        is_done, seen = selection.is_done, selection.seen
        found = _without(selection.numbers, view.excluded)
        numbers = found[first : first + count].tolist()
        return Page(numbers, self.store.read(numbers), len(found), seen, is_done)

    def place_of(self, number: int, view: View = ALL) -> int | None:
        """Where row `number` is in a view; None if it is not there, as far as the view is known."""
        if number in view.excluded:
            return None
        if view.takes_all:
            before = sum(other < number for other in view.excluded)
            return number - before if number < self.rows else None
        places = (_without(self.select(view).numbers, view.excluded) == number).nonzero()[0]
        return int(places[0]) if len(places) else None

    def row(self, number: int) -> Row:
        """A row of the source, once it is known.

        Raises:
            UserError: there is no such row.
        """
        if number < len(self._first):
            return self._first[number]
        while number >= self.store.rows and not self.is_done:
            self.store.wait(number, 1.0)
        if number >= self.store.rows:
            raise UserError(_("There is no row {row:,}.", row=number), str(self.place.source.source))
        return self.store.read([number])[0]

    def some(self) -> list[Row]:
        """The first rows of the source."""
        return self._first

    def numbers(self, view: View) -> Numbers:
        """The numbers of all rows of a view, in its order, once all are known.

        Raises:
            UserError: the filter does not fit the rows.
        """
        import numpy as np

        while not self.is_done:
            self.store.wait(self.rows, 1.0)
        if view.takes_all:
            return _without(np.arange(self.rows), view.excluded)
        selection = self.select(view)
        while not selection.is_done:
            selection.wait(self.rows + 1, 1.0)
        selection.wait(0, 0)
        return _without(selection.numbers, view.excluded)

    def select(self, view: View) -> Selection:
        """The rows of a view as they are found; one that is not among the last few views ends."""
        from llmtune_kernel.data.table.selection import Selection

        key = View(view.search, view.filter, view.sort)
        with self._lock:
            selection = self._selections.pop(key, None)
            if selection is None or selection.fault is not None:
                # Who looks at another view waits for no older one; what an older one has found whole is kept.
                for other, older in list(self._selections.items()):
                    if not older.is_done or len(self._selections) >= _VIEWS:
                        older.cancel()
                        del self._selections[other]
                selection = Selection(self.store, key)
            self._selections[key] = selection
            return selection

    def summarize(self, column: str, view: View = ALL) -> ColumnSummary:
        """A column over the rows of a view that are there by now.

        Raises:
            UserError: the filter does not fit the rows.
            Cancelled: the table was closed.
        """
        from llmtune_kernel.data.table.query import Database
        from llmtune_kernel.data.table.summary import summarize

        self.store.wait(0, 1.0)
        database = Database(self.store)
        with self._lock:
            self._summing.add(database)
        try:
            return summarize(self.store, database, column, view)
        finally:
            with self._lock:
                self._summing.remove(database)
            database.close()

    def save(self, path: Path, view: View = ALL) -> int:
        """Write the rows of a view to a file that is not there yet; its suffix says how. Returns how many.

        Raises:
            UserError: the filter does not fit the rows, the source has a mistake, so that not all of them are there, or
                the file cannot be written.
        """
        from llmtune_kernel.data.table.saving import save_rows

        numbers = self._whole(view)
        save_rows(self.store, numbers, path)
        return len(numbers)

    def load(self, view: View = ALL) -> list[Row]:
        """The rows of a view, each with all columns.

        Raises:
            UserError: the filter does not fit the rows, or the source has a mistake, so that not all of them are there.
        """
        from llmtune_kernel.data.table.saving import load_rows

        return load_rows(self.store, self._whole(view))

    def close(self) -> None:
        """End what is under way."""
        with self._lock:
            for database in self._summing:
                database.interrupt()
            for selection in self._selections.values():
                selection.cancel()
            self._selections.clear()
        self._conversion.close()

    def _whole(self, view: View) -> Numbers:
        """The numbers of all rows of a view; raises the mistake after which there may be others."""
        numbers = self.numbers(view)
        fault = self.fault
        if fault is None:
            return numbers
        if not fault.where:
            raise fault
        what = _("Only the rows before {where} can be read: {what}", where=fault.where, what=fault.what)
        raise UserError(what, fault.where, fault.fix) from fault

    def _prepare(self) -> None:
        """Load what pages and searches need, which takes half a second, before they are asked for."""
        from llmtune_kernel.data.table import selection  # noqa: F401

        self.store.wait(0, 60.0)
        with contextlib.suppress(OSError):  # it may be closed by now
            self.store.read([0] if self.store.rows else [])

    def _plain(self, first: int, count: int, excluded: frozenset[int]) -> Page:
        is_done = self.is_done
        known = self.rows
        if excluded:
            import numpy as np

            left = _without(np.arange(known), excluded)
            numbers, matching = left[first : first + count].tolist(), len(left)
        else:
            numbers, matching = list(range(first, min(first + count, known))), known
        at_once = all(number < len(self._first) for number in numbers)
        rows = [self._first[number] for number in numbers] if at_once else self.store.read(numbers)
        return Page(numbers, rows, matching, known, is_done)


def _first_rows(place: Place) -> tuple[list[Row], bool]:
    """The first rows, and whether these are all; none where to read one is to fetch all."""
    if not place.files:
        return [], False
    rows: list[Row] = []
    stream = stream_source(place)
    try:
        rows.extend(itertools.islice(stream, _FIRST_ROWS))
        is_whole = len(rows) < _FIRST_ROWS
    except UserError:
        if not rows:
            raise
        is_whole = False  # the mistake is told by who reads them all
    return rows, is_whole


def _without(numbers: Numbers, excluded: frozenset[int]) -> Numbers:
    import numpy as np

    return numbers[~np.isin(numbers, list(excluded))] if excluded else numbers
