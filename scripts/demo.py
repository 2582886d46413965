"""Run the quickstart notebook headless and show what it did: answers before and after, losses, where things lie."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The notebook runs here, so that a second demo does not meet the run of the first.
BUILD = ROOT / "build"


def main() -> int:
    import nbformat
    from nbclient import NotebookClient

    from llmtune_kernel import runs

    BUILD.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="demo-", dir=BUILD))
    os.environ["LLMTUNE_HOME"] = str(work / "llmtune-runs")
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    say(f"Running notebooks/quickstart.ipynb ({len(notebook.cells)} cells) on this machine …")
    began = time.monotonic()
    client = NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(work)}}
    )
    client.on_cell_execute = lambda cell, cell_index: progress(cell, cell_index, len(notebook.cells))
    try:
        client.execute()
    finally:
        executed = work / "quickstart.ipynb"
        nbformat.write(notebook, executed)
    run = runs()[0]
    losses = run.metrics["loss"].dropna()
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.startswith("%%sample"):
            say("", f"[{cell.source.splitlines()[0]}]", *plain(cell))
    say(
        "",
        f"First loss {losses.iloc[0]:.3f}, last loss {losses.iloc[-1]:.3f}, {len(losses)} steps, "
        f"{time.monotonic() - began:.0f} s in all.",
        f"Executed notebook: {executed}",
        f"Run:               {run.directory}",
        "Open JupyterLab:   make lab",
    )
    return 0


def progress(cell: object, index: int, count: int) -> None:
    source = cell["source"].strip().splitlines()  # type: ignore[index]
    if cell["cell_type"] == "code" and source:  # type: ignore[index]
        say(f"  cell {index + 1}/{count}: {source[0]}")


def plain(cell: object) -> list[str]:
    """The plain text of a cell's outputs."""
    texts = [output.get("data", {}).get("text/plain", "") for output in cell["outputs"]]  # type: ignore[index]
    return [line for text in texts for line in text.splitlines()]


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
