"""The list of runs: where each stands, read from its events without reading any of them twice."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from llmtune_kernel.config import ConfigError, UserError, read_config
from llmtune_kernel.locale import _
from llmtune_kernel.runs.directory import Meta, RunDirectory, find_runs
from llmtune_kernel.runs.events import TERMINAL
from llmtune_kernel.runs.wording import date, duration, number, state_name
from llmtune_kernel.runs.worked import WorkedTime

_CURVE_VALUES = 40
_STATE = re.compile(rb'"time": ([\d.]+), "type": "state", "payload": \{"state": "(\w+)"')
_LOSS = re.compile(rb'"type": "metrics", "payload": \{"step": (\d+),[^\n]*?"loss": ([^,]+),')


class RunSummary(BaseModel):
    """A run in a list.

    Times in Unix seconds; `eta` and `duration`, the time in which it worked, in seconds; `curve` is the loss, 40 values
    at most. A run can be continued if it `has_checkpoint`, asked after its end if it `has_result`, and told to answer
    its prompts if it `has_prompts`.
    """

    model_config = ConfigDict(extra="forbid")
    name: str
    state: str
    step: int
    max_steps: int
    loss: float | None
    started: float
    duration: float
    eta: float | None
    model: str = ""
    tags: list[str] = Field(default_factory=list)
    note: str = ""
    curve: list[float | None] = Field(default_factory=list)
    has_checkpoint: bool = False
    has_result: bool = False
    has_prompts: bool = False


class SummaryReader:
    """Where one run stands, asked again and again; each time only what its events grew by is read."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self._events = _EventsSoFar(directory.events)

    def summary(self) -> RunSummary:
        """Where the run stands.

        Raises:
            OSError: it cannot be read.
            ValueError: its events are damaged.
        """
        # In this order: a worker writes its last state before it lets go of the lock.
        alive = self.directory.alive
        events = self._events
        events.read()
        meta, said = _read_meta(self.directory)
        worked = events.worked
        configured = _configured(self.directory)
        return RunSummary(
            name=self.directory.name,
            state=events.state if alive or events.state in TERMINAL else "failed",
            step=events.metrics.get("step", 0),
            max_steps=events.metrics.get("max_steps", 0),
            loss=events.metrics.get("loss"),
            started=events.began or time.time(),
            duration=worked.until(time.time()) if alive else worked.seconds,
            eta=events.metrics.get("eta") if alive else None,
            model=configured.model,
            tags=meta.tags,
            note=said or meta.note,
            curve=events.curve(),
            has_checkpoint=self.directory.last_checkpoint() is not None,
            has_result=self.directory.result() is not None,
            has_prompts=configured.has_prompts,
        )


class _EventsSoFar:
    """What the list tells of a growing file of events."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._forget()

    def _forget(self) -> None:
        self._offset = 0
        self.state = "queued"
        self.metrics: dict[str, Any] = {}
        self.began = 0.0
        self.worked = WorkedTime()
        self._steps: list[int] = []
        self._losses: list[float | None] = []

    def read(self) -> None:
        """Take in the whole lines that were added."""
        with self._path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_ino != self._inode or status.st_size < self._offset:  # another run of this name
                self._forget()
                self._inode = status.st_ino
            file.seek(self._offset)
            lines = file.read()
        lines = lines[: lines.rfind(b"\n") + 1]
        if not lines:
            return
        self.began = self.began or _time(lines[: lines.find(b"\n")])
        self.state = _last(lines, "state").get("state", self.state)
        self._take_time(lines)
        self.metrics = _last(lines, "metrics") or self.metrics
        for found in _LOSS.finditer(lines):
            step = int(found[1])
            while self._steps and self._steps[-1] >= step:  # a run that was continued repeats steps
                self._steps.pop()
                self._losses.pop()
            self._steps.append(step)
            self._losses.append(None if found[2] == b"null" else float(f"{float(found[2]):.5g}"))
        self._offset += len(lines)

    def _take_time(self, lines: bytes) -> None:
        for found in _STATE.finditer(lines):
            if end := lines.rfind(b"\n", 0, found.start()) + 1:
                self.worked.take(_time_before(lines, end))
            self.worked.take(float(found[1]), found[2].decode())
        self.worked.take(_time_before(lines, len(lines)))

    def curve(self) -> list[float | None]:
        """The loss, evenly thinned; the first and the last value are among them."""
        last = len(self._losses) - 1
        if last < _CURVE_VALUES:
            return list(self._losses)
        return [self._losses[round(index * last / (_CURVE_VALUES - 1))] for index in range(_CURVE_VALUES)]


def summaries() -> list[RunSummary]:
    """All runs, newest first.

    Raises:
        UserError: the runs folder cannot be read.
    """
    return newest_first(
        [listed for directory in find_runs() if (listed := try_summary(SummaryReader(directory)))]
    )


def summary_of(directory: RunDirectory) -> RunSummary:
    """Where a run stands."""
    return SummaryReader(directory).summary()


def never_trained(directory: RunDirectory) -> bool:
    """Whether a run ended before its first step: there is nothing to continue, and nothing to ask."""
    try:
        if directory.last_checkpoint() or directory.result():
            return False
        summary = summary_of(directory)
    except (OSError, ValueError, LookupError):  # no run, or one that cannot be read
        return False
    return summary.state in ("failed", "stopped") and summary.step == 0


def try_summary(reader: SummaryReader) -> RunSummary | None:
    """As `reader.summary()`; a run that cannot be read is one whose note says so, one that is gone is None."""
    try:
        return reader.summary()
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError) as error:
        why = error.strerror if isinstance(error, OSError) else _("its files are damaged")
        return RunSummary(
            name=reader.directory.name,
            state="failed",
            step=0,
            max_steps=0,
            loss=None,
            started=0.0,
            duration=0.0,
            eta=None,
            note=_("This run cannot be read: {why}.", why=why),
        )


def newest_first(found: list[RunSummary]) -> list[RunSummary]:
    """In the order in which the runs were started, the last one first."""
    return sorted(found, key=lambda summary: summary.started, reverse=True)


def table(found: Sequence[RunSummary]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the list as people read it; tags have a column where there are any."""
    tagged = any(summary.tags for summary in found)
    rows = [
        (
            summary.name,
            state_name(summary.state),
            _("{step:,} of {steps:,}", step=summary.step, steps=summary.max_steps)
            if summary.max_steps
            else "–",
            number(summary.loss),
            date(summary.started),
            duration(summary.duration),
            *([", ".join(summary.tags)] if tagged else []),
        )
        for summary in found
    ]
    return (*_header(), _("tags")) if tagged else _header(), rows


def _header() -> tuple[str, ...]:
    return _("run"), _("state"), _("step"), _("loss"), _("started"), _("duration")


def _read_meta(directory: RunDirectory) -> tuple[Meta, str]:
    """Tags and note, or what keeps them from being read."""
    try:
        return directory.read_meta(), ""
    except UserError as error:
        return Meta(), error.what


class _Configured(NamedTuple):
    """What the list tells of a configuration; `model` is the base model."""

    model: str = ""
    has_prompts: bool = False


def _configured(directory: RunDirectory) -> _Configured:
    """Read from resolved.json, or while the run is queued from config.yaml."""
    if resolved := directory.read_resolved():
        values = resolved["config"]
        prompts = values.get("samples", {}).get("prompts")
        return _Configured(values["model"]["name_or_path"], bool(prompts))
    try:
        config = read_config(directory.config.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, ConfigError):
        return _Configured()
    return _Configured(config.model.name_or_path, bool(config.samples.prompts))


def _last(lines: bytes, kind: str) -> dict[str, Any]:
    """Payload of the last event of a type. Inside a JSON text the quotes of the mark would be escaped."""
    mark = f'"type": "{kind}", "payload"'.encode()
    end = len(lines)
    while (found := lines.rfind(mark, 0, end)) >= 0:
        end = lines.rfind(b"\n", 0, found) + 1
        try:
            payload: dict[str, Any] = json.loads(lines[end : lines.find(b"\n", found)])["payload"]
        except ValueError:  # torn by a crash
            continue
        return payload
    return {}


def _time_before(lines: bytes, end: int) -> float:
    """The time of the line that ends there."""
    return _time(lines[lines.rfind(b"\n", 0, end - 1) + 1 : end])


def _time(line: bytes) -> float:
    return float(json.loads(line)["time"])
