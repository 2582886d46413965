"""What a page prefers where the environment says nothing: the language, the runs folder."""

from __future__ import annotations

import functools
import os
import threading

from llmtune_kernel.locale import VARIABLE, find_language
from llmtune_kernel.notebook.protocol import Greeting
from llmtune_kernel.runs.directory import RUNS_VARIABLE


class Preferences:
    """Sets variables of this process, and so of its workers and commands; those that the user set stay."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set: dict[str, str] = {}

    def take(self, greeting: Greeting) -> None:
        """Take over what a page prefers; it replaces what a page before it preferred."""
        # A language that is not ours is none that the user should be warned of.
        known = find_language(greeting.language)
        self._prefer(VARIABLE, greeting.language if known else "")
        self._prefer(RUNS_VARIABLE, greeting.runs_folder.strip())

    def _prefer(self, variable: str, value: str) -> None:
        with self._lock:
            now = os.environ.get(variable)
            if now and now != self._set.get(variable):  # the user's own
                return
            if value:
                os.environ[variable] = self._set[variable] = value
            elif now:
                del os.environ[variable], self._set[variable]


@functools.cache
def preferences() -> Preferences:
    """Those of this kernel."""
    return Preferences()
