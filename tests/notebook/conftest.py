"""A real kernel with our extension, and runs that a process without a model writes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import pytest
from real_kernel import CONFIG, Kernel, WrittenRun


@pytest.fixture
def write_run(request: pytest.FixtureRequest) -> Iterator[Callable[..., WrittenRun]]:
    """Makes runs; those that still go on end with the test."""
    if "kernel" not in request.fixturenames:
        request.getfixturevalue("runs_home")
    made: list[WrittenRun] = []
    numbers = itertools.count(int(time.time() * 1000))

    def make(name: str | None = None, config: str = CONFIG) -> WrittenRun:
        made.append(WrittenRun(name or f"written{next(numbers)}", config))
        return made[-1]

    yield make
    for run in made:
        run.end()


@pytest.fixture(scope="session")
def _shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("notebook"))
    reply = kernel.reply(kernel.start("%load_ext llmtune_kernel"))
    assert reply["content"]["status"] == "ok"
    yield kernel
    kernel.shutdown()


@pytest.fixture
def kernel(_shared_kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A kernel in which `%load_ext llmtune_kernel` has run; this process sees the same runs."""
    monkeypatch.setenv("LLMTUNE_HOME", str(_shared_kernel.home / "runs"))
    monkeypatch.chdir(_shared_kernel.home)
    return _shared_kernel
