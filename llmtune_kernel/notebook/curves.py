"""The numbers of a run's curves, as float32 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llmtune_kernel.runs.events import Evaluation, Metrics

# By column: `step`, `loss`, …, and the measures of the objective by their names. A missing value is None or left out.
Row = Mapping[str, float | None]
TableName = Literal["train", "eval"]
TRAIN_COLUMNS = ["step", "loss", "learning_rate", "grad_norm"]
EVAL_COLUMNS = ["step", "loss"]
_SMOOTHING = 0.6


def train_row(metrics: Metrics) -> Row:
    """What a chart keeps of a logged step."""
    return {name: getattr(metrics, name) for name in TRAIN_COLUMNS} | metrics.measures


def eval_row(evaluation: Evaluation) -> Row:
    """What a chart keeps of an evaluation."""
    return {name: getattr(evaluation, name) for name in EVAL_COLUMNS} | evaluation.measures


class Table:
    """Rows in ascending order of their step; a missing value is NaN.

    Args:
        columns: Those that every such table has, `step` first. A row with another name adds a column.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self.count = 0
        self._values = np.empty((len(columns), 256), np.float32)

    def add(self, rows: Sequence[Row]) -> int:
        """Append rows. A run that was continued repeats steps: rows at or after a repeated step are replaced.

        Returns:
            Index of the first row that changed.
        """
        first = self.count
        for row in rows:
            self._add_columns([name for name in row if name not in self.columns])
            steps, step = self._values[0, : self.count], np.float32(row["step"])
            if self.count and steps[-1] >= step:
                self.count = int(np.searchsorted(steps, step))
                first = min(first, self.count)
            if self.count == self._values.shape[1]:
                self._values = np.concatenate([self._values, np.empty_like(self._values)], axis=1)
            values = [row.get(name) for name in self.columns]
            self._values[:, self.count] = [np.nan if value is None else value for value in values]
            self.count += 1
        return first

    def _add_columns(self, names: list[str]) -> None:
        if names:
            missing = np.full((len(names), self._values.shape[1]), np.nan, np.float32)
            self._values = np.concatenate([self._values, missing])
            self.columns += names

    def column(self, name: str) -> NDArray[np.float32]:
        """The values of a column, shape (count,); all are missing of one that no row has."""
        if name not in self.columns:
            return np.full(self.count, np.nan, np.float32)
        return self._values[self.columns.index(name), : self.count]

    def buffer(self, start: int, stop: int) -> bytes:
        """Rows start to stop, column after column."""
        return self._values[:, start:stop].tobytes()


class Curves:
    """Everything the chart of a run shows."""

    def __init__(self) -> None:
        self.train = Table(TRAIN_COLUMNS)
        self.eval = Table(EVAL_COLUMNS)


def smoothed(values: NDArray[np.float32], weight: float = _SMOOTHING) -> NDArray[np.float32]:
    """Exponential moving average without the bias of its start, as TensorBoard draws it; NaN values are passed over."""
    result = np.empty_like(values)
    mean, seen = 0.0, 0
    for index, value in enumerate(values):
        if np.isnan(value):
            result[index] = np.nan
            continue
        mean, seen = mean * weight + (1 - weight) * float(value), seen + 1
        result[index] = mean / (1 - weight**seen)
    return result


def thinned(count: int, most: int) -> NDArray[np.intp]:
    """At most `most` indices of `count` rows, evenly spread, the first and the last among them."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.intp)


def listed(table: Table, most: int) -> dict[str, list[float | None]]:
    """The columns of at most `most` rows, as JSON takes them."""
    rows = thinned(table.count, most)
    return {name: plain(table.column(name)[rows]) for name in table.columns}


def plain(column: NDArray[np.float32]) -> list[float | None]:
    """Each with as few digits as tell it apart from the other float32; None where it is missing."""
    return [float(str(value)) if math.isfinite(value) else None for value in column]
