"""`%runs` and `%dataset --catalog`: lists."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from rich.cells import cell_len, set_cell_size

from llmtune_kernel.data.catalogue import catalogue_tables
from llmtune_kernel.locale import _
from llmtune_kernel.notebook import markup
from llmtune_kernel.runs.listing import summaries, table


def runs_bundle() -> dict[str, Any]:
    """The list as HTML and as text."""
    header, rows = table(summaries())
    if not rows:
        return {"text/plain": _("No runs yet."), "text/html": _("No runs yet.")}
    html = markup.table(_escaped(rows), header)
    return {"text/plain": "\n".join(_aligned([header, *rows])), "text/html": html}


def catalogue_bundle(words: Sequence[str]) -> dict[str, Any]:
    """The data sets of the catalogue that fit all `words`, a table a task, as HTML and as text.

    Raises:
        UserError: there are none.
    """
    header, tables = catalogue_tables(words)
    html = [f"<h4>{escape(title)}</h4>{markup.table(_escaped(rows), header)}" for title, rows in tables]
    first, *lines = _aligned([header, *(row for _title, rows in tables for row in rows)])
    plain = [first]
    for title, rows in tables:
        plain += ["", title, *lines[: len(rows)]]
        del lines[: len(rows)]
    return {"text/plain": "\n".join(plain), "text/html": "".join(html)}


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, its cells under those of the others."""
    # In cells of a terminal: a Chinese character takes two.
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _escaped(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[escape(cell) for cell in row] for row in rows]
