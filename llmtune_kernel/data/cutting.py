"""From whole sequences to what is trained on: cut to length by policy, long texts in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llmtune_kernel.config import Change, DataConfig
from llmtune_kernel.config.changes import change_to
from llmtune_kernel.data.formats import ASKING, PAIRED, RowFormat, raise_problems
from llmtune_kernel.data.problems import RowProblem
from llmtune_kernel.data.sequences import Sequences, TokenSequence
from llmtune_kernel.locale import _

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """What of which sequences is used: arrays (examples, sides); two sides for preferences, else one.

    `places`: which sequence; `starts`, `stops`: from which token to which; `trained`: how many are learned.
    """

    places: Numbers
    starts: Numbers
    stops: Numbers
    trained: Numbers

    @staticmethod
    def whole(sequences: Sequences, sides: int) -> Windows:
        """Windows that leave every sequence as it is, `sides` of them to an example."""
        places = np.arange(len(sequences)).reshape(-1, sides)
        stops = sequences.lengths.astype(np.int64).reshape(-1, sides)
        trained = sequences.trained_tokens.astype(np.int64).reshape(-1, sides)
        return Windows(places, np.zeros_like(stops), stops, trained)

    def __getitem__(self, examples: slice | Numbers | NDArray[np.bool_]) -> Windows:
        parts = (self.places, self.starts, self.stops, self.trained)
        return Windows(*(part[examples] for part in parts))

    def followed_by(self, other: Windows, shift: int) -> Windows:
        """These and then the `other` ones, whose sequences stand `shift` places later."""
        pairs = (
            (self.places, other.places + shift),
            (self.starts, other.starts),
            (self.stops, other.stops),
            (self.trained, other.trained),
        )
        return Windows(*(np.concatenate(pair) for pair in pairs))


@dataclass
class EncodedRows:
    """The rows of a data set as they are trained on: examples, in the order of the rows.

    An example is a row, or a piece of one where long texts are parted; `windows` says which tokens. `numbers`
    (examples,): which row each is from, counted from 0. `joined` (examples,): which may share a sequence with others.
    `lengths` (rows,): tokens of each row that is used, before cutting; of a pair those of its longer side.
    `truncated`, `parted`: how many rows were cut, and used in pieces; `answers_cut`: how many of the former lost one
    answer wholly and kept another; `shielded`: in how many special tokens stood in the contents. `skipped`, `dropped`:
    the rows left out because they cannot be trained on, and because they are too long. `formats`: of each source of
    rows.
    """

    formats: list[RowFormat]
    sequences: Sequences
    windows: Windows
    numbers: Numbers
    joined: NDArray[np.bool_]
    lengths: Numbers
    truncated: int = 0
    answers_cut: int = 0
    parted: int = 0
    shielded: int = 0
    skipped: list[RowProblem] = field(default_factory=list)
    dropped: list[RowProblem] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    def example(self, place: int) -> list[TokenSequence]:
        """The sequences of an example: of a preference the chosen and the rejected one, else one."""
        one = self.windows
        return [
            self.sequences.window(*map(int, window))
            for window in zip(one.places[place], one.starts[place], one.stops[place], strict=True)
        ]

    @property
    def sizes(self) -> Numbers:
        """(examples,) Tokens of each example after cutting, of a preference those of both sides."""
        sizes: Numbers = (self.windows.stops - self.windows.starts).sum(axis=1)
        return sizes

    @property
    def tokens(self) -> int:
        """Tokens of all examples, after cutting."""
        return int(self.sizes.sum())

    @property
    def trained_tokens(self) -> int:
        """Tokens that are learned, of all examples."""
        return int(self.windows.trained.sum())

    def left_out(self, skipped: bool = True, dropped: bool = True) -> list[RowProblem]:
        """The rows left out for one reason or both, in order."""
        found = [*(self.skipped if skipped else ()), *(self.dropped if dropped else ())]
        return sorted(found, key=lambda problem: (problem.source, problem.row))

    def append(self, other: EncodedRows, first: int) -> None:
        """Add the rows of another source of the same kind, whose row 0 becomes row `first`."""
        self.windows = self.windows.followed_by(other.windows, len(self.sequences))
        self.sequences += other.sequences
        self.formats += other.formats
        self.numbers = np.concatenate([self.numbers, other.numbers + first])
        self.joined = np.concatenate([self.joined, other.joined])
        self.lengths = np.concatenate([self.lengths, other.lengths])
        self.truncated += other.truncated
        self.answers_cut += other.answers_cut
        self.parted += other.parted
        self.shielded += other.shielded
        self.skipped += other.skipped
        self.dropped += other.dropped


def cut(
    sequences: Sequences, problems: list[RowProblem], format: RowFormat, config: DataConfig
) -> EncodedRows:
    """Cut rows to `max_length` as `truncation` says; where texts are joined, long ones are parted instead.

    Args:
        sequences: Of the rows that could be encoded; a preference has two, the chosen one first.
        problems: Of the other rows.
    """
    whole = Windows.whole(sequences, sides=2 if format.name in PAIRED else 1)
    numbers, lengths = sequences.rows[whole.places[:, 0]], whole.stops.max(axis=1)
    joins, long = packs(config, format), lengths > config.max_length
    parts = is_parted(config, format)
    too_long = long & (not parts and config.truncation in ("drop", "error"))
    windows, row = shortened(sequences, whole, format, config)
    same = _same_sides(sequences, windows, np.flatnonzero(long))
    learns = ((windows.trained.min(axis=1) > 0) | (format.name == "prompt")) & ~same
    keeps = learns & ~too_long[row]
    used = np.unique(row[keeps])
    lost = np.setdiff1d(np.flatnonzero(~too_long), used)
    untrained = [
        _nothing_to_tell(numbers[one], config)
        if windows.trained[one].min() and not parts
        else _untrained(sequences, whole[one : one + 1], numbers[one], config)
        for one in lost
    ]
    return EncodedRows(
        [format],
        sequences,
        windows[keeps],
        numbers[row[keeps]],
        np.full(int(keeps.sum()), joins),
        lengths[used],
        truncated=0 if parts else int(long[used].sum()),
        answers_cut=0 if parts else _fewer_answers(sequences, whole, windows, used[long[used]]),
        parted=int(long[used].sum()) if parts else 0,
        shielded=int(sequences.shielded[whole.places].any(axis=1).sum()),
        skipped=sorted([*problems, *untrained], key=lambda problem: problem.row),
        dropped=[_too_long(numbers[one], lengths[one], config) for one in np.flatnonzero(too_long)],
    )


def refuse_left_out(encoded: EncodedRows, config: DataConfig) -> None:
    """Raise UserError, listing them, if rows of a source are left out that must not be, or no row is left."""
    refused = _refused(encoded, config)
    if refused:
        changes = _mending(encoded, config)
        raise_problems(refused, len(encoded.lengths) + len(encoded.left_out()), changes)


def _refused(encoded: EncodedRows, config: DataConfig) -> list[RowProblem]:
    return encoded.left_out(
        skipped=config.on_bad_row == "error" or not len(encoded),
        dropped=config.truncation == "error" or not len(encoded),
    )


def _mending(encoded: EncodedRows, config: DataConfig) -> Iterator[Change]:
    """The changes with which no row of a source is refused any more."""
    sequences = encoded.sequences
    longest = int(sequences.lengths.max(initial=config.max_length))
    encodable = set(sequences.rows.tolist())
    problems = [problem for problem in encoded.skipped if problem.row not in encodable]
    choices: list[tuple[str, str | int, str]] = [
        ("max_length", longest, _("Maximum length {length:,}", length=longest)),
        ("truncation", "right", _("Cut long rows at their end")),
        ("truncation", "left", _("Cut long rows at their start")),
        ("truncation", "drop", _("Leave long rows out")),
        ("on_bad_row", "skip", _("Skip bad rows")),
    ]
    for name, value, label in choices:
        other = config.model_copy(update={name: value})
        if other != config and not _refused(cut(sequences, problems, encoded.formats[0], other), other):
            yield change_to(f"data.{name}", value, label)


def packs(config: DataConfig, format: RowFormat) -> bool:
    """Whether examples of a format may share a sequence with others."""
    if format.name in ASKING:
        return False
    return format.name == "text" if config.packing == "auto" else config.packing


def shortened(
    sequences: Sequences, whole: Windows, format: RowFormat, config: DataConfig
) -> tuple[Windows, Numbers]:
    """What is left of each row, or the pieces of it, and of each which row (by its place) it is from."""
    if format.name == "prompt":  # what it ends with is to be answered
        config = config.model_copy(update={"truncation": "left"})
    return (_parted if is_parted(config, format) else _cut)(sequences, whole, config)


def is_parted(config: DataConfig, format: RowFormat) -> bool:
    """Whether a long row of a format is used in pieces, and not cut."""
    return format.name == "text" and packs(config, format)


def _cut(sequences: Sequences, whole: Windows, config: DataConfig) -> tuple[Windows, Numbers]:
    """Each row cut to length, and which row each is from.

    Of a preference each side loses what is over at its end, or both as much at their start, so that what they answer
    stays the same.
    """
    lengths, limit = whole.stops, config.max_length
    longest = lengths.max(axis=1, keepdims=True)
    if config.truncation == "left":
        starts, stops = np.minimum(np.maximum(longest - limit, 0), lengths), lengths
    else:
        starts, stops = whole.starts, np.minimum(lengths, limit)
    windows = Windows(whole.places, starts, stops, whole.trained.copy())
    _count(sequences, windows, np.flatnonzero(longest[:, 0] > limit))
    return windows, np.arange(len(lengths))


def _parted(sequences: Sequences, whole: Windows, config: DataConfig) -> tuple[Windows, Numbers]:
    """Each row in pieces of at most `max_length`, and which row each is from.

    A piece starts with the last token of the one before it: so every token but a text's first is predicted once.
    """
    lengths, step = whole.stops[:, 0], config.max_length - 1
    pieces = np.maximum(-(-(lengths - 1) // step), 1)
    row = np.repeat(np.arange(len(lengths)), pieces)
    starts = step * (np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces))
    stops = np.minimum(starts + config.max_length, lengths[row])
    windows = Windows(whole.places[row], starts[:, None], stops[:, None], whole.trained[row])
    _count(sequences, windows, np.flatnonzero(pieces[row] > 1))
    return windows, row


def _count(sequences: Sequences, windows: Windows, changed: Numbers) -> None:
    """Count the trained tokens of the windows that are not whole anew; the first token of one is never predicted."""
    for example in changed:
        for side in range(windows.places.shape[1]):
            place, start, stop = (
                int(part[example, side]) for part in (windows.places, windows.starts, windows.stops)
            )
            windows.trained[example, side] = sequences.window(place, start, stop).trained[1:].sum()


def _fewer_answers(sequences: Sequences, whole: Windows, windows: Windows, rows: Numbers) -> int:
    """How many of the rows have fewer answers in their windows than they had."""

    def answers(these: Windows, row: int) -> int:
        places = zip(these.places[row], these.starts[row], these.stops[row], strict=True)
        trained = (sequences.window(*map(int, place)).trained for place in places)
        return sum(int(np.diff(one, prepend=False).sum() + one[-1]) // 2 for one in trained)

    return sum(answers(windows, row) < answers(whole, row) for row in rows)


def _same_sides(sequences: Sequences, windows: Windows, rows: Numbers) -> NDArray[np.bool_]:
    """(examples,) Of which of the `rows` both sides are the same tokens after cutting; none where there is one side."""
    same = np.zeros(len(windows.places), bool)
    for row in rows if windows.places.shape[1] == 2 else ():
        places = zip(windows.places[row], windows.starts[row], windows.stops[row], strict=True)
        chosen, rejected = (sequences.window(*map(int, place)).ids for place in places)
        same[row] = np.array_equal(chosen, rejected)
    return same


def _nothing_to_tell(number: int, config: DataConfig) -> RowProblem:
    limit = config.max_length
    reason = _("its answers are the same in the {limit:,} tokens that are left of them", limit=limit)
    return RowProblem(int(number), "", reason, _longer(limit), "untrained")


def _too_long(number: int, length: int, config: DataConfig) -> RowProblem:
    limit = config.max_length
    reason = _("is {length:,} tokens long, more than {limit:,}", length=int(length), limit=limit)
    return RowProblem(int(number), "", reason, _longer(limit), "long")


def _untrained(sequences: Sequences, whole: Windows, number: int, config: DataConfig) -> RowProblem:
    """Why no token of a row, or of one side of it, is trained."""
    before, after = [], []
    for place in map(int, whole.places[0]):
        trained = np.flatnonzero(sequences[place].trained[1:]) + 1
        if not trained.size:
            return RowProblem(int(number), "", _("no token of it is trained"), kind="untrained")
        before.append(int(trained[0]))
        after.append(int(sequences.lengths[place] - 1 - trained[-1]))
    if config.truncation == "left":
        reason = _("its last answer ends {after:,} tokens before its end and is cut off", after=max(after))
    else:
        reason = _("its answer starts after {first:,} tokens and is cut off", first=max(before))
    return RowProblem(int(number), "", reason, _longer(config.max_length), "untrained")


def _longer(limit: int) -> str:
    return _("Raise data.max_length ({max_length:,} tokens now), or remove these rows.", max_length=limit)
