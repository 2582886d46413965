"""Examples joined into sequences: as few as fit, which attention and position ids keep apart."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence


def best_fit(
    examples: Sequence[int], sizes: Sequence[int], joined: Sequence[bool], limit: int
) -> list[list[int]]:
    """Join examples, the longest first, each to the fullest sequence that has room for it (best fit decreasing).

    Args:
        examples: Which ones, in order; one may be there several times.
        sizes, joined: Of all examples the number of tokens, and whether it may be joined.
        limit: Tokens of a sequence; one that is longer stands alone.

    Returns:
        The examples of each sequence, in the order of its first one; examples that may not be joined stand alone.
    """
    packed: list[list[int]] = [[example] for example in examples if not joined[example]]
    if len(packed) == len(examples):
        return packed
    # Sequences that have room: (tokens left, number), in order.
    room: list[tuple[int, int]] = []
    bins: list[list[int]] = []
    order = sorted(
        (place for place, example in enumerate(examples) if joined[example]),
        key=lambda place: -sizes[examples[place]],
    )
    for place in order:
        size = sizes[examples[place]]
        found = bisect_left(room, (size, -1))
        if found < len(room):
            left, number = room.pop(found)
        else:
            left, number = limit, len(bins)
            bins.append([])
        bins[number].append(place)
        if left > size:
            insort(room, (left - size, number))
    joined_bins = sorted(sorted(places) for places in bins)
    return packed + [[examples[place] for place in places] for places in joined_bins]
