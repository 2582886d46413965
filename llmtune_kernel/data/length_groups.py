"""How long rows are before they are cut, so that what another `max_length` would do can be told without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.cutting import EncodedRows, is_parted

Numbers = NDArray[np.int64]

# A page reads them at once: rows of lengths that differ little are taken together where there are more.
MOST_GROUPS = 10_000


def length_groups(encoded: EncodedRows, config: DataConfig) -> dict[str, Any]:
    """Rows by their length, also those that are too long or of which nothing is learned.

    Returns:
        JSON values: `policy`: what becomes of a row that is too long: `right` or `left`, the end that is cut; `drop` or
        `error`; or `part`, in pieces. `lengths`, `others`, `rows`: how many rows have that many tokens; of a
        preference those of the longer side, and `others` those of the other, else 0. `needed`, `needing`: how many rows
        need at least that `max_length` so that something of them is learned; those that never teach anything are not
        among them.
    """
    sequences, sides = encoded.sequences, encoded.windows.places.shape[1]
    lengths = np.sort(sequences.lengths.astype(np.int64).reshape(-1, sides), axis=1)
    longest = lengths[:, -1]
    others = lengths[:, 0] if sides == 2 else np.zeros_like(longest)
    first, last = (place.reshape(-1, sides) for place in sequences.learned())
    policy = "part" if is_parted(config, encoded.formats[0]) else config.truncation
    if policy == "left":
        needed = np.minimum(longest - last.min(axis=1) + 1, longest)
    elif policy == "right":
        needed = first.max(axis=1) + 1
    else:
        needed = longest if policy != "part" else np.full_like(longest, 2)
    needed = needed[first.min(axis=1) >= 0]
    once = np.ones_like
    return _groups(policy, longest, others, once(longest), needed, once(needed), MOST_GROUPS)


def joined(one: Mapping[str, Any], other: Mapping[str, Any], most: int = MOST_GROUPS) -> dict[str, Any]:
    """The groups of rows and of further ones, at most `most` of them; the policy is that of the former."""

    def both(name: str) -> Numbers:
        return np.array([*one[name], *other[name]], np.int64)

    lengths = (both("lengths"), both("others"), both("rows"))
    return _groups(one["policy"], *lengths, both("needed"), both("needing"), most)


def _groups(
    policy: str,
    lengths: Numbers,
    others: Numbers,
    rows: Numbers,
    needed: Numbers,
    needing: Numbers,
    most: int,
) -> dict[str, Any]:
    groups, rows = _counted(np.stack([lengths, others], axis=1), rows, most)
    least, needing = _counted(needed[:, None], needing, most)
    return {
        "policy": policy,
        "lengths": groups[:, 0].tolist(),
        "others": groups[:, 1].tolist(),
        "rows": rows.tolist(),
        "needed": least[:, 0].tolist(),
        "needing": needing.tolist(),
    }


def _counted(values: Numbers, counts: Numbers, most: int) -> tuple[Numbers, Numbers]:
    """The different rows of `values`, and how often each is there; rounded up as far as they are more than `most`."""
    step = 1
    while True:
        found, place = np.unique(-(-values // step) * step, axis=0, return_inverse=True)
        if len(found) <= most:
            total = np.zeros(len(found), np.int64)
            np.add.at(total, place.reshape(-1), counts)
            return found, total
        step *= 2
