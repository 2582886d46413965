"""What tests see of a run while it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import psutil
import rewards

from llmtune_kernel.config import RunConfig, config_from_dict
from llmtune_kernel.notebook.rewards import reward_writer
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import (
    CheckpointEvent,
    Evaluation,
    EvaluationEvent,
    Metrics,
    MetricsEvent,
    Payload,
    StateEvent,
)
from llmtune_kernel.runs.run import Run
from llmtune_kernel.worker.inspect import inspect


class Start(Protocol):
    """Launch a run; sections of the configuration as keywords, added to those of a quick run."""

    def __call__(self, name: str | None = None, **sections: Any) -> Run: ...


def until(true: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Wait until a condition holds; returns what it gave."""
    deadline = time.monotonic() + seconds
    while not (result := true()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return result


def losses(run: Run) -> dict[int, float | None]:
    """Training loss by step, as the events tell it."""
    return {
        event.payload.step: event.payload.loss for event in run.events() if isinstance(event, MetricsEvent)
    }


def measured(run: Run) -> tuple[list[Metrics], list[Evaluation]]:
    """All that a run told of its training, and of its evaluations."""
    events = run.events()
    metrics = [event.payload for event in events if isinstance(event, MetricsEvent)]
    return metrics, [event.payload for event in events if isinstance(event, EvaluationEvent)]


def assert_goes_on_where_it_stood(start: Start, suffix: str = "", **settings: Any) -> None:
    """Stop a run of four steps before its end and continue it: it tells what one in a single piece does."""
    settings["training"] = {"max_steps": 4, "save_steps": 2, "eval_steps": 4, **settings.get("training", {})}
    whole = measured(start(f"whole{suffix}", **settings).wait())
    cut = start(f"cut{suffix}", **settings)
    cut.pause()
    until(lambda: cut.state == "paused")
    cut.save()
    cut.stop()
    cut.wait()
    assert len(measured(cut)[0]) < 4
    rest = measured(start(resume=f"cut{suffix}", **settings).wait())
    assert [(one.step, one.loss, one.measures) for one in rest[0]] == [
        (one.step, one.loss, one.measures) for one in whole[0]
    ]
    assert rest[1][-1].measures == whole[1][-1].measures


def states(run: Run) -> list[str]:
    """The states a run went through, without repetition."""
    found = [event.payload.state for event in run.events() if isinstance(event, StateEvent)]
    return [state for number, state in enumerate(found) if number == 0 or state != found[number - 1]]


def saved(run: Run, kind: str = "checkpoint") -> list[int]:
    """Steps at which checkpoints, or results, were saved."""
    return [
        event.payload.step
        for event in run.events()
        if isinstance(event, CheckpointEvent) and event.payload.kind == kind
    ]


def worker_of(run: Run) -> psutil.Process:
    """The process that holds the lock of a run."""
    for process in psutil.process_iter():
        try:
            if any(opened.path == str(run.paths.lock) for opened in process.open_files()):
                return process
        except psutil.Error:
            continue
    raise AssertionError("no process holds the lock")


def in_process(
    folder: Path,
    *,
    prepare: Callable[[], None] = lambda: None,
    checkpoint: Path | None = None,
    **values: Any,
) -> list[Payload]:
    """What a run in this process tells; `values` are its configuration, `folder` is to be its directory.

    Args:
        prepare: Called when the directory is there.
        checkpoint: Where to continue from.
    """
    from llmtune_kernel.worker.control import ControlServer
    from llmtune_kernel.worker.session import Session

    directory = RunDirectory(folder)
    for part in (directory.path, directory.data, directory.checkpoints):
        part.mkdir()
    prepare()
    told: list[Payload] = []
    control = ControlServer(directory, told.append)
    try:
        Session(config_from_dict(values), directory, control, told.append).run(checkpoint)
    finally:
        control.close()
    return told


def losses_of(folder: Path, values: dict[str, Any], checkpoint: Path | None = None) -> list[float | None]:
    """The loss of each step of a run in this process; arguments as of `in_process`."""
    write = reward_writer(config_from_dict(values), vars(rewards))

    def prepare() -> None:
        if write:
            write(RunDirectory(folder))

    told = in_process(folder, prepare=prepare, checkpoint=checkpoint, **values)
    return [payload.loss for payload in told if isinstance(payload, Metrics)]


def inspected(config: RunConfig, *, statistics: bool = False, details: bool = False) -> dict[str, Any]:
    """What the job `inspect` says before a run, in this process."""
    told: list[dict[str, Any]] = []
    job = {
        "config": config.model_dump(mode="json"),
        "variables": {},
        "first": 1,
        "for_run": True,
        "statistics": statistics,
        "details": details,
    }
    inspect(job, told.append, lambda: None)
    summary: dict[str, Any] = told[-1]["summary"]
    return summary
