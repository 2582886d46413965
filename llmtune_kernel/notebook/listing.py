"""`%runs`: the list of runs."""

from __future__ import annotations

from html import escape
from typing import Any

from llmtune_kernel.notebook import markup
from llmtune_kernel.runs.listing import HEADER, summaries


def runs_bundle() -> dict[str, Any]:
    """The list as HTML and as text."""
    rows = [summary.cells() for summary in summaries()]
    if not rows:
        return {"text/plain": "No runs yet.", "text/html": "No runs yet."}
    widths = [max(len(row[column]) for row in [HEADER, *rows]) for column in range(len(HEADER))]
    plain = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [HEADER, *rows]
    ]
    html = markup.table([[escape(cell) for cell in row] for row in rows], HEADER)
    return {"text/plain": "\n".join(plain), "text/html": html}
