"""Which rows of a table are shown, and in which order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sort:
    """A column to sort by."""

    column: str
    descending: bool = False


@dataclass(frozen=True)
class View:
    """A choice of rows.

    Attributes:
        search: Text that a value of the row holds, in upper or lower case; empty for any row.
        filter: An SQL expression of DuckDB over the columns; empty for any row.
        sort: The columns that say the order; rows that are equal there stay in the order of the source.
        excluded: Numbers of rows that are left out.
    """

    search: str = ""
    filter: str = ""
    sort: tuple[Sort, ...] = ()
    excluded: frozenset[int] = frozenset()

    @property
    def takes_all(self) -> bool:
        """Whether it takes all rows but those excluded, in the order of the source."""
        return not (self.search or self.filter.strip() or self.sort)


ALL = View()
