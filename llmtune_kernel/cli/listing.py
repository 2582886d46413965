"""`llmtune runs`, `llmtune models` and `llmtune inspect --catalog`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from llmtune_kernel.cli.terminal import console, one_line
from llmtune_kernel.data.catalogue import KnownDataset, catalogue_tables, find_datasets
from llmtune_kernel.locale import _
from llmtune_kernel.models.catalogue import ModelChoice, find_models, model_tables
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


def catalogue(options: argparse.Namespace) -> int:
    """List the data sets of the catalogue that fit the words of `--catalog`, by task.

    Raises:
        UserError: there are none.
    """
    if options.json:
        _write(find_datasets(options.catalog))
    else:
        _show(*catalogue_tables(options.catalog))
    return 0


def models(options: argparse.Namespace) -> int:
    """List the models that fit the words: the built-in one, those on this machine, and the catalogue by family.

    Raises:
        UserError: there are none.
    """
    found = find_models([word for words in options.words for word in words.split()])
    if options.json:
        _write(found)
    else:
        _show(*model_tables(found))
    return 0


def _write(found: Sequence[KnownDataset | ModelChoice]) -> None:
    text = json.dumps([dataclasses.asdict(one) for one in found], ensure_ascii=False)
    sys.stdout.write(f"{text}\n")


def _show(header: list[str], tables: list[tuple[str, list[list[str]]]]) -> None:
    """A title and its rows after the other, in columns that all have in common."""
    shown = Table(*header, box=None, pad_edge=False)
    for title, rows in tables:
        if shown.row_count:
            shown.add_row()
        shown.add_row(Text(title, style="bold"))
        for row in rows:
            shown.add_row(*row)
    console().print(shown)
