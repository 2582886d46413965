"""Rows that are there twice, or nearly, by their tokens.

Near duplicates are found with MinHash signatures in bands (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, chapter 3), and then compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from llmtune_kernel.data.cutting import EncodedRows

ALIKE = 0.8
SHINGLE = 4
BANDS, ROWS_IN_BAND = 6, 3
# What more than this share of rows has in common is of the template, not of the rows.
COMMON = 0.5
MOST_COMPARED = 100_000  # rows
_COMPARED = 4  # rows of a bucket that a row is compared with
_TOLD_AFTER = 1000  # rows
_PRIME = np.uint64(0x9E3779B97F4A7C15)

Hashes = NDArray[np.uint64]


def duplicates(encoded: EncodedRows) -> dict[int, int]:
    """Rows whose tokens, and what is said of them, are those of an earlier row, by their numbers: which it is."""
    found: dict[bytes, int] = {}
    twins = {}
    for row, places in _places(encoded).items():
        digest = blake2b(digest_size=16)
        for place in places:
            digest.update(encoded.sequences[place].ids.tobytes() + b"|%d" % encoded.sequences.sides[place])
        first = found.setdefault(digest.digest(), row)
        if first != row:
            twins[row] = first
    return twins


def near_duplicates(
    encoded: EncodedRows,
    most: int = MOST_COMPARED,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, int]:
    """Rows that are nearly an earlier row, by their numbers: which it is.

    Nearly: of the runs of four tokens in either, 80% are in both. What most rows have in common does not count.

    Args:
        most: Rows that are looked at, from the first one.
        on_progress: Told rows done and rows in all from time to time; may raise to interrupt.
    """
    rows = list(_places(encoded).items())[:most]
    shingles = []
    for done, (_row, places) in enumerate(rows):
        if done % _TOLD_AFTER == 0:
            on_progress(done // 2, len(rows))  # the other half is to compare them
        shingles.append(np.unique(np.concatenate([_shingles(encoded, place) for place in places])))
    shingles = _without_common(shingles)
    sides = [encoded.sequences.sides[places].tolist() for _row, places in rows]
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    twins = {}
    for place, signature in enumerate(_signatures(shingles)):
        if place % _TOLD_AFTER == 0:
            on_progress((len(rows) + place) // 2, len(rows))
        if not len(shingles[place]):
            continue
        keys = [
            (band, signature[band * ROWS_IN_BAND : (band + 1) * ROWS_IN_BAND].tobytes())
            for band in range(BANDS)
        ]
        candidates = dict.fromkeys(other for key in keys for other in buckets[key][:_COMPARED])
        alike = (other for other in candidates if sides[place] == sides[other])
        twin = next((other for other in alike if _alike(shingles[place], shingles[other])), None)
        if twin is None:
            for key in keys:
                buckets[key].append(place)
        else:
            twins[rows[place][0]] = rows[twin][0]
    return twins


def _places(encoded: EncodedRows) -> dict[int, list[int]]:
    """The sequences of each row that is used."""
    places: dict[int, list[int]] = {}
    for number, row in zip(encoded.numbers.tolist(), encoded.windows.places.tolist(), strict=True):
        places.setdefault(number, row)
    return places


def _shingles(encoded: EncodedRows, place: int) -> Hashes:
    """A hash of each run of tokens of a sequence; of a shorter one a hash of it all."""
    ids = encoded.sequences[place].ids.astype(np.uint64)
    hashes = np.zeros(max(len(ids) - SHINGLE + 1, 1), np.uint64)
    for shift in range(min(SHINGLE, len(ids))):
        hashes = hashes * _PRIME + ids[shift : shift + len(hashes)] + np.uint64(1)
    return hashes ^ (hashes >> np.uint64(29))


def _without_common(shingles: list[Hashes]) -> list[Hashes]:
    if len(shingles) < 3:
        return shingles
    sample = shingles[:: max(len(shingles) // 1000, 1)]
    values, counts = np.unique(np.concatenate(sample), return_counts=True)
    common = values[counts > COMMON * len(sample)]
    return [np.setdiff1d(one, common, assume_unique=True) for one in shingles]


def _signatures(shingles: list[Hashes]) -> NDArray[np.uint64]:
    """(rows, hashes) The least value of each hash function over the shingles of a row."""
    generator = np.random.default_rng(0)
    factors = generator.integers(1, 2**63, BANDS * ROWS_IN_BAND, dtype=np.uint64) | np.uint64(1)
    signatures = np.zeros((len(shingles), len(factors)), np.uint64)
    for place, one in enumerate(shingles):
        if len(one):
            mixed = one[:, None] * factors
            signatures[place] = (mixed ^ (mixed >> np.uint64(32))).min(axis=0)
    return signatures


def _alike(one: Hashes, other: Hashes) -> bool:
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both >= ALIKE * (len(one) + len(other) - both)
