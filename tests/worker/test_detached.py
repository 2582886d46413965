"""A run is a process of its own: what happens to others does not happen to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from watching import losses, saved, states, until, worker_of

from llmtune_kernel.config import UserError
from llmtune_kernel.runs.launch import launch, own_configuration
from llmtune_kernel.runs.run import Run, RunFailed, attach

# A process as a kernel is: leader of its own group, and its workers are its own.
LAUNCHER = """
import sys, time
from llmtune_kernel.config import config_from_dict
from llmtune_kernel.runs.launch import launch
model, name, on_kernel_exit = sys.argv[1:]
training = {"max_steps": 100_000, "learning_rate": 1e-3}
run = launch(config_from_dict({
    "model": {"name_or_path": model, "dtype": "float32"}, "data": "rows.jsonl", "training": training,
    "launch": {"on_kernel_exit": on_kernel_exit}}), name=name)
print("launched", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.stdin.read()
"""

Launch = Callable[[str, str], "tuple[subprocess.Popen[str], Run]"]


@pytest.fixture
def launch_elsewhere(workplace: Path, tiny_model: str) -> Launch:
    def begin(name: str, on_kernel_exit: str) -> tuple[subprocess.Popen[str], Run]:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, tiny_model, name, on_kernel_exit],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "launched\n"
        run = attach(name)
        until(lambda: losses(run))
        return process, run

    return begin


def test_a_run_outlives_interrupts_and_the_end_of_its_kernel_until_it_is_terminated(
    launch_elsewhere: Launch,
) -> None:
    kernel, run = launch_elsewhere("outlives", "continue")
    assert kernel.stdout is not None
    os.killpg(kernel.pid, signal.SIGINT)
    assert kernel.stdout.readline() == "interrupted\n"
    step = max(losses(run))
    until(lambda: max(losses(run)) > step + 3)

    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.communicate()
    step = max(losses(run))
    until(lambda: max(losses(run)) > step + 3)
    assert run.state == "training"

    worker_of(run).terminate()
    run.wait()
    assert states(run)[-2:] == ["stopping", "stopped"]
    assert saved(run) == saved(run, "result") == [max(losses(run))]


def test_a_run_saves_and_stops_with_its_kernel_where_the_configuration_says_so(
    launch_elsewhere: Launch,
) -> None:
    kernel, run = launch_elsewhere("follows", "stop")
    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.communicate()
    run.wait()
    assert states(run)[-2:] == ["stopping", "stopped"]
    assert saved(run, "result") == [max(losses(run))]


def test_a_run_that_is_killed_has_failed_and_can_be_continued(launch_elsewhere: Launch) -> None:
    kernel, run = launch_elsewhere("killed", "continue")
    run.save()
    until(lambda: saved(run))
    worker_of(run).kill()
    with pytest.raises(RunFailed, match="killed, or the system ran out of memory") as failed:
        run.wait()
    assert failed.value.where == str(run.paths.log)
    assert run.state == "failed"
    with pytest.raises(UserError, match="'killed' is not running"):
        run.stop()
    config, text = own_configuration("killed")
    again = launch(config, text=text)
    again.pause()
    until(lambda: again.state == "paused")
    again.stop()
    again.wait()
    assert saved(again, "result") == [saved(again)[0] + 1]
    # Its kernel took notice: no zombie of the worker stays.
    until(lambda: not psutil.Process(kernel.pid).children())
    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.communicate()
