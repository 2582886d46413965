"""A folder in which the real command `llmtune` is run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.run import Run

LLMTUNE = str(Path(sys.executable).parent / "llmtune")


class Workplace:
    """A working directory; its runs are in `llmtune-runs`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {key: value for key, value in os.environ.items() if key != "LLMTUNE_HOME"}

    def llmtune(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [LLMTUNE, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=200,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command."""
        return subprocess.Popen(
            [LLMTUNE, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str) -> Run:
        return Run(RunDirectory(self.folder / "llmtune-runs" / name))

    def event_lines(self, name: str) -> str:
        return (self.folder / "llmtune-runs" / name / "events.jsonl").read_text(encoding="utf-8")

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds."""
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.05)
