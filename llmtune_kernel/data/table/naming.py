"""What the columns of a table are called in SQL."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

_BARE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Words of DuckDB that name no column unless they are quoted.
_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case
        cast check collate collation column columns concurrently constraint create cross default deferrable
        desc describe distinct do else end except false fetch for foreign freeze from full generated glob
        group having ilike in initially inner intersect into is isnull join lambda lateral leading left like
        limit map natural not notnull null offset on only or order outer overlaps pivot pivot_longer
        pivot_wider placing positional primary qualify references returning right select semi show similar
        some struct summarize symmetric table tablesample then to trailing true try_cast tuple union unique
        unpack unpivot using variadic verbose when where window with
        """,
    )
)


def names(columns: Iterable[str]) -> dict[str, str]:
    """What each column is called in SQL, quoted.

    DuckDB has no column without a name, and does not tell upper from lower case: what is not called as in the source is
    `unnamed`, or has a number at its end.
    """
    called: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        first = column or "unnamed"
        numbered = (f"{first}_{count}" for count in itertools.count(2))
        found = next(each for each in itertools.chain([first], numbered) if each.lower() not in taken)
        taken.add(found.lower())
        called[column] = '"' + found.replace('"', '""') + '"'
    return called


def written(columns: Iterable[str]) -> dict[str, str]:
    """As people write the names of `names`: quoted where that is needed."""
    return {column: _without_quotes(name) for column, name in names(columns).items()}


def _without_quotes(name: str) -> str:
    bare = name[1:-1]
    return bare if _BARE.fullmatch(bare) and bare.lower() not in _WORDS else name


def number_column(columns: Iterable[str]) -> str:
    """What the number of a row is called: `_row`, or with more underscores if the source has such a column."""
    taken = {column.lower() for column in columns}
    return next(found for count in itertools.count(1) if (found := "_" * count + "row") not in taken)
