"""A disk without room: refused before training, waited out during it; nothing that was trained is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import Start, losses, saved, states, until

from llmtune_kernel.runs.events import ErrorEvent, StateEvent
from llmtune_kernel.runs.run import Run, RunFailed

TINY, AMPLE = "size=16k", "size=64m"


def mount(folder: Path, size: str, *more: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", ",".join([*more, size]), "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture
def full(start: Start, request: pytest.FixtureRequest) -> Iterator[Run]:
    """A paused run whose checkpoints go to a file system that is too small for one."""
    run = start(f"full-{request.node.name[:20]}", training={"max_steps": 100_000, "warmup_ratio": 0.0})
    until(lambda: len(losses(run)) >= 3)
    run.pause()
    until(lambda: run.state == "paused")
    if not mount(run.paths.checkpoints, TINY):
        run.stop()
        pytest.skip("file systems cannot be mounted here")
    try:
        yield run
    finally:
        subprocess.run(["umount", "--lazy", str(run.paths.checkpoints)], check=True)


def detail(run: Run) -> str:
    return [event.payload for event in run.events() if isinstance(event, StateEvent)][-1].detail


def test_a_run_that_cannot_be_saved_waits_for_room_and_ends_as_it_was_told(full: Run) -> None:
    full.stop()
    until(lambda: full.state == "paused")
    assert detail(full) == f"no space left on {full.paths.path}; free some and resume"
    assert not list(full.paths.checkpoints.iterdir())
    step, told = max(losses(full)), len(states(full))
    full.resume()
    until(lambda: states(full)[-2:] == ["stopping", "paused"] and len(states(full)) > told)
    assert mount(full.paths.checkpoints, AMPLE, "remount")
    full.resume()
    full.wait()
    assert full.state == "stopped"
    assert saved(full) == saved(full, "result") == [step]
    assert max(losses(full)) == step


def test_an_order_to_save_tries_again_and_a_stop_in_want_of_room_still_stops(full: Run) -> None:
    full.save()
    until(lambda: "no space" in detail(full))
    assert mount(full.paths.checkpoints, AMPLE, "remount")
    full.save()
    until(lambda: saved(full))
    assert full.state == "paused"
    full.stop()
    assert full.wait().state == "stopped"


def test_to_stop_a_run_that_found_no_room_gives_it_up_with_one_message(full: Run) -> None:
    full.save()
    until(lambda: "no space" in detail(full))
    full.stop()
    with pytest.raises(RunFailed, match="no space left to save the run"):
        full.wait()
    [error] = [event.payload for event in full.events() if isinstance(event, ErrorEvent)]
    assert (error.where, error.tail) == (str(full.paths.path), [])
    assert error.fix
    assert "Traceback" not in full.paths.log.read_text()
