"""`llmtune runs`."""

from __future__ import annotations

import argparse
import sys

from rich.table import Table

from llmtune_kernel.cli.terminal import console
from llmtune_kernel.runs.listing import HEADER, summaries

_STYLES = {"finished": "green", "failed": "red", "stopped": "yellow"}


def runs(options: argparse.Namespace) -> int:
    """List all runs, newest first."""
    found = summaries()
    if options.json:
        sys.stdout.writelines(f"{summary.model_dump_json()}\n" for summary in found)
        return 0
    table = Table(*HEADER, box=None, pad_edge=False)
    for summary in found:
        table.add_row(*summary.cells(), style=_STYLES.get(summary.state, "cyan"))
    console().print(table if found else "No runs yet.")
    return 0
