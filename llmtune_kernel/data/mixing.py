"""How several sources become one: which rows are drawn, and in which order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _

Mix = Literal["concat", "interleave_under", "interleave_over", "interleave_once"]

# So many rows at most, where rows are drawn more than once: each takes memory.
MOST_REPEATED = 10_000_000


def draw(count: int, samples: int | None, seed: int) -> list[int]:
    """Draw row numbers below `count`, in order: all if `samples` is None; each once at most, if there are enough.

    Raises:
        UserError: far more than there are; the changes begin at the source.
    """
    if samples is None or samples == count:
        return list(range(count))
    if samples > max(count, MOST_REPEATED):
        raise UserError(
            _("{samples:,} rows cannot be drawn from {count:,}.", samples=samples, count=count),
            "num_samples",
            _("Draw at most {most:,}.", most=MOST_REPEATED),
            [change_to("num_samples", count)],
        )
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

    Raises:
        UserError: the weights repeat rows far too often.
    """
    rows = sum(map(len, groups))
    most = max(rows, MOST_REPEATED)
    chosen = random.Random(seed)
    if how == "concat":
        counts = [max(round(len(group) * weight), 1) for group, weight in zip(groups, weights, strict=True)]
        if sum(counts) > most:
            raise _too_often(rows, most)
        return [
            group[number]
            for group, count in zip(groups, counts, strict=True)
            for number in draw(len(group), count, seed)
        ]
    mixed: list[int] = []
    taken, left = [0] * len(groups), list(range(len(groups)))
    used_up: set[int] = set()
    while left:
        [source] = chosen.choices(left, [weights[number] for number in left])
        group = groups[source]
        mixed.append(group[taken[source] % len(group)])
        if len(mixed) > most:
            raise _too_often(rows, most)
        taken[source] += 1
        if taken[source] == len(group):
            used_up.add(source)
            if how == "interleave_under" or len(used_up) == len(groups):
                break
            if how == "interleave_once":
                left.remove(source)
    return mixed


def _too_often(rows: int, most: int) -> UserError:
    return UserError(
        _("With these weights {rows:,} rows become more than {most:,}.", rows=rows, most=most),
        "data.train",
        _("Take weights that repeat the rows less often."),
    )
