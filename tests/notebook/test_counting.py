"""The statistics of data, counted by a worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmtune_kernel.config import UserError
from llmtune_kernel.notebook.counting import count
from llmtune_kernel.notebook.protocol import Counted, ProgressPush, Statistics
from llmtune_kernel.runs.workers import Cancellation

ROWS = [{"prompt": f"What is {n} plus {n}?", "completion": f"It is {2 * n}."} for n in range(12)]


def text_of(model: str, **data: Any) -> str:
    return json.dumps({"model": {"name_or_path": model}, "data": {"train": "$rows", **data}})


def counted(model: str, rows: object = ROWS, **data: Any) -> Statistics:
    return count(Counted(text=text_of(model, **data)), {"rows": rows}, lambda progress: None, Cancellation())


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_rows_that_would_end_a_run_are_counted_instead(tiny_model: str) -> None:
    rows = [*ROWS, {"prompt": "And now?", "completion": ""}, ROWS[4]]
    found = counted(tiny_model, rows)  # on_bad_row is error
    assert (found.rows, found.train_rows) == (14, 13)
    assert [(one.kind, one.rows) for one in found.left_out] == [("empty", [12])]
    assert found.duplicates.rows == [(13, 4)]
    assert found.steps > 0
    assert 0 < found.trained_tokens < found.tokens
    assert sum(found.groups.rows) == 13


def test_each_source_says_how_much_of_it_is_trained_on(tiny_model: str, workplace: Path) -> None:
    for name, rows in (("one", ROWS[:8]), ("two", [*ROWS[8:], {"prompt": "?", "completion": ""}])):
        (workplace / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = counted(tiny_model, train=["one.jsonl", "two.jsonl"])
    assert [(one.name, one.rows, one.used) for one in found.sources] == [
        ("one.jsonl", 8, 8),
        ("two.jsonl", 5, 4),
    ]
    assert sum(one.epoch_tokens for one in found.sources) == found.epoch_tokens
    assert sum(one.epoch_trained_tokens for one in found.sources) == found.epoch_trained_tokens
    thrice = counted(tiny_model, train=["two.jsonl", {"source": "one.jsonl", "weight": 3, "num_samples": 2}])
    assert [(one.used, one.train_rows) for one in thrice.sources] == [(4, 4), (2, 6)]
    assert sum(one.epoch_tokens for one in thrice.sources) == thrice.epoch_tokens


def test_tokens_of_an_epoch_are_those_of_the_rows_that_are_trained_on(tiny_model: str) -> None:
    all_rows = counted(tiny_model)
    assert (all_rows.epoch_tokens, all_rows.epoch_trained_tokens) == (
        all_rows.tokens,
        all_rows.trained_tokens,
    )
    held_out = counted(tiny_model, eval_fraction=0.25)
    assert held_out.train_rows == counted(tiny_model, eval_rows=3).train_rows == 9
    assert held_out.tokens == all_rows.tokens
    assert held_out.epoch_tokens < all_rows.epoch_tokens
    assert held_out.epoch_trained_tokens < all_rows.epoch_trained_tokens
    repeated = counted(tiny_model, train=[{"source": "$rows", "weight": 2}])
    assert repeated.train_rows == 24
    assert repeated.epoch_tokens == 2 * all_rows.tokens
    assert repeated.epoch_trained_tokens == 2 * all_rows.trained_tokens


@pytest.mark.parametrize("truncation", ["right", "left", "drop", "error"])
def test_what_becomes_of_longer_rows_is_what_the_configuration_says(tiny_model: str, truncation: str) -> None:
    longer = {"prompt": "Count.", "completion": "one two three " * 40}
    found = counted(tiny_model, [*ROWS, longer], truncation=truncation, max_length=64)
    assert found.groups.policy == truncation
    assert found.max_length == 64
    assert found.groups.lengths[-1] > 64


def test_what_is_known_grows_while_rows_are_read(tiny_model: str) -> None:
    many: list[dict[str, str]] = [
        {"prompt": f"What is {n}?", "completion": "It is a number. " * (n % 20)} for n in range(20_000)
    ]
    heard: list[ProgressPush] = []
    wanted = Counted(text=text_of(tiny_model))

    def on_progress(progress: dict[str, Any]) -> None:
        heard.append(ProgressPush.model_validate({**progress, "id": "1"}))

    whole = count(wanted, {"rows": many}, on_progress, Cancellation())
    reading = [one.so_far for one in heard if one.stage == "reading" and one.so_far]
    assert len(reading) > 1
    assert [one.rows for one in reading] == sorted({one.rows for one in reading})
    for one in reading:
        (empty,) = one.left_out
        assert (empty.kind, empty.count) == ("empty", -(-one.rows // 20))
        assert sum(one.groups.rows) + empty.count == one.rows
        # Rows repeat by twenty: a part of them is as long as the whole, but for some of the last twenty.
        assert one.tokens / one.rows == pytest.approx(whole.tokens / whole.rows, rel=0.02 + 20 / one.rows)
        assert one.trained_tokens / one.tokens == pytest.approx(whole.trained_tokens / whole.tokens, rel=0.02)
    comparing = [one.so_far for one in heard if one.stage == "comparing"]
    assert comparing
    assert comparing[0]
    assert (comparing[0].rows, comparing[0].tokens) == (whole.rows, whole.tokens)
    assert comparing[0].left_out == whole.left_out


def test_who_cancels_hears_so_and_counting_again_works(tiny_model: str) -> None:
    many = [{"prompt": f"What is {n}?", "completion": "It is a number. " * 20} for n in range(30_000)]
    cancellation, heard = Cancellation(), []

    def on_progress(progress: dict[str, Any]) -> None:
        heard.append(progress)
        cancellation.cancel()

    with pytest.raises(UserError, match="cancelled"):
        count(Counted(text=text_of(tiny_model)), {"rows": many}, on_progress, cancellation)
    assert (heard[0]["stage"], heard[0]["total"]) == ("reading", 30_000)
    assert heard[0]["done"] < heard[0]["total"]
    assert counted(tiny_model).rows == 12
