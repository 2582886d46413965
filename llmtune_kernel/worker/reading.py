"""From the sources of a split to its rows, read and encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.config.sections import Split
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.cutting import EncodedRows, cut, refuse_left_out
from llmtune_kernel.data.encoding import encode_batches
from llmtune_kernel.data.encoding_cache import encoded_once, encoding_key
from llmtune_kernel.data.formats import JUDGED, Row, RowFormat, recognise
from llmtune_kernel.data.mixing import draw
from llmtune_kernel.data.sources import Place, SourceRows, read_source
from llmtune_kernel.data.turns import tags_from
from llmtune_kernel.locale import _

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
    _encoded: EncodedRows | None = None

    @property
    def encoded(self) -> EncodedRows:
        """The rows as they are trained on."""
        assert self._encoded is not None  # a split has at least one source
        return self._encoded

    def add(self, source: ReadSource, encoded: EncodedRows) -> None:
        """Add a source that was read.

        Raises:
            UserError: its rows cannot be trained on together with those before.
        """
        self.sources.append(source)
        self.rows += source.found.rows
        if self._encoded is None:
            self._encoded = encoded
            return
        _refuse_other_kind(self._encoded.formats[0], encoded.formats[0])
        self._encoded.append(encoded, source.first)

    def places(self, allowed: Callable[[int], bool] = lambda row: True) -> list[list[int]]:
        """For each source the examples of its chosen rows that are `allowed` and were not left out."""
        examples: dict[int, list[int]] = {}
        for place, row in enumerate(self.encoded.numbers.tolist()):
            examples.setdefault(row, []).append(place)
        return [
            [place for row in source.chosen if allowed(row) for place in examples.get(row, ())]
            for source in self.sources
        ]


def _refuse_other_kind(one: RowFormat, other: RowFormat) -> None:
    kinds = [format.name if format.name in JUDGED else "" for format in (one, other)]
    if kinds[0] != kinds[1]:
        raise UserError(
            _(
                "Its rows are {other}, those of the sources before are {one}.",
                one=one.name,
                other=other.name,
            ),
            _("columns read: {columns}", columns=", ".join(other.columns)),
            _("Train on rows of one kind: answers to learn, or judged answers."),
        )


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
    # A row that is drawn several times is encoded once.
    unique = list(dict.fromkeys(drawn)) if meant.num_samples else range(len(found.rows))
    key = encoding_key(found.fingerprint, unique, format, tokenizer, data)
    sequences, problems = encoded_once(
        key,
        lambda: encode_batches(found.rows, tokenizer, data, on_progress, format=format, chosen=unique),
    )
    encoded = cut(sequences, problems, format, data)
    if len(data.sources(split)) > 1:
        for problem in encoded.left_out():
            problem.source = source.source
    refuse_left_out(encoded, data)
    first = len(read.rows)
    read.add(ReadSource(source, meant, found, first, [first + number for number in drawn]), encoded)
