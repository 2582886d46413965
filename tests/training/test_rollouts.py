"""Which answers a rollout holds, and when they are learned from."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.training.rollouts import Turns


@pytest.mark.parametrize(
    ("count", "size", "passes", "group"),
    [(6, 2, 3, 1), (5, 2, 1, 1), (3, 8, 2, 1), (1, 4, 1, 1), (6, 4, 2, 2), (5, 12, 1, 4), (1, 6, 2, 3)],
)
def test_each_answer_is_learned_from_once_a_pass_and_all_prompts_are_asked(
    count: int, size: int, passes: int, group: int
) -> None:
    sampler = Turns(count, size, passes, 1, group)
    taken = list(sampler)
    number = -(-count * group // size)
    assert len(taken) == len(sampler) == number * size * passes
    asked: Counter[int] = Counter()
    rollouts = [list(found) for _, found in itertools.groupby(taken, lambda turn: turn.rollout)]
    assert len(rollouts) == number
    for each in rollouts:
        assert [len(each), len({turn.prompts for turn in each})] == [size * passes, 1]
        for start in range(0, size * passes, size):
            assert sorted(turn.place for turn in each[start : start + size]) == list(range(size))
        groups = [each[0].prompts[start : start + group] for start in range(0, size, group)]
        assert all(len(set(one)) == 1 for one in groups)
        asked += Counter(one[0] for one in groups)
    assert set(asked) == set(range(count))
    assert max(asked.values()) - min(asked.values()) <= 1
    sampler.set_epoch(1)
    again = list(sampler)
    assert {turn.rollout for turn in again}.isdisjoint({turn.rollout for turn in taken})
    sampler.set_epoch(0)
    assert list(sampler) == taken


@pytest.mark.parametrize(
    ("objective", "batch", "accumulated", "batches"),
    [
        ({"type": "ppo"}, 3, 2, 2),
        ({"type": "ppo", "num_mini_batches": 4}, 3, 2, 8),
        ({"type": "grpo"}, 8, 1, 1),
        ({"type": "grpo"}, 8, 4, 4),
        ({"type": "grpo"}, 4, 1, 2),  # eight answers to a prompt do not fit into one batch
        ({"type": "grpo", "num_generations": 3}, 2, 2, 6),
        ({"type": "grpo", "steps_per_generation": 3}, 8, 1, 3),
        ({"type": "grpo", "steps_per_generation": 3}, 4, 1, 6),
    ],
)
def test_answers_are_drawn_for_whole_steps_and_whole_groups(
    objective: dict[str, object], batch: int, accumulated: int, batches: int
) -> None:
    training = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulated}
    values = {"data": "x", "objective": {"reward": "$score", **objective}, "training": training}
    config = config_from_dict(values)
    assert (config.rollout_batches, config.rollout_size) == (batches, batches * batch)
