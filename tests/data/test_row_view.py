"""One row as the inspector shows it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.encoding import encode_rows
from llmtune_kernel.data.named_templates import set_template
from llmtune_kernel.data.recognition import recognise
from llmtune_kernel.data.row_view import first_left_out, view_row


def view(row: dict[str, Any], tokenizer: Any, number: int = 7, **settings: Any) -> dict[str, Any]:
    config = DataConfig(train="rows.jsonl", **settings)
    seen: dict[str, Any] = json.loads(json.dumps(view_row(row, number, recognise([row]), tokenizer, config)))
    return seen


def said(side: dict[str, Any]) -> str:
    """The text of the tokens that are learned."""
    return "".join("".join(side["pieces"][start:stop]) for start, stop in side["trained"])


def test_a_conversation_is_seen_as_turns_as_text_and_as_tokens(tokenizer: Any) -> None:
    turns = [("user", "Hi"), ("assistant", "Hello."), ("user", "Bye"), ("assistant", "Farewell.")]
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    seen = view(row, tokenizer)
    [side] = seen["sides"]
    assert (seen["problem"], seen["shared"], side["name"]) == (None, 0, "")
    assert [(turn["role"], turn["text"]) for turn in side["turns"]] == turns
    assert [turn["mark"] for turn in side["turns"]] == ["", "answer", "", "answer"]
    assert side["text"] == tokenizer.apply_chat_template(row["messages"], tokenize=False)
    assert "".join(side["pieces"]) == side["text"]
    assert side["ids"] == tokenizer.apply_chat_template(row["messages"])["input_ids"]
    assert said(side) == "Hello.<|im_end|>Farewell.<|im_end|>"
    assert side["kept"] == [0, len(side["ids"])]


@pytest.mark.parametrize(
    ("settings", "learned"),
    [
        ({}, [False, True, False, True]),
        ({"mask_history": True}, [False, False, False, True]),
        ({"train_on_prompt": True}, [True, True, True, True]),
    ],
)
def test_the_turns_that_are_learned_are_those_of_the_settings(
    tokenizer: Any, settings: dict[str, Any], learned: list[bool]
) -> None:
    turns = [("user", "Hi"), ("assistant", "Hello."), ("user", "Bye"), ("assistant", "Farewell.")]
    row = {"messages": [{"role": role, "content": text} for role, text in turns]}
    [side] = view(row, tokenizer, **settings)["sides"]
    assert [turn["mark"] == "answer" for turn in side["turns"]] == learned
    assert [
        "Hi" in said(side),
        "Hello." in said(side),
        "Bye" in said(side),
        "Farewell." in said(side),
    ] == learned


@pytest.mark.parametrize("more", [{}, {"name": "Ann"}])
@pytest.mark.parametrize(
    ("settings", "learned"),
    [
        ({}, [False, False, False, True]),
        ({"train_on_prompt": True}, [True, False, True, True]),
        ({"train_on_prompt": True, "train_on_eos": False}, [True, False, True, True]),
    ],
)
def test_an_answer_of_weight_0_is_not_learned(
    tokenizer: Any, more: dict[str, Any], settings: dict[str, Any], learned: list[bool]
) -> None:
    texts = ["Hi", "Hello <|im_end|>.", "Bye", "Farewell."]
    weights = [None, 0, None, 1]
    messages = [
        {"role": role, "content": text, "weight": weight, **more}
        for role, text, weight in zip(["user", "assistant"] * 2, texts, weights, strict=True)
    ]
    [side] = view({"messages": messages}, tokenizer, **settings)["sides"]
    assert [turn["mark"] == "answer" for turn in side["turns"]] == learned
    assert [text in said(side) for text in texts] == learned


@pytest.mark.parametrize(("truncation", "kept"), [("right", [0, 50]), ("left", [-50, None])])
def test_what_is_cut_is_what_the_trainer_cuts(tokenizer: Any, truncation: str, kept: list[int]) -> None:
    row = {"prompt": "Hi", "completion": "word " * 60}
    [side] = view(row, tokenizer, max_length=50, truncation=truncation)["sides"]
    start, stop = side["kept"]
    settings = {"max_length": 50, "truncation": truncation}
    encoded = encode_rows([row], tokenizer, DataConfig(train="x", **settings))
    assert side["ids"][start:stop] == encoded.example(0)[0].ids.tolist() == side["ids"][slice(*kept)]


def test_a_row_that_is_left_out_says_why_and_is_shown_as_far_as_it_goes(tokenizer: Any) -> None:
    seen = view({"prompt": "Hi", "completion": ""}, tokenizer)
    assert (seen["problem"], seen["sides"]) == ("row 7: completion is empty", [])
    assert seen["fix"] == "Correct this row, or leave it out."
    cut = view({"prompt": "word " * 60, "completion": "Hello."}, tokenizer, max_length=50)
    assert "is cut off" in cut["problem"]
    assert said(cut["sides"][0]) == "Hello.<|im_end|>"
    dropped = view(
        {"prompt": "word " * 60, "completion": "Hello."}, tokenizer, max_length=50, truncation="drop"
    )
    assert "tokens long, more than 50" in dropped["problem"]


def test_a_preference_has_two_sides_with_a_shared_beginning(tokenizer: Any) -> None:
    seen = view({"prompt": "Hi", "chosen": "Hello there.", "rejected": "Hello, go."}, tokenizer)
    chosen, rejected = seen["sides"]
    assert (chosen["name"], rejected["name"]) == ("chosen", "rejected")
    shared = seen["shared"]
    assert chosen["ids"][:shared] == rejected["ids"][:shared]
    assert "".join(chosen["pieces"][:shared]).endswith("assistant\n")


def test_a_text_and_calls_of_tools_are_turns_too(tokenizer: Any) -> None:
    [side] = view({"text": "Once upon a time."}, tokenizer, max_length=8)["sides"]
    assert side["turns"] == [{"role": "", "text": "Once upon a time.", "mark": "answer"}]
    assert side["kept"] == [0, len(side["ids"])]
    call = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    row = {"messages": [{"role": "user", "content": "1?"}, {"role": "assistant", "tool_calls": [call]}]}
    refused = view(row, tokenizer)  # this template knows no tools
    assert refused["problem"] is not None
    assert refused["sides"][0]["ids"] == []
    said = {"role": "call", "text": "add(a=1)", "mark": ""}
    assert refused["sides"][0]["turns"] == [{"role": "user", "text": "1?", "mark": ""}, said]


def test_the_first_row_that_is_left_out_is_the_first_in_the_order_given(tokenizer: Any) -> None:
    rows = {number: {"prompt": "Hi", "completion": "Yes."} for number in range(10)}
    config = DataConfig(train="rows.jsonl", max_length=50)
    format = recognise(list(rows.values()))
    assert first_left_out(rows, format, tokenizer, config) is None
    rows[3] = {"prompt": "Hi", "completion": ""}
    rows[7] = {"prompt": "word " * 60, "completion": "Yes."}
    assert first_left_out(rows, format, tokenizer, config) == 3
    assert first_left_out(dict(reversed(rows.items())), format, tokenizer, config) == 7


@pytest.mark.parametrize(
    ("turns", "wrong"),
    [
        ([("user", "Hi"), ("user", "You?"), ("assistant", "Hello.")], 1),
        ([("user", "Hi"), ("assistant", " ")], 1),
        ([("user", "Hi"), ("assistant", "Hello."), ("user", "Bye")], 2),
        ([("user", "Hi\0"), ("assistant", "Hello.")], 0),
        ([("user", "Hi"), ("narrator", "Hello.")], 1),
    ],
)
def test_a_conversation_that_is_wrong_is_seen_with_the_turn_at_fault(
    tokenizer: Any, turns: list[tuple[str, str]], wrong: int
) -> None:
    seen = view({"messages": [{"role": role, "content": text} for role, text in turns]}, tokenizer)
    [side] = seen["sides"]
    assert [(turn["role"], turn["text"]) for turn in side["turns"]] == turns
    marks = ["wrong" if number == wrong else "" for number in range(len(turns))]
    assert [turn["mark"] for turn in side["turns"]] == marks
    assert (f"turn {wrong} " in seen["problem"]) or "ends with" in seen["problem"]
    assert side["ids"] == []


def test_what_is_no_text_in_a_wrong_conversation_is_seen_as_json(tokenizer: Any) -> None:
    turns = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": {"a": 1}}, {"value": "\ud800"}]
    [side] = view({"conversations": turns}, tokenizer)["sides"]
    said = [("user", "Hi", ""), ("assistant", '{"a": 1}', "wrong"), ("nobody", "?", "")]
    assert [(turn["role"], turn["text"], turn["mark"]) for turn in side["turns"]] == said


def test_thinking_and_tools_are_seen_by_themselves_and_what_the_template_drops_as_dropped(
    tokenizer: Any,
) -> None:
    tool = {"name": "add", "description": "Adds.", "parameters": {"properties": {"a": {}, "b": {}}}}
    call = {"function": {"name": "add", "arguments": {"a": 1, "b": "x"}}}
    turns = [
        {"role": "user", "content": "1?"},
        {"role": "assistant", "content": "<think>\nOnce.\n</think>\n\nOne."},
        {"role": "user", "content": "2?"},
        {"role": "assistant", "content": "", "reasoning_content": "Twice.", "tool_calls": [call]},
        {"role": "tool", "content": "3"},
        {"role": "assistant", "content": "Three."},
    ]
    own = tokenizer.chat_template
    try:
        set_template(tokenizer, DataConfig(train="x", template="qwen3"))
        [side] = view({"messages": turns, "tools": [tool]}, tokenizer)["sides"]
    finally:
        tokenizer.chat_template = own
    assert "Once." not in side["text"]
    assert "Twice." in side["text"]
    assert [(turn["role"], turn["text"], turn["mark"]) for turn in side["turns"]] == [
        ("tools", "add(a, b): Adds.", ""),
        ("user", "1?", ""),
        ("thinking", "Once.", "dropped"),
        ("assistant", "One.", "answer"),
        ("user", "2?", ""),
        ("thinking", "Twice.", "answer"),
        ("call", 'add(a=1, b="x")', "answer"),
        ("tool", "3", ""),
        ("assistant", "Three.", "answer"),
    ]


def test_no_answer_of_a_row_that_is_left_out_is_marked_as_learned(tokenizer: Any) -> None:
    cut = view({"prompt": "word " * 60, "completion": "Hello."}, tokenizer, max_length=50)
    assert [turn["mark"] for turn in cut["sides"][0]["turns"]] == ["", ""]


def test_nothing_of_a_prompt_is_learned_and_a_long_one_keeps_its_end(tokenizer: Any) -> None:
    row = {"prompt": "One two three four five six"}
    for settings in ({}, {"train_on_prompt": True}):
        [side] = view(row, tokenizer, **settings)["sides"]
        assert (side["trained"], [turn["mark"] for turn in side["turns"]]) == ([], [""])
    seen = view(row, tokenizer, max_length=8)
    [side] = seen["sides"]
    assert (seen["problem"], side["kept"]) == (None, [len(side["ids"]) - 8, len(side["ids"])])
