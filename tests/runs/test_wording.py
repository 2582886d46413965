"""Numbers and states in the words of users."""

from __future__ import annotations

import pytest

from llmtune_kernel.runs.wording import facts, learning_rate, number


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


def test_of_many_columns_the_first_are_named_and_the_others_counted() -> None:
    counts = dict.fromkeys(("rows", "train_rows", "eval_rows", "steps"), 1)
    counts |= dict.fromkeys(("epoch_tokens", "epoch_trained_tokens", "run_tokens"), 1)
    counts |= dict.fromkeys(("truncated", "skipped", "dropped"), 0)
    lengths = {"min": 1, "max": 1, "median": 1.0}
    summary = {**counts, "lengths": lengths, "format": "text", "format_columns": ["c0"]}
    summary |= {"problems": [], "model": "small", "quantized": ""}

    def said(columns: list[str]) -> str:
        return dict(facts({**summary, "columns": columns}))["columns"]

    columns = [f"c{number}" for number in range(200)]
    assert said(columns[:20]).endswith(", c18, c19")
    assert said(columns).endswith(", c19, and 180 more")
    assert said(["", "text"]) == "(without a name), text"
