"""How fast this machine trains, as its latest runs measured it."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from pydantic import ValidationError

from llmtune_kernel.config import RunConfig
from llmtune_kernel.runs.directory import RunDirectory, list_runs
from llmtune_kernel.runs.events import EVENT, MetricsEvent

# The end of the events that is read, and how many metrics of it count: one step alone may be far off.
_TAIL_BYTES = 2**16
_METRICS = 20


def measured_speed(config: RunConfig) -> float | None:
    """Tokens a second, without padding, of the newest run with the model, method and precision of `config`.

    The median of what its last metrics say. Those of a first step, which is slower, count only where no run has others;
    None if no run has any.
    """
    first: list[float] = []
    for directory in list_runs():
        speeds = _last_speeds(directory.events) if _is_like(directory, config) else []
        if later := [speed for step, speed in speeds if step > 1]:
            return statistics.median(later)
        first += [speed for _step, speed in speeds]
    return statistics.median(first) if first else None


def _is_like(directory: RunDirectory, config: RunConfig) -> bool:
    try:
        ran = RunConfig.model_validate(directory.read_resolved().get("config"))
    except (OSError, ValueError):  # not resolved yet, of another version, or damaged: it says nothing
        return False
    return (ran.model.name_or_path, ran.model.dtype, ran.method.type) == (
        config.model.name_or_path,
        config.model.dtype,
        config.method.type,
    )


def _last_speeds(events: Path) -> list[tuple[int, float]]:
    """Steps, and tokens a second in each."""
    with events.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = file.read().splitlines()
    speeds = []
    for line in lines:
        try:
            event = EVENT.validate_json(line)
        except ValidationError:  # the first and the last may be torn
            continue
        if isinstance(event, MetricsEvent):
            speeds.append((event.payload.step, event.payload.tokens_per_second))
    return [(step, speed) for step, speed in speeds[-_METRICS:] if speed > 0]
