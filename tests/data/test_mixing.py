"""Sources are mixed as asked: how much of each, until when, and in which order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtune_kernel.config import UserError
from llmtune_kernel.config.changes import change_to
from llmtune_kernel.data import mixing
from llmtune_kernel.data.mixing import Mix, draw, mix

GROUPS = [list(range(0, 300)), list(range(1000, 1900))]
HOWS: tuple[Mix, ...] = ("concat", "interleave_under", "interleave_over", "interleave_once")


@given(st.integers(1, 50), st.integers(1, 200), st.integers(0, 9))
def test_drawing_takes_each_row_equally_often_give_or_take_one(count: int, samples: int, seed: int) -> None:
    drawn = draw(count, samples, seed)
    assert len(drawn) == samples
    assert drawn == sorted(drawn)
    often = Counter(drawn)
    assert max(often.values()) - min(often.get(row, 0) for row in range(count)) <= 1
    assert drawn == draw(count, samples, seed)
    assert draw(count, None, seed) == list(range(count))


def test_concatenated_sources_follow_each_other_as_often_as_they_weigh() -> None:
    assert mix(GROUPS, [1, 1], "concat", 0) == GROUPS[0] + GROUPS[1]
    mixed = mix(GROUPS, [2, 0.5], "concat", 0)
    assert Counter(Counter(mixed)[row] for row in GROUPS[0]) == {2: 300}
    assert Counter(Counter(mixed)[row] for row in GROUPS[1]) == {0: 450, 1: 450}


def test_interleaving_ends_when_it_was_told_to() -> None:
    under = Counter(mix(GROUPS, [1, 1], "interleave_under", 0))
    assert sum(under[row] for row in GROUPS[0]) == 300
    assert 200 < sum(under[row] for row in GROUPS[1]) < 400
    over = Counter(mix(GROUPS, [1, 1], "interleave_over", 0))
    assert all(over[row] == 1 for row in GROUPS[1])
    assert sum(over[row] for row in GROUPS[0]) > 700
    once = mix(GROUPS, [1, 1], "interleave_once", 0)
    assert sorted(once) == GROUPS[0] + GROUPS[1]


def test_weights_are_the_shares_of_what_is_drawn() -> None:
    drawn = mix([list(range(10_000)), list(range(10_000, 20_000))], [3, 1], "interleave_under", 1)
    assert sum(row < 10_000 for row in drawn) / len(drawn) == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("how", HOWS)
def test_rows_of_a_source_keep_their_order_and_a_seed_gives_the_same_mix(how: Mix) -> None:
    mixed = mix(GROUPS, [1, 2], how, 3)
    first = [row for row in mixed if row < 1000]
    assert first[:300] == GROUPS[0][: len(first)]
    assert mixed == mix(GROUPS, [1, 2], how, 3)
    assert how == "concat" or mixed != mix(GROUPS, [1, 2], how, 4)


def test_rows_are_not_repeated_until_memory_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "MOST_REPEATED", 10_000)
    with pytest.raises(UserError, match="1,000,000,000 rows cannot be drawn from 3") as caught:
        draw(3, 1_000_000_000, 0)
    assert caught.value.changes == [change_to("num_samples", 3)]
    for how, weights in (("concat", [1e9, 1]), ("interleave_over", [1, 1e-9])):
        with pytest.raises(UserError, match="rows become more than 10,000"):
            mix([[0, 1], [2, 3]], weights, how, 0)
