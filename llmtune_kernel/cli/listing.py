"""`llmtune runs`."""

from __future__ import annotations

import argparse
import sys

from rich.table import Table

from llmtune_kernel.cli.terminal import console
from llmtune_kernel.runs.listing import summaries
from llmtune_kernel.runs.wording import date, duration, number

_STYLES = {"finished": "green", "failed": "red", "stopped": "yellow"}


def runs(options: argparse.Namespace) -> int:
    """List all runs, newest first."""
    found = summaries()
    if options.json:
        sys.stdout.writelines(f"{summary.model_dump_json()}\n" for summary in found)
        return 0
    table = Table("run", "state", "step", "loss", "started", "duration", box=None, pad_edge=False)
    for summary in found:
        table.add_row(
            summary.name,
            summary.state,
            f"{summary.step:,} of {summary.max_steps:,}" if summary.max_steps else "–",
            number(summary.loss),
            date(summary.started),
            duration(summary.duration),
            style=_STYLES.get(summary.state, "cyan"),
        )
    console().print(table if found else "No runs yet.")
    return 0
