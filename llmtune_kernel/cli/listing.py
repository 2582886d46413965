"""`llmtune runs`."""

from __future__ import annotations

import argparse
import sys

from rich.table import Table

from llmtune_kernel.cli.terminal import console, one_line
from llmtune_kernel.locale import _
from llmtune_kernel.runs.listing import summaries, table

_STYLES = {"finished": "green", "failed": "red", "stopped": "yellow"}


def runs(options: argparse.Namespace) -> int:
    """List all runs, newest first."""
    found = summaries()
    if options.json:
        sys.stdout.writelines(f"{summary.model_dump_json()}\n" for summary in found)
        return 0
    header, rows = table(found)
    shown = Table(*header, box=None, pad_edge=False)
    for summary, row in zip(found, rows, strict=True):
        shown.add_row(*map(one_line, row), style=_STYLES.get(summary.state, "cyan"))
    console().print(shown if found else _("No runs yet."))
    return 0
