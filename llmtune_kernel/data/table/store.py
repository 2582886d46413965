"""The parts of one table, as they come."""

from __future__ import annotations

import bisect
import itertools
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import Row

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

    from llmtune_kernel.data.table.parts import Kind, Part


class Store:
    """What has been converted of a source; any thread may ask while another adds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: tuple[Part, ...] = ()
        self.kinds: dict[str, Kind] = {}
        self.fault: UserError | None = None
        self.is_done = False
        self._news = threading.Condition()

    @property
    def rows(self) -> int:
        """How many rows are there so far."""
        parts = self.parts
        return parts[-1].end if parts else 0

    def add(self, part: Part) -> None:
        with self._news:
            # Another one each time: other threads go through it.
            self.kinds = {
                name: _merged(self.kinds.get(name, "empty"), part.kinds.get(name, "empty"))
                for name in part.names
            }
            self.parts = (*self.parts, part)
            self._news.notify_all()

    def finish(self, fault: UserError | None = None) -> None:
        """No more parts come, because all are there or because of a mistake in the source."""
        with self._news:
            self.fault = fault
            self.is_done = True
            self._news.notify_all()

    def wait(self, rows: int, seconds: float) -> bool:
        """Wait until there are more rows than `rows`, or there will be none; False if it takes longer."""
        with self._news:
            return self._news.wait_for(lambda: self.is_done or self.rows > rows, seconds)

    def read(self, numbers: list[int]) -> list[Row]:
        """The rows of these numbers, in their order."""
        found: dict[int, Row] = {}
        ordered = sorted(numbers)
        for part, inside in self._by_part(ordered):
            for number, row in zip(inside, self._rows(part, inside), strict=True):
                found[number] = row
        return [found[number] for number in numbers]

    def tables(self, numbers: Iterable[int]) -> Iterator[tuple[Part, list[int], pa.Table]]:
        """The rows of ascending numbers, a part at a time."""
        import pyarrow as pa

        from llmtune_kernel.data.table.parts import read_part

        for part, inside in self._by_part(numbers):
            yield part, inside, pa.concat_tables(read_part(part, self.folder, inside))

    def _rows(self, part: Part, numbers: list[int]) -> Iterator[Row]:
        from llmtune_kernel.data import arrow
        from llmtune_kernel.data.table.parts import read_part

        for table in read_part(part, self.folder, numbers):
            # As the source has them: what a part left out has no value, and the order is that of the table.
            for row in arrow.rows_of(table.to_batches(), table.schema):
                yield {name: row.get(name) for name in part.names}

    def _by_part(self, numbers: Iterable[int]) -> Iterator[tuple[Part, list[int]]]:
        parts = self.parts
        starts = [part.start for part in parts]
        for place, inside in itertools.groupby(numbers, key=lambda number: bisect.bisect(starts, number) - 1):
            yield parts[place], list(inside)


def _merged(one: Kind, other: Kind) -> Kind:
    """The kind of a column that has values of both kinds."""
    if one == other or other == "empty":
        return one
    if one == "empty":
        return other
    return "number" if {one, other} == {"integer", "number"} else "mixed"
