"""Does the page that shows this kernel have our extension? Asked with a comm, since a kernel cannot look."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from llmtune_kernel.notebook.protocol import HelloOpen

TARGET = "llmtune.hello"


class Presence:
    """A page with the extension answers on the comm, one without it closes it, a program does neither."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered = False
        self._closed = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def absent(self) -> bool:
        """Whether a page said, and none denied, that it lacks the extension."""
        return self._closed and not self._answered

    def hello(self) -> None:
        """Open the comm; answers come later, on another thread."""
        from comm import create_comm

        from llmtune_kernel import __version__

        # Kept by the comm manager until it is closed.
        comm = create_comm(target_name=TARGET, data=HelloOpen(version=__version__).model_dump())
        comm.on_msg(self._on_answer)
        comm.on_close(self._on_close)

    def when_absent(self, callback: Callable[[], None]) -> None:
        """Call back, now or later, when it turns out that the page lacks the extension."""
        with self._lock:
            if not self.absent:
                self._callbacks.append(callback)
                return
        callback()

    def forget(self, callback: Callable[[], None]) -> None:
        """Take a callback back."""
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    def _on_answer(self, message: dict[str, Any]) -> None:
        if message["content"]["data"].get("type") == "hello":
            with self._lock:
                self._answered = True

    def _on_close(self, _: dict[str, Any]) -> None:
        with self._lock:
            self._closed = True
            callbacks, self._callbacks = ([], self._callbacks) if self._answered else (self._callbacks, [])
        for callback in callbacks:
            callback()


@functools.cache
def presence() -> Presence:
    """What is known in this kernel."""
    return Presence()
