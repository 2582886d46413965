"""What policies learn from a token is bounded as their papers say."""

from __future__ import annotations

import math

import pytest
import torch

from llmtune_kernel.training.policy_losses import clipped, entropies


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected", "bounded"),
    [
        (1.1, 2.0, -2.2, False),  # near: as it is
        (1.5, 2.0, -2.6, True),  # likelier than is allowed to gain: no more than at 1.3
        (0.5, 2.0, -1.0, False),  # a good token that became rarer: pulled back without limit
        (0.5, -2.0, 1.6, True),  # a bad one that became rarer than is needed: no more than at 0.8
        (1.5, -2.0, 3.0, False),  # a bad one that became likelier: pushed back without limit
    ],
)
def test_the_policy_gains_nothing_beyond_the_range(
    ratio: float, advantage: float, expected: float, bounded: bool
) -> None:
    moved = torch.tensor([ratio], requires_grad=True)
    losses = clipped(moved, torch.tensor([advantage]), down=0.2, up=0.3)
    assert losses.tolist() == pytest.approx([expected])
    losses.sum().backward()
    assert moved.grad is not None
    assert moved.grad.tolist() == pytest.approx([0.0 if bounded else -advantage])


def test_entropies_of_an_even_and_of_a_sure_prediction() -> None:
    found = entropies(torch.tensor([[0.0, 0.0, 0.0, 0.0], [100.0, 0.0, 0.0, 0.0]]))
    assert found.tolist() == pytest.approx([math.log(4), 0.0], abs=1e-6)
