"""The rows of one source as a table: pages, search, filter, sort, summaries and saved selections.

The kernel imports this room: pyarrow and duckdb are imported where a table is open.
"""

from llmtune_kernel.data.table.rows import Page, RowTable
from llmtune_kernel.data.table.view import ALL, Sort, View

__all__ = ["ALL", "Page", "RowTable", "Sort", "View"]
