"""Requests that take long, by their ids: the page can end them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from llmtune_kernel.runs.workers import Cancellation


class Cancellations:
    """What ends the requests of one page. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Cancellation] = {}

    @contextmanager
    def of(self, id: str) -> Iterator[Cancellation]:
        """While it lasts, the request can be cancelled."""
        cancellation = Cancellation()
        with self._lock:
            self._under_way[id] = cancellation
        try:
            yield cancellation
        finally:
            with self._lock:
                self._under_way.pop(id, None)

    def cancel(self, id: str) -> None:
        """End a request; one that is over or unknown changes nothing."""
        with self._lock:
            cancellation = self._under_way.get(id)
        if cancellation is not None:
            cancellation.cancel()

    def cancel_all(self) -> None:
        """End all that are under way."""
        with self._lock:
            cancellations = list(self._under_way.values())
        for cancellation in cancellations:
            cancellation.cancel()
