"""What proximal policy optimization computes is what its papers say."""

from __future__ import annotations

import math
import random
import statistics

import pytest
import torch

from llmtune_kernel.training.ppo_losses import (
    RunningMoments,
    adapted,
    advantages_of,
    explained_variance,
    token_rewards,
    value_losses,
    whitened,
)


def test_the_score_is_the_reward_of_the_last_token_and_the_divergence_costs_at_each() -> None:
    logps, reference = torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([-1.5, -2.0, -2.0])
    rewards = token_rewards(4.0, logps, reference, kl_coef=0.1)
    assert rewards.tolist() == pytest.approx([-0.05, 0.0, 0.1 + 4.0])


def test_advantages_by_hand() -> None:
    # δ = r + γ v' - v: 1 + 0.5*4 - 2 = 1, 2 + 0.5*6 - 4 = 1, 3 - 6 = -3; A = δ + γ λ A', γ λ = 0.25.
    found = advantages_of(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 4.0, 6.0]), gamma=0.5, lam=0.5)
    assert found.tolist() == pytest.approx([1 + 0.25 * 0.25, 1 - 0.25 * 3, -3.0])


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.5), (0.7, 0.0), (1.0, 1.0)])
def test_advantages_are_the_weighed_sum_of_what_comes_later(gamma: float, lam: float) -> None:
    chosen = random.Random(1)
    rewards, values = ([chosen.uniform(-1, 1) for _ in range(9)] for _ in range(2))
    deltas = [
        reward + gamma * after - value
        for reward, value, after in zip(rewards, values, [*values[1:], 0.0], strict=True)
    ]
    expected = [
        sum((gamma * lam) ** later * delta for later, delta in enumerate(deltas[place:]))
        for place in range(len(deltas))
    ]
    found = advantages_of(torch.tensor(rewards), torch.tensor(values), gamma, lam)
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    if lam == 1:  # then they are what is still to come, less what was expected
        returns = [sum(rewards[place:]) for place in range(len(rewards))]
        assert (found + torch.tensor(values)).tolist() == pytest.approx(returns, abs=1e-6)


def test_whitened_values_have_mean_0_and_variance_1_over_all_answers() -> None:
    parts = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])]
    found = whitened(parts)
    assert [len(part) for part in found] == [2, 3]
    assert torch.cat(found).tolist() == pytest.approx([step / math.sqrt(2) for step in (-2, -1, 0, 1, 2)])
    kept = torch.cat(whitened(parts, keep_mean=True))
    assert kept.tolist() == pytest.approx([3 + step / math.sqrt(2) for step in (-2, -1, 0, 1, 2)])


def test_a_single_token_is_whitened_to_0() -> None:
    assert whitened([torch.tensor([7.0])])[0].tolist() == [0.0]


def test_values_lose_by_the_worse_of_where_they_are_and_where_they_may_be() -> None:
    values, before, returns = torch.tensor([0.1, 1.0, -1.0]), torch.zeros(3), torch.tensor([1.0, 1.0, 1.0])
    losses = value_losses(values, before, returns, cliprange=0.2)
    assert losses.tolist() == pytest.approx([0.5 * 0.81, 0.5 * 0.64, 0.5 * 4.0])


def test_explained_variance() -> None:
    returns = torch.tensor([1.0, 2.0, 3.0])
    assert float(explained_variance(returns + 5, returns)) == pytest.approx(1.0)
    assert float(explained_variance(torch.zeros(3), returns)) == pytest.approx(0.0, abs=1e-6)
    assert float(explained_variance(-returns, returns)) == pytest.approx(-3.0, abs=1e-5)


@pytest.mark.parametrize(
    ("divergence", "expected"),
    [(6.0, 0.2), (6.6, 0.2 * (1 + 0.1 * 0.01)), (60.0, 0.2 * 1.002), (0.0, 0.2 * 0.998)],
)
def test_the_weight_of_the_divergence_is_led_to_the_target(divergence: float, expected: float) -> None:
    assert adapted(0.2, divergence, target=6.0, answers=100) == pytest.approx(expected)


def test_scores_are_normalized_by_the_moments_of_all_until_then() -> None:
    chosen, seen, moments = random.Random(2), [], RunningMoments()
    for count in (3, 1, 5):
        scores = [chosen.uniform(-3, 8) for _ in range(count)]
        seen += scores
        found = moments.normalized(torch.tensor(scores))
        mean, deviation = statistics.mean(seen), statistics.stdev(seen)
        assert found.tolist() == pytest.approx([(score - mean) / deviation for score in scores], abs=1e-5)
