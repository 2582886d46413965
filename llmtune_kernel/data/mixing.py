"""How several sources become one: which rows are drawn, and in which order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

Mix = Literal["concat", "interleave_under", "interleave_over", "interleave_once"]


def draw(count: int, samples: int | None, seed: int) -> list[int]:
    """Draw row numbers below `count`, in order: all if `samples` is None; each once at most, if there are enough."""
    if samples is None or samples == count:
        return list(range(count))
    chosen = random.Random(seed)
    whole, rest = divmod(samples, count)
    return sorted([*range(count)] * whole + chosen.sample(range(count), rest))


def mix(groups: Sequence[Sequence[int]], weights: Sequence[float], how: Mix, seed: int) -> list[int]:
    """Join groups of rows, each in its order.

    Args:
        groups: The rows of each source; none is empty.
        weights: With concat, how often the rows of a source are repeated, a fraction of them at random; else
            proportional to the probability that the next row is from this source.
        how: Until when rows are drawn: with `interleave_under` until the first source is used up, with
            `interleave_over` until the last is, the others beginning anew; with `interleave_once` they do not.
    """
    chosen = random.Random(seed)
    if how == "concat":
        return [
            rows[number]
            for rows, weight in zip(groups, weights, strict=True)
            for number in draw(len(rows), max(round(len(rows) * weight), 1), seed)
        ]
    mixed: list[int] = []
    taken, left = [0] * len(groups), list(range(len(groups)))
    used_up: set[int] = set()
    while left:
        [source] = chosen.choices(left, [weights[number] for number in left])
        rows = groups[source]
        mixed.append(rows[taken[source] % len(rows)])
        taken[source] += 1
        if taken[source] == len(rows):
            used_up.add(source)
            if how == "interleave_under" or len(used_up) == len(groups):
                break
            if how == "interleave_once":
                left.remove(source)
    return mixed
