"""Duplicates and languages of encoded rows."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.cutting import EncodedRows
from llmtune_kernel.data.duplicates import duplicates, near_duplicates
from llmtune_kernel.data.encoding import encode_rows
from llmtune_kernel.data.files import read_rows
from llmtune_kernel.data.length_groups import length_groups
from llmtune_kernel.data.statistics import statistics

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
WORDS = [
    *("river", "stone", "cloud", "window", "paper", "garden", "silver"),
    *("mountain", "table", "letter", "candle", "winter", "engine", "basket"),
]


def encoded(rows: list[dict[str, Any]], tokenizer: Any, **settings: Any) -> EncodedRows:
    return encode_rows(rows, tokenizer, DataConfig(train="rows.jsonl", on_bad_row="skip", **settings))


def counted(rows: list[dict[str, Any]], tokenizer: Any, **settings: Any) -> dict[str, Any]:
    config = DataConfig(train="rows.jsonl", on_bad_row="skip", **settings)
    return statistics(encode_rows(rows, tokenizer, config), tokenizer, config, lambda done, total: None)


def random_rows(count: int) -> list[dict[str, Any]]:
    chance = random.Random(1)
    return [
        {"prompt": " ".join(chance.choices(WORDS, k=8)), "completion": " ".join(chance.choices(WORDS, k=40))}
        for _ in range(count)
    ]


def test_rows_that_are_there_twice_name_the_first(tokenizer: Any) -> None:
    rows = random_rows(20)
    rows += [rows[3], rows[11], rows[3]]
    assert duplicates(encoded(rows, tokenizer)) == {20: 3, 21: 11, 22: 3}
    # The same answer to another question is another row.
    other = [*rows[:20], {**rows[3], "prompt": "Something else?"}]
    assert duplicates(encoded(other, tokenizer)) == {}


def test_an_answer_that_is_wanted_once_and_unwanted_once_is_no_duplicate(tokenizer: Any) -> None:
    rows = [{"prompt": "Q?", "completion": "An answer of words.", "label": label} for label in (True, False)]
    assert duplicates(encoded(rows, tokenizer)) == near_duplicates(encoded(rows, tokenizer)) == {}
    assert duplicates(encoded([*rows, rows[1]], tokenizer)) == {2: 1}


def test_rows_of_which_a_word_was_changed_are_nearly_the_same_and_rewritten_ones_are_not(
    tokenizer: Any,
) -> None:
    rows = random_rows(400)
    words = rows[7]["completion"].split()
    changed = " ".join([*words[:20], "banana", *words[21:]])
    half = " ".join([*words[:20], *rows[9]["completion"].split()[20:]])
    rows += [{**rows[7], "completion": changed}, {**rows[7], "completion": half}]
    assert near_duplicates(encoded(rows, tokenizer)) == {400: 7}


def test_what_the_template_writes_into_every_row_makes_no_rows_alike(tokenizer: Any) -> None:
    system = (
        "You are a helpful assistant that always answers truthfully, briefly and in the tone of a captain. "
        * 3
    )
    rows = [
        {**row, "completion": word, "system": system}
        for row, word in zip(random_rows(14), WORDS, strict=True)
    ]
    assert near_duplicates(encoded(rows, tokenizer)) == {}


def test_rows_too_short_for_a_run_of_tokens_are_compared_as_a_whole(tokenizer: Any) -> None:
    rows = [{"text": text} for text in ("a", "b", "c", "d", "a")]
    assert near_duplicates(encoded(rows, tokenizer)) == {4: 0}


def test_a_row_that_was_left_out_is_no_duplicate_and_numbers_stay_right(tokenizer: Any) -> None:
    rows = random_rows(5)
    rows = [{"prompt": "Hi", "completion": ""}, *rows, rows[4]]
    assert duplicates(encoded(rows, tokenizer)) == {6: 5}


def test_languages_are_told_by_what_is_learned(tokenizer: Any) -> None:
    said = {
        "en": "The lighthouse keeper wrote every evening about the weather and the passing ships.",
        "de": "Der Leuchtturmwärter schrieb jeden Abend über das Wetter und die vorbeifahrenden Schiffe.",
        "ru": "Смотритель маяка каждый вечер писал о погоде и проходящих мимо кораблях.",
    }
    rows = [
        {"prompt": "日本語で聞きますが、答えは他の言語です", "completion": said[code]}
        for code in ("en", "en", "de", "ru")
    ]
    found = counted(rows, tokenizer)
    assert dict(found["languages"]) == {"en": 0.5, "de": 0.25, "ru": 0.25}
    assert found["duplicates"] == {"count": 1, "rows": [[1, 0]]}
    assert found["near_duplicates"] == {"count": 0, "rows": []}


def test_no_language_is_told_of_answers_too_short_for_it_or_of_code(tokenizer: Any) -> None:
    answers = [
        "It is 2.",
        "Yes.",
        "A1 <b>bold</b> x, and so on",
        "SELECT * FROM a WHERE b = 3;",
        "f(x) = 3 * x + 1\n" * 3,
    ]
    rows = [{"prompt": "Tell me.", "completion": answer} for answer in answers]
    assert counted(rows, tokenizer)["languages"] == []


def test_rows_that_are_left_out_are_counted_by_what_is_wrong_with_them(tokenizer: Any) -> None:
    def said(*roles: str) -> dict[str, Any]:
        return {"messages": [{"role": role, "content": f"Said by {role}."} for role in roles]}

    good, empty = said("user", "assistant"), said("user", "assistant")
    empty["messages"][1]["content"] = " "
    long = said("user", "assistant")
    long["messages"][0]["content"] = "A long question. " * 50
    rows = [good, empty, said("assistant", "user"), said("user", "user", "assistant"), long, {"messages": 3}]
    found = {one["kind"]: one["rows"] for one in counted(rows, tokenizer, max_length=100)["left_out"]}
    assert found == {"empty": [1], "order": [2, 3], "untrained": [4], "other": [5]}
    found = {
        one["kind"]: one["rows"]
        for one in counted(rows, tokenizer, max_length=100, truncation="drop")["left_out"]
    }
    assert found == {"empty": [1], "order": [2, 3], "long": [4], "other": [5]}


@pytest.mark.parametrize("truncation", ["right", "left", "drop"])
@pytest.mark.parametrize("kind", ["answers", "preferences"])
def test_what_another_max_length_would_cut_is_what_it_then_cuts(
    tokenizer: Any, truncation: str, kind: str
) -> None:
    chance = random.Random(2)
    words = [" ".join(chance.choices(WORDS, k=chance.randint(1, 60))) for _ in range(120)]
    rows = [
        {"prompt": asked, "completion": answer}
        if kind == "answers"
        else {"prompt": asked, "chosen": answer, "rejected": other}
        for asked, answer, other in zip(words[:40], words[40:80], words[80:], strict=True)
    ]
    whole = DataConfig(train="rows.jsonl", max_length=4096, truncation=truncation)
    everything = encode_rows(rows, tokenizer, whole)
    groups = length_groups(everything, whole)
    for limit in (75, 90, 110, 130):
        cut = encoded(rows, tokenizer, max_length=limit, truncation=truncation)
        longer = sum(
            count for length, count in zip(groups["lengths"], groups["rows"], strict=True) if length > limit
        )
        lost = sum(
            count for needed, count in zip(groups["needed"], groups["needing"], strict=True) if needed > limit
        )
        if truncation == "drop":
            assert longer == lost == len(cut.dropped)
        else:
            assert lost == len(cut.skipped)
            assert longer == cut.truncated + lost
        assert len(cut.lengths) == len(rows) - lost


def test_rows_of_too_many_different_lengths_are_taken_together(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmtune_kernel.data.length_groups.MOST_GROUPS", 4)
    rows = [{"text": "word " * length} for length in range(1, 41)]
    config = DataConfig(train="rows.jsonl")
    groups = length_groups(encode_rows(rows, tokenizer, config), config)
    assert groups["policy"] == "part"
    assert 2 <= len(groups["lengths"]) <= 4
    assert sum(groups["rows"]) == 40


@pytest.mark.skipif(not SHARED.is_dir(), reason="the demo data sets are not here")
def test_duplicates_of_a_real_data_set_are_rows_of_equal_texts(tokenizer: Any) -> None:
    rows = read_rows(SHARED / "alpaca_en_demo.json")
    twins = duplicates(encoded(rows, tokenizer, max_length=8192))
    assert twins
    for row, twin in twins.items():
        assert {k: str(v).strip() for k, v in rows[row].items()} == {
            k: str(v).strip() for k, v in rows[twin].items()
        }
