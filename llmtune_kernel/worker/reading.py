"""From the sources of a split to its rows, read and encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.config.data import Split
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.cutting import EncodedRows, cut, refuse_left_out
from llmtune_kernel.data.encoding import Batch, encode_batches
from llmtune_kernel.data.encoding_cache import Survey, encoded_once, encoding_key
from llmtune_kernel.data.formats import JUDGED, RowFormat
from llmtune_kernel.data.mixing import draw
from llmtune_kernel.data.recognition import recognise, shapes_of
from llmtune_kernel.data.sequences import Sequences
from llmtune_kernel.data.sources import Place, SourceRows, in_files, read_source
from llmtune_kernel.data.turns import tags_from
from llmtune_kernel.locale import _

OnProgress = Callable[[int, int], None]
OnRows = Callable[[EncodedRows], None]


@dataclass(frozen=True)
class ReadSource:
    """A source that was read: `source` as it was configured, `read` with a registered name replaced.

    `first`: the number of its first row in the split. `chosen`: the numbers in the split of the rows that are used, in
    order; one may be there several times.
    """

    source: SourceConfig
    read: SourceConfig
    found: SourceRows
    survey: Survey
    first: int
    chosen: list[int]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.survey.rows


@dataclass
class SplitRows:
    """The rows of a split, those of its sources one after the other, read and encoded."""

    sources: list[ReadSource] = field(default_factory=list)
    _encoded: EncodedRows | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(source.rows for source in self.sources)

    @property
    def columns(self) -> list[str]:
        """The columns of all sources, each once."""
        return list(dict.fromkeys(column for source in self.sources for column in source.survey.columns))

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
        if self._encoded is None:
            self._encoded = encoded
            return
        first = self.sources[0].source.source
        _refuse_other_kind(first, self._encoded.formats[0], encoded.formats[0])
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


def _refuse_other_kind(source: str, one: RowFormat, other: RowFormat) -> None:
    kinds = [format.name if format.name in JUDGED else "" for format in (one, other)]
    if kinds[0] != kinds[1]:
        raise UserError(
            _(
                "Its rows are {other}, those of {source} are {one}.",
                source=source,
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
    on_rows: OnRows | None = None,
) -> SplitRows:
    """Read and encode the sources of a split.

    Args:
        places: Where the rows of each source are.
        seed: For the rows that are drawn where not all are used.
        on_progress: As of `encode_rows`.
        on_rows: Takes the rows of each source part by part, as they are read; not those that were read before.

    Raises:
        UserError: any mistake in the data.
    """
    read = SplitRows()
    for number, (source, place) in enumerate(zip(data.sources(split), places, strict=True)):
        try:
            _read_source(read, data, split, source, place, tokenizer, seed, on_progress, on_rows)
        except UserError as error:
            # What is wrong in a file is told with its path.
            rest = error.where.removeprefix(source.source)
            named = rest != error.where and rest[:1] in ("", ",", "/")
            where = error.where if named else f"{source.source}, {error.where}"
            changes = [data.change_of_source(split, number, change) for change in error.changes]
            raise UserError(error.what, f"data.{split}: {where}", error.fix, changes) from None
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
    on_rows: OnRows | None,
) -> None:
    limit = data.limit if split == "train" else None
    found, meant = read_source(place, limit), place.source
    reading = {
        "format": meant.format or "auto",
        "columns": meant.columns,
        "tags": meant.tags,
        "limit": limit,
        "drawn": None if meant.num_samples is None else (meant.num_samples, seed),
    }

    def survey() -> Survey:
        shapes = shapes_of(found.rows)
        asked = (meant.format or "auto", meant.columns, tags_from(meant.tags or {}))
        format = recognise(shapes.rows, *asked, shapes.numbers, found.name_of)
        return Survey(shapes.count, shapes.columns, format, list(found.firsts))

    def encode(known: Survey) -> Iterator[Batch]:
        # A row that is drawn several times is encoded once.
        wanted = set(draw(known.rows, meant.num_samples, seed))
        rows = ((number, row) for number, row in enumerate(found.rows) if number in wanted)
        for batch in encode_batches(rows, len(wanted), tokenizer, data, known.format, on_progress):
            if on_rows is not None:
                on_rows(cut(Sequences([batch.sequences]), batch.problems, known.format, data))
            yield batch

    kept = encoded_once(encoding_key(found.fingerprint, reading, tokenizer, data), survey, encode)
    encoded = cut(kept.sequences, kept.problems, kept.survey.format, data)
    for problem in encoded.left_out():
        problem.source = source.source if len(data.sources(split)) > 1 else ""
        problem.place = in_files(found.files, kept.survey.firsts, problem.row)
    refuse_left_out(encoded, data)
    first = read.rows
    drawn = [first + number for number in draw(kept.survey.rows, meant.num_samples, seed)]
    read.add(ReadSource(source, meant, found, kept.survey, first, drawn), encoded)
