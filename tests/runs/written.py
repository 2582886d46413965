"""Run directories as a worker leaves them, without a worker."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import EventWriter, Metrics, Payload, State

CONFIG = "model: some/model\ndata: rows.jsonl\n"


def metrics(step: int, loss: float | None = 1.0, max_steps: int = 100) -> Metrics:
    return Metrics(
        step=step,
        max_steps=max_steps,
        epoch=step / max_steps,
        loss=loss,
        learning_rate=2e-4,
        grad_norm=0.5,
        tokens=100 * step,
        tokens_per_second=50.0,
        memory=10**9,
        eta=float(max_steps - step),
    )


def append(directory: RunDirectory, *payloads: Payload) -> None:
    """Write more events."""
    events = EventWriter(directory.events)
    for payload in payloads:
        events.write(payload)
    events.close()


def write_run(
    name: str, *payloads: Payload, config: str = CONFIG, resolved: str | None = None
) -> RunDirectory:
    """A run directory with these events; without a lock it is over.

    Args:
        resolved: Base model of resolved.json; None leaves the file out.
    """
    directory = RunDirectory.create(name)
    directory.config.write_text(config)
    if resolved is not None:
        directory.resolved.write_text(json.dumps({"config": {"model": {"name_or_path": resolved}}}))
    append(directory, *(payloads or (State(state="queued"), metrics(1), State(state="finished"))))
    return directory


@contextmanager
def no_right_to(path: Path, *others: Path) -> Iterator[None]:
    """While this lasts nobody may look into `path`, and anybody into `others`; root, who may everything, is nobody."""
    for other in others:
        for each in (other, *other.rglob("*")):
            each.chmod(0o755)
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        path.chmod(0o700)
