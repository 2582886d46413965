"""A data set as tokens: cut, counted, split and summed up."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import templates

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.data.cutting import EncodedRows
from llmtune_kernel.data.encoding import encode_rows as encode_configured
from llmtune_kernel.data.encoding import split_rows
from llmtune_kernel.data.files import read_rows
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.data.summary import histogram, summarise, trained_spans
from llmtune_kernel.examples import dataset_path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def encode_rows(rows: Any, tokenizer: Any, *, on_progress: Any = None, **settings: Any) -> EncodedRows:
    return encode_configured(rows, tokenizer, DataConfig(train="rows.jsonl", **settings), on_progress)


def examples(encoded: EncodedRows) -> list[list[TokenSequence]]:
    return [encoded.example(place) for place in range(len(encoded))]


def pair(question: str, answer: Any) -> dict[str, Any]:
    return {"instruction": question, "output": answer}


def test_rows_are_encoded_in_order_and_counted(tokenizer: Any) -> None:
    rows = [pair(f"Say {number}.", f"{number}!" * (number + 1)) for number in range(600)][::-1]
    told: list[tuple[int, int]] = []
    encoded = encode_rows(rows, tokenizer, max_length=4096, on_progress=lambda *seen: told.append(seen))
    assert encoded.formats[0].name == "alpaca"
    for row, (sequence,) in zip(rows, examples(encoded), strict=True):
        assert tokenizer.decode(sequence.ids[sequence.trained]) == row["output"] + "<|im_end|>"
        assert row["instruction"] in tokenizer.decode(sequence.ids)
    assert encoded.tokens == sum(encoded.lengths) == sum(len(one.ids) for (one,) in examples(encoded))
    assert encoded.trained_tokens == sum(one.trained.sum() for (one,) in examples(encoded))
    assert encoded.truncated == 0
    assert told[-1] == (600, 600)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_long_rows_are_cut_on_the_right(tokenizer: Any) -> None:
    rows = [pair("Hi", "word " * 100), pair("Hi", "Hello.")]
    whole = encode_rows(rows, tokenizer, max_length=1000)
    cut = encode_rows(rows, tokenizer, max_length=50)
    [before], [after] = whole.example(0), cut.example(0)
    assert (after.ids.tolist(), after.trained.tolist()) == (
        before.ids.tolist()[:50],
        before.trained.tolist()[:50],
    )
    assert cut.example(1)[0].ids.tolist() == whole.example(1)[0].ids.tolist()
    assert (cut.truncated, cut.lengths.tolist()) == (1, whole.lengths.tolist())
    assert cut.tokens == 50 + len(whole.example(1)[0].ids)


@pytest.mark.parametrize("side", ["right", "left"])
def test_rows_are_counted_that_lose_a_whole_answer_and_keep_another(tokenizer: Any, side: str) -> None:
    talk = {**pair("And?", "more " * 30), "history": [["Hi", "word " * 30]]}
    long = pair("Hi", "word " * 100) if side == "right" else pair("long " * 100, "Hello.")
    rows = [talk, {**long, "history": []}, {**pair("Hi", "Hello."), "history": []}]
    assert encode_rows(rows, tokenizer, max_length=1000, truncation=side).answers_cut == 0
    cut = encode_rows(rows, tokenizer, max_length=40, truncation=side)
    assert (cut.truncated, cut.answers_cut) == (2, 1)


def test_all_rows_without_a_trained_token_are_told_with_the_reason(tokenizer: Any) -> None:
    rows = [pair("Hi", "Hello."), pair("long " * 100, "Hello."), pair("Hi", None), pair("Hi", "")]
    with pytest.raises(UserError) as caught:
        encode_rows(rows, tokenizer, max_length=60)
    told = str(caught.value)
    assert "3 of 4 rows" in told
    assert "row 1: its answer starts after" in told
    assert "row 2: output is missing" in told
    assert "row 3: output is empty" in told
    assert "Raise data.max_length" in told


def test_bad_rows_may_be_skipped_and_are_kept_account_of(tokenizer: Any) -> None:
    rows = [pair("Hi", ""), pair("Hi", "Hello."), pair("long " * 100, "Hello."), pair("Hi", "Bye.")]
    encoded = encode_rows(rows, tokenizer, max_length=60, on_bad_row="skip")
    assert encoded.numbers.tolist() == [1, 3]
    assert [tokenizer.decode(one.ids).count("Bye.") for (one,) in examples(encoded)] == [0, 1]
    assert [(problem.row, problem.column) for problem in encoded.skipped] == [(0, "output"), (2, "")]
    summary = summarise(encoded, tokenizer, len(rows), ["instruction", "output"])
    assert (summary["rows"], summary["skipped"], summary["dropped"]) == (4, 2, 0)
    assert summary["problems"][0]["message"] == "row 0: output is empty"
    assert [shown["row"] for shown in summary["preview"]] == [1, 3]


def test_where_every_row_is_left_out_the_causes_are_named(tokenizer: Any) -> None:
    rows = [pair("Hi", ""), pair("long " * 100, "Hello.")]
    with pytest.raises(UserError) as caught:
        encode_rows(rows, tokenizer, max_length=60, on_bad_row="skip", truncation="drop")
    assert "2 of 2 rows" in str(caught.value)
    assert "row 0: output is empty" in str(caught.value)
    assert "row 1: is 1" in str(caught.value)


def test_cut_on_the_left_the_end_is_kept(tokenizer: Any) -> None:
    rows = [pair("word " * 100, "Hello."), pair("Hi", "Hello.")]
    whole = encode_rows(rows, tokenizer, max_length=1000)
    cut = encode_rows(rows, tokenizer, max_length=50, truncation="left")
    [before], [after] = whole.example(0), cut.example(0)
    assert (after.ids.tolist(), after.trained.tolist()) == (
        before.ids.tolist()[-50:],
        before.trained.tolist()[-50:],
    )
    assert (cut.truncated, cut.trained_tokens) == (1, whole.trained_tokens)


def test_an_answer_that_is_cut_off_on_the_left_is_named(with_template: Callable[[str | None], Any]) -> None:
    after = "{% for m in messages %}{{ m['content'] + '<|im_end|>' }}{% endfor %}{{ ' word' * 100 }}"
    with pytest.raises(
        UserError, match=r"row 0: its last answer ends 100 tokens before its end and is cut off"
    ):
        encode_rows([pair("Hi", "Hello.")], with_template(after), max_length=50, truncation="left")


def test_too_long_rows_are_left_out_or_refused(tokenizer: Any) -> None:
    rows = [pair("Hi", "word " * 100), pair("Hi", "Hello."), pair("Hi", "")]
    encoded = encode_rows(rows, tokenizer, max_length=50, truncation="drop", on_bad_row="skip")
    assert (encoded.numbers.tolist(), encoded.truncated) == ([1], 0)
    assert ([problem.row for problem in encoded.dropped], len(encoded.skipped)) == ([0], 1)
    with pytest.raises(UserError, match="1 of 3 rows") as caught:
        encode_rows(rows, tokenizer, max_length=50, truncation="error", on_bad_row="skip")
    assert "tokens long, more than 50" in str(caught.value)
    assert "output" not in str(caught.value)


def test_what_a_template_refuses_is_told_by_row(with_template: Callable[[str | None], Any]) -> None:
    rows = [pair("Hi", "Hello."), {**pair("Hi", "Hello."), "system": "Be kind."}]
    with pytest.raises(UserError, match=r"row 1: the chat template refuses it: System role not supported"):
        encode_rows(rows, with_template(templates.GEMMA), max_length=100)


def test_a_model_without_a_chat_template_is_told(with_template: Callable[[str | None], Any]) -> None:
    with pytest.raises(UserError, match="no chat template"):
        encode_rows([pair("Hi", "Hello.")], with_template(None), max_length=100)


def test_progress_may_interrupt(tokenizer: Any) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_rows([pair("Hi", "Hello.")], tokenizer, max_length=100, on_progress=stop)


@pytest.mark.parametrize(
    ("count", "held_out", "held"),
    [(100, 0.1, 10), (10, 0.01, 1), (3, 0.99, 2), (2, 0.5, 1), (100, 30, 30), (10, 1, 1), (3, 2, 2)],
)
def test_a_split_is_deterministic_and_leaves_rows_on_both_sides(
    count: int, held_out: float, held: int
) -> None:
    train, evaluation = split_rows(count, held_out, 7)
    assert (train, evaluation) == split_rows(count, held_out, 7)
    assert sorted(train + evaluation) == list(range(count))
    assert len(evaluation) == held


def test_another_seed_splits_otherwise_and_not_all_rows_can_be_set_aside() -> None:
    assert split_rows(100, 0.1, 1) != split_rows(100, 0.1, 2)
    with pytest.raises(UserError, match="10 of 10 rows cannot be set aside"):
        split_rows(10, 10, 0)
    with pytest.raises(UserError, match="cannot be split"):
        split_rows(1, 0.5, 0)


def test_a_summary_is_json_and_shows_what_is_trained(tokenizer: Any) -> None:
    rows = [pair("Hi 😀", f"Hello 🚢{number}. " * 5) for number in range(5)]
    encoded = encode_rows(rows, tokenizer, max_length=45)
    summary = json.loads(
        json.dumps(summarise(encoded, tokenizer, len(rows), ["instruction", "output"], first=2))
    )
    assert (summary["rows"], summary["columns"], summary["format"]) == (
        5,
        ["instruction", "output"],
        "alpaca",
    )
    assert summary["truncated"] == 5
    assert sum(summary["lengths"]["counts"]) == 5
    assert [shown["row"] for shown in summary["preview"]] == [0, 1]
    for shown in summary["preview"]:
        text = "".join(span["text"] for span in shown["spans"])
        assert text == tokenizer.decode(encoded.example(shown["row"])[0].ids)
        assert [span["trained"] for span in shown["spans"]] == [False, True]
        assert shown["spans"][1]["text"].startswith("Hello 🚢")


def test_spans_join_to_the_text_even_if_a_character_is_parted(tokenizer: Any) -> None:
    ids = tokenizer("a 😀 b", add_special_tokens=False)["input_ids"]
    for place in range(len(ids) + 1):
        trained = [False] * place + [True] * (len(ids) - place)
        spans = trained_spans(tokenizer, ids, trained)
        assert "".join(span["text"] for span in spans) == "a 😀 b"


@pytest.mark.parametrize("lengths", [[5], [3, 3, 3], [1, 24], [1, 25], [7, 1000, 31, 31]])
def test_a_histogram_counts_every_length_between_its_edges(lengths: list[int]) -> None:
    edges, counts = histogram(lengths)
    assert len(edges) == len(counts) + 1 <= 25
    assert counts == [sum(low <= n < high for n in lengths) for low, high in pairwise(edges)]
    assert sum(counts) == len(lengths)


def test_the_shipped_data_set_is_short_and_in_one_voice(tokenizer: Any) -> None:
    rows = read_rows(dataset_path())
    encoded = encode_rows(rows, tokenizer, max_length=80)
    assert encoded.formats[0].name == "messages"
    assert 48 <= len(rows) <= 64
    assert encoded.truncated == 0
    assert len({row["messages"][0]["content"] for row in rows}) == len(rows)
    for row in rows:
        answer = row["messages"][-1]["content"]
        assert answer.startswith("Captain's log: ")
        assert answer.endswith(" Steady as she goes.")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the demo data sets are not here")
@pytest.mark.parametrize("file", ["alpaca_en_demo.json", "identity.json", "glaive_toolcall_en_demo.json"])
def test_real_data_sets_are_trained_on_their_answers(
    file: str, with_template: Callable[[str | None], Any]
) -> None:
    rows = read_rows(SHARED / file, limit=100)
    tokenizer = with_template(templates.QWEN3)
    encoded = encode_rows(rows, tokenizer, max_length=8192)
    for row, (sequence,) in zip(rows, examples(encoded), strict=True):
        said = row["output"] if "output" in row else row["conversations"][-1]["value"]
        trained = tokenizer.decode(sequence.ids[sequence.trained])
        assert trained.endswith(said.lstrip("\n") + "<|im_end|>")
