"""Numbers and states in the words of users."""

from __future__ import annotations

import pytest

from llmtune_kernel.runs.wording import learning_rate, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.34567, "2.346"),
        (0.0002, "0.0002"),
        (0.00002, "2e-5"),
        (0.0000029123, "2.912e-6"),
        (0.0, "0"),
        (1234.5, "1234"),
        (1_234_567.0, "1235000"),
        (float("nan"), "nan"),
        (None, "–"),
    ],
)
def test_a_measure_is_written_as_in_a_configuration(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(2e-4, "2e-4"), (0.000113456, "1.13e-4"), (0.000086, "8.6e-5"), (0.001, "1e-3"), (0, "0")],
)
def test_a_learning_rate_is_written_alike_whatever_it_is(value: float, text: str) -> None:
    assert learning_rate(value) == text
