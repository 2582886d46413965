"""`%runs`: the list of runs."""

from __future__ import annotations

from html import escape
from typing import Any

from rich.cells import cell_len, set_cell_size

from llmtune_kernel.locale import _
from llmtune_kernel.notebook import markup
from llmtune_kernel.runs.listing import summaries, table


def runs_bundle() -> dict[str, Any]:
    """The list as HTML and as text."""
    header, rows = table(summaries())
    if not rows:
        return {"text/plain": _("No runs yet."), "text/html": _("No runs yet.")}
    # In cells of a terminal: a Chinese character takes two.
    widths = [max(cell_len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    plain = [
        "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]
    html = markup.table([[escape(cell) for cell in row] for row in rows], header)
    return {"text/plain": "\n".join(plain), "text/html": html}
