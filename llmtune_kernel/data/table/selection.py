"""The numbers of the rows of a view, found part by part: the first are there before the last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.table import query
from llmtune_kernel.data.table.naming import number_column
from llmtune_kernel.data.table.parts import Part
from llmtune_kernel.data.table.query import Cancelled, Database
from llmtune_kernel.data.table.store import Store
from llmtune_kernel.data.table.view import View
from llmtune_kernel.locale import _

_PARTS_A_QUERY = 8  # so many are looked through between two answers

Numbers = NDArray[np.int64]

_log = logging.getLogger(__name__)


class Selection:
    """A search, filter or sort under way on a thread of its own; exclusions are left to `View`."""

    def __init__(self, store: Store, view: View) -> None:
        self._database = Database(store)
        self._store = store
        self._view = view
        self._news = threading.Condition()
        self._found: list[Numbers] = []
        self._count = 0
        self._cancelled = False
        self._is_over = False
        self._ending = threading.Lock()
        self.seen = 0
        self.is_done = False
        self.fault: UserError | None = None
        self._thread = threading.Thread(target=self._run, name="llmtune-selection", daemon=True)
        self._thread.start()

    def wait(self, count: int, seconds: float) -> None:
        """Wait until `count` rows are found, or all.

        Raises:
            UserError: the filter does not fit the rows.
        """
        with self._news:
            self._news.wait_for(lambda: self.is_done or self._count >= count, seconds)
        if self.fault is not None:
            raise self.fault

    @property
    def numbers(self) -> Numbers:
        """What has been found so far, in the order of the view."""
        with self._news:
            if len(self._found) > 1:
                self._found = [np.concatenate(self._found)]
            return self._found[0] if self._found else np.empty(0, np.int64)

    def cancel(self) -> None:
        """End it, whatever it has found; returns when it has ended."""
        self._cancelled = True
        while self._thread.is_alive():
            # What comes between two queries would not be interrupted.
            with self._ending:
                if not self._is_over:
                    self._database.interrupt()
            self._thread.join(0.02)

    def _run(self) -> None:
        fault = None
        try:
            self._sort() if self._view.sort else self._scan()
        except Cancelled:
            pass
        except UserError as error:
            fault = error
        except Exception as error:
            _log.exception("A search in a table failed.")
            fault = UserError(_("The rows cannot be searched: {error}", error=error))
        with self._ending:
            self._is_over = True
            self._database.close()
        with self._news:
            self.fault = fault
            self.is_done = True
            self._news.notify_all()

    def _scan(self) -> None:
        done = 0
        while not self._cancelled:
            parts = self._store.parts[done : done + _PARTS_A_QUERY]
            if parts:
                self._take(self._select(parts), parts[-1].end)
                done += len(parts)
            elif self._store.is_done:
                return
            else:
                self._store.wait(self.seen, 1)

    def _sort(self) -> None:
        while not self._store.is_done:
            if self._cancelled:
                return
            self._store.wait(self._store.rows, 0.2)
        if self._store.parts:
            self._take(self._select(self._store.parts), self._store.rows)

    def _select(self, parts: Sequence[Part]) -> Numbers:
        column = number_column(self._store.kinds)
        text = query.selected(self._store, parts, column, self._view)
        if self._view.sort:
            text += query.order(self._store, self._view)
        return np.asarray(self._database.column(text, self._view), np.int64)

    def _take(self, numbers: Numbers, seen: int) -> None:
        if not self._view.sort:
            numbers = np.sort(numbers)
        with self._news:
            self._found.append(numbers)
            self._count += len(numbers)
            self.seen = seen
            self._news.notify_all()
