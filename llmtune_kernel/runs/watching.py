"""What changes in the runs folder."""

from __future__ import annotations

import os
from typing import NamedTuple

from llmtune_kernel.config import UserError
from llmtune_kernel.runs.directory import RunDirectory, find_runs
from llmtune_kernel.runs.events import TERMINAL
from llmtune_kernel.runs.listing import RunSummary, SummaryReader, newest_first, try_summary

_Stamp = tuple[tuple[int, int, int], ...]


class RunsChange(NamedTuple):
    """Runs that are new or have changed, newest first, names of those that have gone, and why none could be read."""

    runs: list[RunSummary]
    removed: list[str]
    fault: UserError | None = None


class _Seen:
    """A run as it was at the last look."""

    def __init__(self, directory: RunDirectory, stamp: _Stamp) -> None:
        self.reader = SummaryReader(directory)
        self.stamp = stamp
        self.summary: RunSummary | None = None

    @property
    def over(self) -> bool:
        return self.summary is not None and self.summary.state in TERMINAL


class RunsWatch:
    """Looks at the runs folder again and again. A run that is over costs three `stat` a look."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def look(self) -> RunsChange:
        """What has changed since the last look; at first all runs. A run that goes on changes with the clock."""
        try:
            directories = find_runs()
        except UserError as error:
            return RunsChange([], [], error)
        present: dict[str, _Seen] = {}
        changed: list[RunSummary] = []
        for directory in directories:
            stamp = _stamp(directory)
            seen = self._seen.get(directory.name)
            if seen is None or seen.reader.directory.path != directory.path:
                seen = _Seen(directory, stamp)
            elif seen.over and seen.stamp == stamp:
                present[directory.name] = seen
                continue
            summary = try_summary(seen.reader)
            if summary is None:
                continue
            if summary != seen.summary:
                changed.append(summary)
            seen.summary, seen.stamp = summary, stamp
            present[directory.name] = seen
        removed = sorted(self._seen.keys() - present.keys())
        self._seen = present
        return RunsChange(newest_first(changed), removed)


def _stamp(directory: RunDirectory) -> _Stamp:
    """Changes whenever one of the files does that a summary is read from."""
    found = []
    for path in (directory.events, directory.meta, directory.lock):
        try:
            stat = os.stat(path)
            found.append((stat.st_ino, stat.st_size, stat.st_ctime_ns))
        except OSError:
            found.append((0, 0, 0))
    return tuple(found)
