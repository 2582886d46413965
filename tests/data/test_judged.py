"""Preferences and wanted or unwanted answers as tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.data.encoding import encode_rows
from llmtune_kernel.data.files import read_rows
from llmtune_kernel.data.sequences import CHOSEN, REJECTED
from llmtune_kernel.data.summary import summarise

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def config(**settings: Any) -> DataConfig:
    return DataConfig(train="rows.jsonl", **settings)


def preference(prompt: str = "Hi", chosen: str = "Hello there.", rejected: str = "Go.") -> dict[str, str]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def test_a_preference_is_two_sequences_with_one_beginning_of_which_the_answers_are_judged(
    tokenizer: Any,
) -> None:
    encoded = encode_rows([preference(), preference("Bye", "Farewell.", "No.")], tokenizer, config())
    assert (len(encoded), encoded.numbers.tolist()) == (2, [0, 1])
    assert encoded.sequences.sides.tolist() == [CHOSEN, REJECTED] * 2
    chosen, rejected = encoded.example(1)
    asked = [{"role": "user", "content": "Bye"}]
    prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]
    for side, answer in ((chosen, "Farewell."), (rejected, "No.")):
        said = [*asked, {"role": "assistant", "content": answer}]
        assert side.ids.tolist() == tokenizer.apply_chat_template(said)["input_ids"]
        assert side.ids.tolist()[: len(prompt)] == prompt
        assert tokenizer.decode(side.ids[side.trained]) == answer + "<|im_end|>"


def test_what_was_said_before_is_not_judged_also_where_the_prompt_is_trained(tokenizer: Any) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    row = {"prompt": [*turns, {"role": "user", "content": "Bye"}], "chosen": "Farewell.", "rejected": "No."}
    encoded = encode_rows([row], tokenizer, config(train_on_prompt=True))
    judged = [tokenizer.decode(side.ids[side.trained]) for side in encoded.example(0)]
    assert judged == ["Farewell.<|im_end|>", "No.<|im_end|>"]


def test_both_sides_of_a_preference_are_cut_alike(tokenizer: Any) -> None:
    row = preference("word " * 40, "one " * 30, "two " * 10)
    whole = encode_rows([row], tokenizer, config())
    sizes = [len(side.ids) for side in whole.example(0)]
    limit = sizes[0] - 5
    left = encode_rows([row], tokenizer, config(max_length=limit, truncation="left"))
    assert [len(side.ids) for side in left.example(0)] == [limit, sizes[1] - 5]
    for before, after in zip(whole.example(0), left.example(0), strict=True):
        assert after.ids.tolist() == before.ids.tolist()[5:]
    right = encode_rows([row], tokenizer, config(max_length=limit))
    assert [len(side.ids) for side in right.example(0)] == [limit, min(sizes[1], limit)]
    assert (right.truncated, right.lengths.tolist()) == (1, [sizes[0]])


def test_a_preference_with_one_answer_cut_off_is_no_preference(tokenizer: Any) -> None:
    rows = [preference(), preference("word " * 40, "one " * 5, "two")]
    with pytest.raises(UserError, match="row 1: its answer starts after"):
        encode_rows(rows, tokenizer, config(max_length=60))
    assert len(encode_rows(rows, tokenizer, config(max_length=60, on_bad_row="skip"))) == 1


@pytest.mark.parametrize("format", ["preference", "reward"])
@pytest.mark.parametrize("truncation", ["right", "left"])
def test_a_pair_that_cutting_makes_the_same_is_a_bad_row(
    tokenizer: Any, truncation: str, format: str
) -> None:
    same = "one two three " * 20
    rows = [preference(), preference("Hi", f"{same} yes", f"{same} no")]
    if truncation == "left":
        # The sides are equally long, and differ only where both are cut.
        rows[1] = preference("Hi", f"yes {same}", f"two {same}")
    settings = config(max_length=40, truncation=truncation, format=format)
    with pytest.raises(UserError, match="row 1: its answers are the same in the 40 tokens") as caught:
        encode_rows(rows, tokenizer, settings)
    assert {change.label for change in caught.value.changes} > {"Leave long rows out", "Skip bad rows"}
    skipped = encode_rows(rows, tokenizer, settings.model_copy(update={"on_bad_row": "skip"}))
    assert (skipped.numbers.tolist(), skipped.truncated) == ([0], 0)
    assert [problem.kind for problem in skipped.left_out()] == ["untrained"]
    assert len(encode_rows(rows, tokenizer, config(format=format))) == 2


def test_a_pair_for_a_reward_model_with_its_question_is_read_as_a_preference(tokenizer: Any) -> None:
    rows = [preference(), preference("Bye", "Farewell.", "No.")]
    pairs, preferences = (
        encode_rows(rows, tokenizer, config(format=name)) for name in ("reward", "preference")
    )
    for place in range(2):
        for one, other in zip(pairs.example(place), preferences.example(place), strict=True):
            assert (one.ids.tolist(), one.side) == (other.ids.tolist(), other.side)


def test_a_pair_for_a_reward_model_may_be_two_whole_texts_beside_pairs_of_turns(tokenizer: Any) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    rows = [
        {"chosen": "Human: Hi\nAssistant: Hello.", "rejected": "Human: Hi\nAssistant: Go."},
        {"chosen": turns, "rejected": [turns[0], {"role": "assistant", "content": "Go."}]},
    ]
    encoded = encode_rows(rows, tokenizer, config(format="reward"))
    texts = [tokenizer.decode(side.ids) for side in encoded.example(0)]
    assert texts == [rows[0][side] + tokenizer.eos_token for side in ("chosen", "rejected")]
    whole = tokenizer.apply_chat_template(turns)["input_ids"]
    assert encoded.example(1)[0].ids.tolist() == whole
    same = {"chosen": "Hi", "rejected": "Hi"}
    with pytest.raises(UserError, match="rejected is the same as chosen"):
        encode_rows([same], tokenizer, config(format="reward"))


@pytest.mark.parametrize(("label", "side"), [(True, CHOSEN), (False, REJECTED)])
def test_a_judged_answer_says_whether_it_is_wanted(tokenizer: Any, label: bool, side: int) -> None:
    row = {"prompt": "Hi", "completion": "Hello.", "label": label}
    encoded = encode_rows([row], tokenizer, config())
    [sequence] = encoded.example(0)
    assert encoded.sequences.sides.tolist() == [side]
    assert tokenizer.decode(sequence.ids[sequence.trained]) == "Hello.<|im_end|>"


def test_prompt_and_answers_are_joined_where_there_is_no_chat_template(
    with_template: Callable[[str | None], Any],
) -> None:
    bare = with_template(None)
    rows = [preference("1 + 1 =", " 2", " 3")]
    sides = encode_rows(rows, bare, config()).example(0)
    assert [bare.decode(side.ids) for side in sides] == ["1 + 1 = 2<|im_end|>", "1 + 1 = 3<|im_end|>"]
    judged = encode_rows([{"prompt": "1 + 1 =", "completion": " 2", "label": True}], bare, config())
    assert bare.decode(judged.example(0)[0].ids) == "1 + 1 = 2<|im_end|>"


def test_a_summary_shows_each_side(tokenizer: Any) -> None:
    summary = summarise(encode_rows([preference()], tokenizer, config()), tokenizer, 1, ["prompt"])
    assert [(shown["row"], shown["side"]) for shown in summary["preview"]] == [(0, "chosen"), (0, "rejected")]
    answers = [
        "".join(span["text"] for span in shown["spans"] if span["trained"]) for shown in summary["preview"]
    ]
    assert answers == ["Hello there.<|im_end|>", "Go.<|im_end|>"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the demo data sets are not here")
@pytest.mark.parametrize(("file", "sides"), [("dpo_en_demo.json", 2), ("kto_en_demo.json", 1)])
def test_real_judgements_are_encoded_row_by_row(tokenizer: Any, file: str, sides: int) -> None:
    rows = read_rows(SHARED / file, limit=60)
    encoded = encode_rows(rows, tokenizer, config(max_length=8192))
    assert len(encoded) == len(rows)
    for row, place in zip(rows, range(len(encoded)), strict=True):
        sequences = encoded.example(place)
        assert len(sequences) == sides
        said = (
            [row["chosen"]["value"], row["rejected"]["value"]]
            if sides == 2
            else [row["messages"][-1]["content"]]
        )
        judged = [tokenizer.decode(one.ids[one.trained]) for one in sequences]
        assert judged == [text + "<|im_end|>" for text in said]
