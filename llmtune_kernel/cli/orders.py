"""`llmtune stop`, `pause`, `resume` and `save`: orders to a live run."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from llmtune_kernel.cli.terminal import console
from llmtune_kernel.runs.run import Run, attach

ORDERS: dict[str, tuple[Callable[[Run], None], str, str]] = {
    "stop": (Run.stop, "save, then end a run at the next step", "stops at the next step, and saves"),
    "pause": (Run.pause, "hold a run at the next step", "pauses at the next step"),
    "resume": (Run.resume, "let a paused run go on", "goes on"),
    "save": (Run.save, "write a checkpoint at the next step", "saves a checkpoint at the next step"),
}


def give(options: argparse.Namespace) -> int:
    """Give an order; returns when the run has taken it, which is before it is done.

    Raises:
        UserError: there is no such run, or it is not running.
    """
    send, _, said = ORDERS[options.order]
    run = attach(options.name)
    send(run)
    console().print(f"{run.name} {said}.")
    return 0
