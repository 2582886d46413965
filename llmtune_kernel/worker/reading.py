"""From the sources of a split to its rows, read and encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.config.sections import Split
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.encoding import EncodedRows, encode_rows
from llmtune_kernel.data.formats import Row, recognise
from llmtune_kernel.data.mixing import draw
from llmtune_kernel.data.sources import Place, SourceRows, read_source
from llmtune_kernel.data.turns import tags_from

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class ReadSource:
    """A source that was read: `source` as it was configured, `read` with a registered name replaced.

    `first`: the number of its first row in the split. `chosen`: the numbers in the split of the rows that are used, in
    order; one may be there several times.
    """

    source: SourceConfig
    read: SourceConfig
    found: SourceRows
    first: int
    chosen: list[int]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.found.rows)


@dataclass
class SplitRows:
    """The rows of a split, those of its sources one after the other, read and encoded."""

    sources: list[ReadSource] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    encoded: EncodedRows = field(default_factory=lambda: EncodedRows([]))

    def places(self, allowed: Callable[[int], bool] = lambda row: True) -> list[list[int]]:
        """For each source the places in `encoded` of its chosen rows that are `allowed` and were not left out."""
        place = {number: place for place, number in enumerate(self.encoded.numbers)}
        return [
            [place[row] for row in source.chosen if row in place and allowed(row)] for source in self.sources
        ]


def read_split(
    data: DataConfig,
    split: Split,
    places: Sequence[Place],
    tokenizer: Any,
    seed: int,
    on_progress: OnProgress,
) -> SplitRows:
    """Read and encode the sources of a split.

    Args:
        places: Where the rows of each source are.
        seed: For the rows that are drawn where not all are used.

    Raises:
        UserError: any mistake in the data.
    """
    read = SplitRows()
    for source, place in zip(data.sources(split), places, strict=True):
        try:
            _read_source(read, data, split, source, place, tokenizer, seed, on_progress)
        except UserError as error:
            raise UserError(error.what, f"data.{split}: {source.source}, {error.where}", error.fix) from None
    return read


def _read_source(
    read: SplitRows,
    data: DataConfig,
    split: Split,
    source: SourceConfig,
    place: Place,
    tokenizer: Any,
    seed: int,
    on_progress: OnProgress,
) -> None:
    found = read_source(place, data.limit if split == "train" else None)
    meant = place.source
    format = recognise(found.rows, meant.format or "auto", meant.columns, tags_from(meant.tags or {}))
    drawn = draw(len(found.rows), meant.num_samples, seed)
    unique = list(dict.fromkeys(drawn))
    encoded = encode_rows(found.rows, tokenizer, data, on_progress, format=format, chosen=unique)
    first = len(read.rows)
    read.sources.append(ReadSource(source, meant, found, first, [first + number for number in drawn]))
    read.rows += found.rows
    several = len(data.sources(split)) > 1
    read.encoded.append(encoded, first, source.source if several else "")
