"""What group relative policy optimization computes is what its papers say."""

from __future__ import annotations

import math

import pytest
import torch

from llmtune_kernel.training.grpo_losses import divergences, group_advantages

REWARDS = torch.tensor([1.0, 2.0, 3.0, 5.0, 5.0, 5.0])


def test_an_answer_is_compared_with_the_others_to_its_prompt() -> None:
    advantages, deviations = group_advantages(REWARDS, 3, "group")
    assert advantages.tolist() == pytest.approx([-1, 0, 1, 0, 0, 0], abs=1e-3)
    assert deviations.tolist() == pytest.approx([1, 1, 1, 0, 0, 0])


def test_rewards_may_be_scaled_by_all_answers_or_not_at_all() -> None:
    deviation = math.sqrt(sum((reward - 3.5) ** 2 for reward in REWARDS.tolist()) / 5)
    advantages, deviations = group_advantages(REWARDS, 3, "batch")
    assert advantages.tolist() == pytest.approx([step / deviation for step in (-1, 0, 1, 0, 0, 0)], abs=1e-3)
    assert deviations.tolist() == pytest.approx([deviation] * 6)
    assert group_advantages(REWARDS, 3, "none")[0].tolist() == pytest.approx([-1, 0, 1, 0, 0, 0])


def test_the_estimate_of_the_divergence_is_never_negative_and_right_on_average() -> None:
    policy, reference = torch.tensor([0.7, 0.3]), torch.tensor([0.4, 0.6])
    found = divergences(policy.log(), reference.log())
    assert (found > 0).all()
    exact = float((policy * (policy / reference).log()).sum())
    assert float((policy * found).sum()) == pytest.approx(exact)
