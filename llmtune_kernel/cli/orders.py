"""`llmtune stop`, `pause`, `resume` and `save`: orders to a live run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

from llmtune_kernel.cli.terminal import console
from llmtune_kernel.locale import N_, look_up
from llmtune_kernel.runs.run import Run, attach


class Order(NamedTuple):
    """How it is given, what it does, and what is said when it is taken: texts that are still to be looked up."""

    give: Callable[[Run], None]
    help: str
    said: str


ORDERS = {
    "stop": Order(
        Run.stop,
        N_("save, then end a run at the next step"),
        N_("{name} stops at the next step, and saves."),
    ),
    "pause": Order(Run.pause, N_("hold a run at the next step"), N_("{name} pauses at the next step.")),
    "resume": Order(Run.resume, N_("let a paused run go on"), N_("{name} goes on.")),
    "save": Order(
        Run.save,
        N_("write a checkpoint at the next step"),
        N_("{name} saves a checkpoint at the next step."),
    ),
}


def give(options: argparse.Namespace) -> int:
    """Give an order; returns when the run has taken it, which is before it is done.

    Raises:
        UserError: there is no such run, or it is not running.
    """
    order, run = ORDERS[options.order], attach(options.name)
    order.give(run)
    console().print(look_up(order.said).format(name=run.name))
    return 0
