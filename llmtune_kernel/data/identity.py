"""What tells the content of a notebook variable or of files from what it was: a hash of some rows; size and time.

The kernel asks for it after every cell, so that nothing is imported, nothing converted, and of many rows few are read.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from llmtune_kernel.data.variables import is_a

MOST_VALUES = 2048
MOST_ROWS = 256
MOST_COLUMNS = 64


def content_hash(value: object) -> str:
    """A hash of rows spread over `value`, the first and the last among them; equal rows give equal hashes.

    Args:
        value: What `describe_value` describes.

    Returns:
        Empty if the rows cannot be read now, such as while a cell changes them.
    """
    found: Any = value
    if is_a(value, "datasets", "Dataset"):
        # It has a hash of all that was done to it; to read a row could run a transformation of the user's.
        return str(getattr(found, "_fingerprint", ""))
    if is_a(value, "datasets", "DatasetDict"):
        return " ".join(f"{name} {content_hash(split)}" for name, split in found.items())
    digest = blake2b(digest_size=8)
    try:
        for row in _sample(found):
            digest.update(_BOUNDED.repr(row).encode(errors="replace"))
    except Exception:  # another thread may change the rows meanwhile
        return ""
    return digest.hexdigest()


def file_stamps(files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Of each file its path, its size in bytes and when it was written, in nanoseconds.

    Raises:
        OSError: one is not there.
    """
    statuses = [(str(file.absolute()), os.stat(file)) for file in files]
    return [(path, status.st_size, status.st_mtime_ns) for path, status in statuses]


def _sample(value: Any) -> Iterator[object]:
    if isinstance(value, (list, tuple)):
        return (value[index] for index in _spread(len(value), len(value[0])))
    if is_a(value, "pandas", "DataFrame"):
        some = value.iloc[_spread(*value.shape), :MOST_COLUMNS]  # thousands would take a while
        rows: Iterator[object] = some.itertuples(index=False, name=None)
        return rows
    if is_a(value, "polars", "DataFrame"):
        return iter(value[_spread(*value.shape)].rows())
    return (value.slice(index, 1).to_pylist() for index in _spread(*value.shape))


def _spread(rows: int, columns: int) -> Sequence[int]:
    count = min(rows, MOST_ROWS, max(2, MOST_VALUES // max(columns, 1)))
    return sorted({round(place * (rows - 1) / max(count - 1, 1)) for place in range(count)})


class _Bounded(reprlib.Repr):
    """Of a long value the beginning, the end and the length."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 400
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 64

    def repr_str(self, x: str, level: int) -> str:
        return f"{len(x)}{super().repr_str(x, level)}"

    def repr_list(self, x: list[Any], level: int) -> str:
        return f"{len(x)}{super().repr_list(x, level)}"


_BOUNDED = _Bounded()
