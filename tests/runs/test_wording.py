"""Numbers and states in the words of users."""

from __future__ import annotations

import pytest

from llmtune_kernel.runs.wording import number


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
