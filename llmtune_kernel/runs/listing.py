"""The list of runs, read from the ends of their event files rather than from all of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from llmtune_kernel.runs.directory import RunDirectory, list_runs
from llmtune_kernel.runs.events import TERMINAL
from llmtune_kernel.runs.wording import date, duration, number

HEADER = ("run", "state", "step", "loss", "started", "duration")


class RunSummary(BaseModel):
    """A run in a list. Times in Unix seconds, `eta` and `duration` in seconds."""

    model_config = ConfigDict(extra="forbid")
    name: str
    state: str
    step: int
    max_steps: int
    loss: float | None
    started: float
    duration: float
    eta: float | None

    def cells(self) -> tuple[str, ...]:
        """The run as a row of a table; `HEADER` names the columns."""
        return (
            self.name,
            self.state,
            f"{self.step:,} of {self.max_steps:,}" if self.max_steps else "–",
            number(self.loss),
            date(self.started),
            duration(self.duration),
        )


def summaries() -> list[RunSummary]:
    """All runs, newest first."""
    return [summary_of(directory) for directory in list_runs()]


def summary_of(directory: RunDirectory) -> RunSummary:
    """Where a run stands."""
    # In this order: a worker writes its last state before it lets go of the lock.
    alive = directory.alive
    lines = _whole_lines(directory.events)
    state = _last(lines, "state").get("state", "queued")
    metrics = _last(lines, "metrics")
    began = _time(lines[: lines.find(b"\n") + 1])
    ended = time.time() if alive else _time(lines[lines.rfind(b"\n", 0, len(lines) - 1) + 1 :])
    return RunSummary(
        name=directory.name,
        state=state if alive or state in TERMINAL else "failed",
        step=metrics.get("step", 0),
        max_steps=metrics.get("max_steps", 0),
        loss=metrics.get("loss"),
        started=began,
        duration=max(0.0, ended - began),
        eta=metrics.get("eta") if alive else None,
    )


def _whole_lines(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1]


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


def _time(line: bytes) -> float:
    return float(json.loads(line)["time"]) if line else 0.0
