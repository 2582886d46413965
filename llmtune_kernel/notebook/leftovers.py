"""Live outputs that nobody keeps up to date: the page was closed when the run ended, or the kernel is another."""

from __future__ import annotations

from collections.abc import Sequence

from llmtune_kernel.config import UserError
from llmtune_kernel.notebook.curves import Curves
from llmtune_kernel.notebook.display import live_displays
from llmtune_kernel.notebook.progress import Progress
from llmtune_kernel.notebook.protocol import ChartSnapshot, Outputs, RunOutput
from llmtune_kernel.notebook.snapshot import tagged_outputs
from llmtune_kernel.runs.events import EventReader
from llmtune_kernel.runs.run import Run, attach


def leftovers(outputs: Sequence[RunOutput]) -> Outputs:
    """What saved outputs are to show: the end of their run, or where it stands; nothing of runs that are gone."""
    live = live_displays()
    found = {output.id: _snapshot(output) for output in outputs if output.id not in live}
    return Outputs(
        live=[output.id for output in outputs if output.id in live],
        snapshots=[snapshot for snapshot in found.values() if snapshot is not None],
    )


def _snapshot(output: RunOutput) -> ChartSnapshot | None:
    try:
        run = attach(output.run)
        progress, curves = _as_it_stands(run)
    except (UserError, OSError, ValueError):  # gone, or damaged: the list of runs says so
        return None
    if progress.began != output.began:  # another run took the name
        return None
    return ChartSnapshot(id=output.id, outputs=tagged_outputs(progress, curves, run.paths, output.id))


def _as_it_stands(run: Run) -> tuple[Progress, Curves]:
    # In this order: a worker writes its last state before it lets go of the lock.
    alive = run.paths.alive
    progress, curves = Progress(run.name), Curves()
    news = progress.take(EventReader(run.paths.events).read())
    if not alive and not progress.over:
        progress.fail(run.error())
    curves.train.add(news.train)
    curves.eval.add(news.eval)
    return progress, curves
