"""A real kernel, as the tests have it, for benchmarks."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "notebook"))

from real_kernel import Kernel, WrittenRun, metrics, state

__all__ = ["Kernel", "WrittenRun", "fresh_kernel", "metrics", "state"]


@contextmanager
def fresh_kernel() -> Iterator[Kernel]:
    """A new kernel in an empty folder, with our extension loaded."""
    with tempfile.TemporaryDirectory() as home:
        kernel = Kernel(Path(home))
        try:
            cell = kernel.start("%load_ext llmtune_kernel")
            if kernel.reply(cell)["content"]["status"] != "ok":
                raise RuntimeError(kernel.text(cell))
            yield kernel
        finally:
            kernel.shutdown()
