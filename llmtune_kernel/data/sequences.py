"""Token sequences of encoded rows, whole, as Arrow: in memory, or read from a file that is mapped into it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Mask = NDArray[np.bool_]
Places = NDArray[np.int64]

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("side", pa.int8()),
        ("shielded", pa.bool_()),
        ("trained_tokens", pa.int32()),
        ("input_ids", pa.list_(pa.int32())),
        ("trained", pa.list_(pa.bool_())),
    ]
)

# Sides of a judgement: the answer that is preferred or wanted, and the other; 0 where none is judged.
CHOSEN, REJECTED = 1, -1


@dataclass(frozen=True)
class TokenSequence:
    """One sequence: `ids` (tokens,) and whether each is `trained` (tokens,); `side`: `CHOSEN`, `REJECTED` or 0."""

    ids: Ids
    trained: Mask
    side: int = 0


class SequenceBatch:
    """Collects sequences for one batch of Arrow."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names[:4]}
        self._stops = [0]
        self._sequences: list[TokenSequence] = []

    def append(self, row: int, side: int, shielded: bool, sequence: TokenSequence) -> None:
        """Add a sequence."""
        # The first token is never predicted.
        trained = np.count_nonzero(sequence.trained[1:])
        for column, value in zip(self._columns.values(), (row, side, shielded, trained), strict=True):
            column.append(value)
        self._sequences.append(sequence)
        self._stops.append(self._stops[-1] + len(sequence.ids))

    def to_arrow(self) -> pa.RecordBatch:
        """The sequences as a batch of `SCHEMA`."""
        stops = pa.array(self._stops, pa.int32())
        ids = pa.array(_joined([sequence.ids for sequence in self._sequences], np.int32))
        trained = pa.array(_joined([sequence.trained for sequence in self._sequences], np.bool_))
        columns = [pa.array(values, SCHEMA.field(name).type) for name, values in self._columns.items()]
        lists = [pa.ListArray.from_arrays(stops, values) for values in (ids, trained)]
        return pa.record_batch([*columns, *lists], schema=SCHEMA)


class Sequences:
    """Sequences by their place, in the order of the rows that they are from.

    Attributes:
        rows: (sequences,) the number of the row of each.
        sides: (sequences,) `CHOSEN`, `REJECTED` or 0.
        lengths: (sequences,) tokens of each.
        trained_tokens: (sequences,) how many tokens of each are learned to be predicted.
        shielded: (sequences,) whether special tokens in its contents were encoded as plain text.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch] = ()) -> None:
        self._batches = [batch for batch in batches if batch.num_rows]
        self._ids = [batch.column("input_ids") for batch in self._batches]
        self._trained = [batch.column("trained") for batch in self._batches]
        self._offsets = [_offsets(ids) for ids in self._ids]
        self._firsts = [0]
        for batch in self._batches:
            self._firsts.append(self._firsts[-1] + batch.num_rows)
        self.rows = self._column("row", np.int64)
        self.sides = self._column("side", np.int8)
        self.shielded = self._column("shielded", np.bool_)
        self.trained_tokens = self._column("trained_tokens", np.int32)
        self.lengths = _joined([np.diff(offsets) for offsets in self._offsets], np.int32)

    def __len__(self) -> int:
        return self._firsts[-1]

    def __add__(self, other: Sequences) -> Sequences:
        return Sequences([*self._batches, *other._batches])

    def __getitem__(self, place: int) -> TokenSequence:
        return self.window(place, 0, int(self.lengths[place]))

    def window(self, place: int, start: int, stop: int) -> TokenSequence:
        """The tokens from `start` to `stop` of a sequence; `ids` is a view of what is stored."""
        number = bisect_right(self._firsts, place) - 1
        begin = int(self._offsets[number][place - self._firsts[number]])
        ids = self._ids[number].values.slice(begin + start, stop - start)
        trained = self._trained[number].values.slice(begin + start, stop - start)
        return TokenSequence(ids.to_numpy(), trained.to_numpy(zero_copy_only=False), int(self.sides[place]))

    def learned(self) -> tuple[Places, Places]:
        """(sequences,) twice: the first and the last token of each that is learned to be predicted; -1 if none is."""
        first, last = (np.full(len(self), -1, np.int64) for _ in range(2))
        for begin, offsets, trained in zip(self._firsts, self._offsets, self._trained, strict=False):
            mask = trained.values.to_numpy(zero_copy_only=False).copy()
            starts = offsets[:-1][np.diff(offsets) > 0]
            mask[starts] = False  # the first token is never predicted
            tokens = np.flatnonzero(mask[: offsets[-1]])
            rows = np.searchsorted(offsets, tokens, "right") - 1
            places = tokens - offsets[rows]
            last[begin + rows] = places  # the last one stays
            first[begin + rows[::-1]] = places[::-1]
        return first, last

    def _column(self, name: str, kind: type[np.generic]) -> NDArray[Any]:
        columns = [batch.column(name).to_numpy(zero_copy_only=False) for batch in self._batches]
        return _joined(columns, kind)


def _offsets(lists: pa.ListArray) -> NDArray[np.int32]:
    offsets: NDArray[np.int32] = lists.offsets.to_numpy()
    return offsets


def _joined(arrays: list[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(arrays).astype(kind, copy=False) if arrays else np.empty(0, kind)
