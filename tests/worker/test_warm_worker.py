"""The worker that waits with its libraries imported."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from watching import Start, losses, until

from llmtune_kernel.config import ModelConfig
from llmtune_kernel.runs.run import sample
from llmtune_kernel.runs.workers import Cancellation, Cancelled, WorkerFault, WorkerPool, pool


@pytest.fixture
def waiting(workplace: Path) -> Iterator[WorkerPool]:
    """A pool of its own; what waits in it at the end is ended."""
    workers = WorkerPool()
    yield workers
    workers.close()


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


def the_one(pids: set[int]) -> psutil.Process:
    [pid] = pids
    return psutil.Process(pid)


def inspect(workers: WorkerPool, data: str, model: str) -> dict[str, Any]:
    """What a worker says of the rows of a file."""
    found: list[dict[str, Any]] = []
    config = {"model": {"name_or_path": model}, "data": {"train": data}}
    job = {
        "job": "inspect",
        "config": config,
        "variables": {},
        "first": 1,
        "for_run": True,
        "statistics": False,
        "details": False,
    }
    workers.call(job, found.append)
    summary: dict[str, Any] = found[-1]["summary"]
    del summary["memory_available"]  # never twice the same
    return summary


def test_the_folder_in_which_a_worker_was_started_may_go_while_it_imports(
    waiting: WorkerPool, workplace: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = workplace / "left"
    left.mkdir()
    before = children()
    monkeypatch.chdir(left)
    waiting.prepare()
    process = the_one(children() - before)
    monkeypatch.chdir(workplace)
    left.rmdir()
    assert inspect(waiting, "rows.jsonl", tiny_model)["rows"] > 0
    assert process.is_running()


def test_a_run_is_trained_by_the_process_that_waited_in_the_place_of_its_launch(
    start: Start, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool().close()
    before = children()
    pool().prepare()
    process = the_one(children() - before)
    (workplace / "deeper").mkdir()
    (workplace / "deeper" / "own.jsonl").write_text((workplace / "rows.jsonl").read_text())
    monkeypatch.chdir(workplace / "deeper")
    monkeypatch.setenv("LLMTUNE_HOME", str(workplace / "other-runs"))
    run = start("warm", data={"train": "own.jsonl"}, training={"max_steps": 100_000})
    until(lambda: losses(run))
    assert run.directory == workplace / "other-runs" / "warm"
    assert any(opened.path == str(run.paths.lock) for opened in process.open_files())
    assert process.cwd() == str(workplace / "deeper")
    run.stop()
    run.wait()
    until(lambda: not process.is_running())


def test_a_job_runs_with_the_environment_of_its_caller_and_no_other(
    waiting: WorkerPool, smollm2: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # LLMTUNE_CACHE is read when a model is looked up: one that cannot be a folder shows which value was seen.
    (tmp_path / "file").touch()
    with monkeypatch.context() as patch:
        patch.setenv("LLMTUNE_CACHE", str(tmp_path / "file"))
        waiting.prepare()
    assert inspect(waiting, "rows.jsonl", "smollm2-135m")["train_rows"] == 12
    monkeypatch.setenv("LLMTUNE_CACHE", str(tmp_path / "file"))
    with pytest.raises(WorkerFault, match="NotADirectoryError") as fault:
        inspect(waiting, "rows.jsonl", "smollm2-135m")
    log = Path(fault.value.where)
    assert "NotADirectoryError" in log.read_text()
    log.unlink()


def test_a_worker_that_imported_with_other_settings_is_not_used(
    waiting: WorkerPool, tiny_model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = children()
    waiting.prepare()
    old = the_one(children() - before)
    waiting.prepare()
    assert the_one(children() - before) == old
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    waiting.prepare()
    new = the_one(children() - before)
    assert new != old
    assert new.environ()["HF_HOME"] == str(tmp_path)
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path))  # not read at import
    inspect(waiting, "rows.jsonl", tiny_model)
    assert the_one(children() - before) == new


def test_a_worker_that_died_while_it_waited_is_replaced(waiting: WorkerPool, tiny_model: str) -> None:
    before = children()
    waiting.prepare()
    dead = the_one(children() - before)
    dead.kill()
    until(lambda: dead.status() == psutil.STATUS_ZOMBIE)
    assert inspect(waiting, "rows.jsonl", tiny_model)["train_rows"] == 12
    assert the_one(children() - before) != dead


def test_a_waiting_worker_ends_with_its_kernel(workplace: Path) -> None:
    program = """
from llmtune_kernel.runs.workers import pool
import psutil, sys
pool().prepare()
print(psutil.Process().children()[0].pid, flush=True)
sys.stdin.read()
"""
    kernel = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert kernel.stdout is not None
    worker = psutil.Process(int(kernel.stdout.readline()))
    kernel.kill()
    kernel.communicate()
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_one_worker_does_job_after_job_and_leaves_nothing_behind(
    waiting: WorkerPool, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, descriptors = children(), psutil.Process().num_fds()
    first = inspect(waiting, "rows.jsonl", tiny_model)
    process = the_one(children() - before)
    assert inspect(waiting, "rows.jsonl", tiny_model) == first
    assert the_one(children() - before) == process
    waiting.close()
    assert not process.is_running()
    assert children() == before
    assert psutil.Process().num_fds() == descriptors
    assert list(tmp_path.iterdir()) == []


def test_base_models_answer_by_name(workplace: Path, tiny_model: str) -> None:
    answers = sample({"tiny": ModelConfig(name_or_path=tiny_model)}, ["Hello", "Bye"], {"max_new_tokens": 3})
    assert list(answers) == ["tiny"]
    assert len(answers["tiny"]) == 2


def test_a_job_whose_worker_does_not_heed_its_cancellation_ends_with_it(
    waiting: WorkerPool, tiny_model: str
) -> None:
    before = children()
    inspect(waiting, "rows.jsonl", tiny_model)
    process = the_one(children() - before)
    process.suspend()
    cancellation = Cancellation()
    threading.Timer(0.5, cancellation.cancel).start()
    job = {
        "job": "inspect",
        "config": {"data": {"train": "rows.jsonl"}},
        "variables": {},
        "first": 1,
        "for_run": True,
    }
    with pytest.raises(Cancelled):
        waiting.call(job, lambda answer: None, cancellation)
    assert not process.is_running()
    assert children() == before
    assert inspect(waiting, "rows.jsonl", tiny_model)["train_rows"] == 12


def cancel_after(pieces: int, workers: WorkerPool, model: str) -> None:
    """Ask for a long answer, and cancel it after some pieces."""
    cancellation = Cancellation()
    heard: list[dict[str, Any]] = []

    def hear(answer: dict[str, Any]) -> None:
        heard.append(answer)
        if len(heard) == pieces:
            cancellation.cancel()

    job: dict[str, Any] = {
        "job": "sample",
        "sources": [{"column": "tiny", "model": {"name_or_path": model}}],
        "prompts": ["Hello"],
        "settings": {"max_new_tokens": 100_000, "temperature": 2.0},
        "stream": True,
    }
    with pytest.raises(Cancelled):
        workers.call(job, hear, cancellation)
    assert all(answer["type"] == "piece" for answer in heard)
    cancellation.cancel()  # once more, late: changes nothing


def test_a_job_that_is_cancelled_leaves_its_worker_to_the_next(waiting: WorkerPool, tiny_model: str) -> None:
    before = children()
    inspect(waiting, "rows.jsonl", tiny_model)
    process = the_one(children() - before)
    for number in range(5):
        cancel_after(number + 1, waiting, tiny_model)
        assert inspect(waiting, "rows.jsonl", tiny_model)["train_rows"] == 12
    assert the_one(children() - before) == process
