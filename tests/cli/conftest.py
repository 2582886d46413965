"""A working directory with rows, a configuration and the runs of all tests of the room."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from workplace import Workplace

from llmtune_kernel.runs.directory import list_runs
from llmtune_kernel.runs.run import Run


@pytest.fixture(scope="session")
def workplace(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    folder = tmp_path_factory.mktemp("terminal")
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n} plus {n}? [red]\x1b[31mred"},
                {"role": "assistant", "content": f"{2 * n}."},
            ]
        }
        for n in range(12)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "run.yaml").write_text(
        f"# as I wrote it\nmodel: {tiny_model}\ndata: {{train: rows.jsonl, eval_fraction: 0.2}}\n"
        "training: {max_steps: 3, per_device_train_batch_size: 2}\n"
        'samples: {prompts: ["Who [b]are[/b] you?"], max_new_tokens: 4}\n'
    )
    yield Workplace(folder)
    for directory in list_runs(folder / "llmtune-runs"):
        if directory.alive:
            Run(directory).stop()


@pytest.fixture(scope="session")
def finished(workplace: Workplace) -> subprocess.CompletedProcess[str]:
    """A run named `first`, trained to its end with --json."""
    return workplace.llmtune("train", "run.yaml", "--name", "first", "--json")


@pytest.fixture(scope="session")
def failed(workplace: Workplace) -> subprocess.CompletedProcess[str]:
    """A run named `doomed`: there is no model in its folder."""
    (workplace.folder / "empty").mkdir()
    return workplace.llmtune("train", "run.yaml", "--name", "doomed", "--set", "model=./empty")
