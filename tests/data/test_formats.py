"""Formats are recognised and named, never guessed; every row that cannot be trained on is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.examples import (
    Conversation,
    Feedback,
    PlainText,
    Preference,
    is_learned,
    without_answer,
)
from llmtune_kernel.data.files import read_rows
from llmtune_kernel.data.formats import Row, RowFormat, raise_problems, unread_media
from llmtune_kernel.data.problems import RowProblem
from llmtune_kernel.data.recognition import recognise, shapes_of
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.turns import ROLES, Tags, tags_from

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

USER = {"role": "user", "content": "Q"}
ANSWER = {"role": "assistant", "content": "A"}


def example(row: dict[str, Any], format: str = "auto", **mapping: str) -> Any:
    return to_example(row, 0, recognise([row], format, mapping))


@pytest.mark.parametrize(
    ("row", "name", "columns"),
    [
        ({"instruction": "Q", "output": "A"}, "alpaca", ["instruction", "output"]),
        (
            {"output": "A", "input": "", "instruction": "Q", "id": 3},
            "alpaca",
            ["instruction", "output", "input"],
        ),
        ({"messages": [USER, ANSWER]}, "messages", ["messages"]),
        ({"conversations": [USER, ANSWER], "tools": "[]"}, "messages", ["conversations", "tools"]),
        (
            {"conversations": [{"from": "human", "value": "Q"}], "system": "S"},
            "sharegpt",
            ["conversations", "system"],
        ),
        ({"prompt": "Q", "completion": "A"}, "prompt_completion", ["prompt", "completion"]),
        ({"text": "T", "url": "u"}, "text", ["text"]),
        ({"prompt": "Q", "chosen": "A", "rejected": "B"}, "preference", ["chosen", "rejected", "prompt"]),
        (
            {"conversations": [{"from": "human", "value": "Q"}], "chosen": {}, "rejected": {}},
            "preference",
            ["chosen", "rejected", "conversations"],
        ),
        ({"chosen": [USER, ANSWER], "rejected": [USER, ANSWER]}, "preference", ["chosen", "rejected"]),
        ({"messages": [USER, ANSWER], "label": True}, "kto", ["label", "messages"]),
        ({"instruction": "Q", "output": "A", "kto_tag": 1}, "kto", ["kto_tag", "instruction", "output"]),
        ({"instruction": "Q", "output": "A", "label": 3}, "alpaca", ["instruction", "output"]),
        ({"text": "T", "label": True}, "text", ["text"]),
    ],
)
def test_each_format_is_recognised_by_its_columns(row: dict[str, Any], name: str, columns: list[str]) -> None:
    found = recognise([row])
    assert (found.name, found.columns) == (name, columns)


def test_rows_of_no_format_list_what_was_found_and_what_is_needed() -> None:
    with pytest.raises(UserError) as caught:
        recognise([{"question": "Q", "turns": [{"speaker": "x"}]}])
    for words in (
        "question (str)",
        "turns (list of {speaker})",
        "instruction and output",
        "prompt and completion",
    ):
        assert words in str(caught.value)


def test_rows_of_two_formats_are_never_guessed() -> None:
    rows = [{"instruction": "Q", "output": "A", "text": "Q A"}]
    with pytest.raises(UserError, match=r"several formats: alpaca, text(.|\n)*format: alpaca"):
        recognise(rows)
    assert recognise(rows, "text") == RowFormat("text", {"text": "text"})


def test_mixed_rows_name_the_row_and_what_it_has() -> None:
    rows: list[dict[str, Any]] = [{"text": "T"}] * 17
    with pytest.raises(UserError, match="row 0 is text, row 17 is messages"):
        recognise([*rows, {"messages": [USER, ANSWER]}])
    with pytest.raises(UserError, match=r"row 17 is no format; it has story \(str\)"):
        recognise([*rows, {"story": "x"}])


PAIR = {"prompt": "Good?", "completion": "Yes."}


def test_rows_that_only_ask_are_prompts() -> None:
    rows = [{"prompt": "One?", "source": "x"}, {"prompt": [USER], "source": "y"}]
    found = recognise(rows)
    assert (found.name, found.columns) == ("prompt", ["prompt"])
    asked = [to_example(row, number, found) for number, row in enumerate(rows)]
    assert [one.messages for one in asked] == [[{"role": "user", "content": "One?"}], [USER]]  # type: ignore[union-attr]
    assert all(one == without_answer(one) for one in asked)  # type: ignore[arg-type]


def test_turns_are_prompts_where_that_is_said() -> None:
    rows = [{"messages": [USER, ANSWER, USER], "system": "Be kind."}]
    found = recognise(rows, "prompt", {"prompt": "messages"})
    turns = [{"role": "system", "content": "Be kind."}, USER, ANSWER, USER]
    assert to_example(rows[0], 0, found).messages == turns  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ([USER, ANSWER], "prompt does not end with a question"),
        ([USER, USER], "turn 1 (user) follows user"),
        ("", "prompt is empty"),
    ],
)
def test_a_prompt_ends_with_a_question(prompt: Any, reason: str) -> None:
    with pytest.raises(RowProblem, match=re.escape(reason)):
        to_example({"prompt": prompt}, 0, RowFormat("prompt", {"prompt": "prompt"}))


def test_prompts_beside_rows_with_answers_lack_theirs() -> None:
    rows = [{"prompt": "Q", "completion": None}, PAIR]
    assert recognise(rows).name == "prompt_completion"
    with pytest.raises(UserError, match="fit no format") as caught:
        recognise([{"prompt": "Q", "response": "A"}])
    assert [change.value for change in caught.value.changes] == [
        {"prompt": "prompt", "completion": "response"}
    ]


@pytest.mark.parametrize("label", [True, "true", "FALSE"])
def test_a_label_true_or_false_is_a_judgement_also_as_text(label: Any) -> None:
    rows = [{**PAIR, "label": label}, {**PAIR, "label": True}]
    assert recognise(rows).name == recognise(rows[:1]).name == "kto"
    assert to_example(rows[0], 0, recognise(rows)).desirable is (str(label).lower() == "true")  # type: ignore[union-attr]


def test_a_label_that_is_neither_true_nor_false_makes_a_bad_row_among_judged_ones() -> None:
    rows = [{"prompt": "Q", "completion": "A", "label": label} for label in (True, False, "maybe")]
    format = recognise(rows)
    assert format.name == "kto"
    with pytest.raises(RowProblem, match="row 2: label is 'maybe', not true or false"):
        to_example(rows[2], 2, format)


def test_a_label_of_0_or_1_is_not_guessed() -> None:
    with pytest.raises(UserError, match="several formats: kto, prompt_completion"):
        recognise([{**PAIR, "label": 1}])
    assert to_example({**PAIR, "label": 1.0}, 0, recognise([{**PAIR, "label": 1.0}], "kto")).desirable  # type: ignore[union-attr]
    assert recognise([{**PAIR, "label": 3}]).name == "prompt_completion"


def test_a_row_that_lacks_a_value_is_a_bad_row_not_another_format() -> None:
    judged = [{**PAIR, "label": None}, {**PAIR, "label": True}]
    assert recognise(judged).name == "kto"
    with pytest.raises(RowProblem, match="is missing"):
        to_example(judged[0], 0, recognise(judged))
    assert recognise([{"messages": [USER, ANSWER]}, {"messages": None}]).name == "messages"


def test_a_forced_format_names_the_columns_it_misses() -> None:
    with pytest.raises(UserError, match=r"no column 'output'(.|\n)*columns found: instruction"):
        recognise([{"instruction": "Q"}], "alpaca")
    with pytest.raises(UserError, match="no column 'messages'"):
        recognise([{"text": "T"}], "messages")


def test_alpaca_rows_become_conversations_with_system_and_history() -> None:
    row = {"system": "S", "history": [["a", "b"]], "instruction": "Q", "input": "more", "output": "A"}
    assert example(row) == Conversation(
        [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "Q\nmore"},
            {"role": "assistant", "content": "A"},
        ]
    )
    assert example({"instruction": "Q", "input": "", "output": "A"}).messages == [USER, ANSWER]


def test_text_parts_are_joined_and_tool_arguments_decoded() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "7", "tool_call_id": "1"},
        ANSWER,
    ]
    read = example({"messages": messages}).messages
    assert read[0]["content"] == "ab"
    assert read[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}}],
    }
    assert read[2]["tool_call_id"] == "1"


def test_the_older_form_of_a_call_becomes_a_tool_call() -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": "q"},
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "f", "arguments": '{"x": 1}'},
                },
                {"role": "function", "name": "f", "content": "2"},
                {"role": "assistant", "content": "a", "function_call": None},
            ]
        }
    ]
    messages = to_example(rows[0], 0, recognise(rows)).messages
    assert messages[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}],
    }
    assert messages[2] == {"role": "tool", "name": "f", "content": "2"}
    assert messages[3] == {"role": "assistant", "content": "a"}


def test_sharegpt_function_calls_become_tool_calls() -> None:
    row = {
        "conversations": [
            {"from": "human", "value": "Q"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"x": 1}}'},
            {"from": "observation", "value": "7"},
            {"from": "gpt", "value": "A"},
        ],
        "tools": '[{"name": "f", "parameters": {}}]',
    }
    read = example(row)
    assert [message["role"] for message in read.messages] == ["user", "assistant", "tool", "assistant"]
    assert read.messages[1]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"x": 1}}
    assert read.tools == [{"type": "function", "function": {"name": "f", "parameters": {}}}]


def test_sharegpt_turns_may_have_the_names_of_roles() -> None:
    said = [("user", "Q"), ("assistant", "A"), ("human", "R"), ("gpt", "B")]
    row = {"conversations": [{"from": speaker, "value": text} for speaker, text in said]}
    found = example(row)
    assert isinstance(found, Conversation)
    assert [message["role"] for message in found.messages] == ["user", "assistant"] * 2


def test_a_prompt_and_a_completion_are_a_question_and_an_answer() -> None:
    assert example({"prompt": "Q", "completion": "A"}) == Conversation([USER, ANSWER], context=1, plain=True)
    turns = {"prompt": [USER, ANSWER, USER], "completion": [ANSWER]}
    assert example(turns) == Conversation([USER, ANSWER, USER, ANSWER], context=3)


def test_a_text_stays_as_it_is() -> None:
    assert example({"text": " T\n"}) == PlainText(" T\n")


BETTER, WORSE = ({"role": "assistant", "content": text} for text in ("better", "worse"))


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Q", "chosen": "better", "rejected": "worse"},
        {"prompt": [USER], "chosen": [BETTER], "rejected": [WORSE]},
        {"prompt": "Q", "chosen": [USER, BETTER], "rejected": [USER, WORSE]},
        {"chosen": [USER, BETTER], "rejected": [USER, WORSE], "messages": [USER, BETTER]},
        {"instruction": "Q", "input": "", "chosen": "better", "rejected": "worse"},
        {
            "conversations": [{"from": "human", "value": "Q"}],
            "chosen": {"from": "gpt", "value": "better"},
            "rejected": {"from": "gpt", "value": "worse"},
        },
    ],
)
def test_every_form_of_a_preference_is_two_answers_to_one_question(row: dict[str, Any]) -> None:
    # Where there is no chat template, texts can be joined as they are.
    plain = isinstance(row.get("prompt"), str) and isinstance(row["chosen"], str)
    chosen, rejected = (Conversation([USER, answer], context=1, plain=plain) for answer in (BETTER, WORSE))
    assert example(row) == Preference(chosen, rejected)


@pytest.mark.parametrize("label", [True, 1, "true"])
@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Q", "completion": "A"},
        {"instruction": "Q", "output": "A"},
        {"messages": [USER, ANSWER]},
        {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
    ],
)
def test_a_label_judges_the_last_answer_of_any_conversation(row: dict[str, Any], label: Any) -> None:
    judged = Conversation([USER, ANSWER], context=1, plain="prompt" in row)
    assert example({**row, "kto_tag": label}) == Feedback(judged, True)
    earlier = {"messages": [USER, ANSWER, USER, ANSWER], "label": False}
    assert example(earlier) == Feedback(Conversation([USER, ANSWER, USER, ANSWER], context=3), False)


def test_columns_of_other_names_are_read_where_they_are_named() -> None:
    row = {"question": "Q", "best": "A", "output": "not this"}
    assert recognise([row], columns={"instruction": "question", "output": "best"}) == RowFormat(
        "alpaca", {"instruction": "question", "output": "best"}
    )
    assert example(row, instruction="question", output="best").messages == [USER, ANSWER]
    with pytest.raises(RowProblem, match="row 0: best is missing"):
        to_example(
            {**row, "best": None}, 0, recognise([row], columns={"instruction": "question", "output": "best"})
        )
    with pytest.raises(UserError, match=r"no column 'answer'(.|\n)*output; columns found: question, best"):
        recognise([row], columns={"output": "answer"})


def test_turns_may_have_keys_and_speakers_of_their_own() -> None:
    tags = Tags("who", "says", {**ROLES, "me": "user", "bot": "assistant"})
    row = {"chat": [{"who": "me", "says": "Q"}, {"who": "bot", "says": "A"}]}
    found = recognise([row], columns={"messages": "chat"}, tags=tags)
    assert found.name == "sharegpt"
    assert to_example(row, 0, found) == Conversation([USER, ANSWER])


@pytest.mark.parametrize(("role", "content"), [("role", "content"), ("from", "value"), ("speaker", "text")])
def test_speakers_of_other_names_are_read_in_any_form_and_in_every_column(role: str, content: str) -> None:
    keys = {} if role != "speaker" else {"role": role, "content": content}
    tags = tags_from({**keys, "user": "Customer", "assistant": "Agent"})

    def turn(speaker: str, said: str) -> dict[str, Any]:
        return {role: speaker, content: said}

    asked, answer, worse = turn("Customer", "Q"), turn("Agent", "A"), turn("Agent", "B")
    judged = Preference(
        Conversation([USER, ANSWER], context=1),
        Conversation([USER, {"role": "assistant", "content": "B"}], context=1),
    )
    for row, expected in (
        ({"messages": [asked, answer]}, Conversation([USER, ANSWER])),
        ({"conversations": [asked], "chosen": answer, "rejected": worse}, judged),
        (
            {"prompt": json.dumps([asked]), "completion": json.dumps([answer])},
            Conversation([USER, ANSWER], context=1),
        ),
    ):
        assert to_example(row, 0, recognise([row], tags=tags)) == expected


@pytest.mark.parametrize(
    ("speaker", "fix"),
    [
        ("Customer", "data.tags, {user: Customer} or {assistant: Customer}, or"),
        ("User", "data.tags, {user: User}, or"),
        ("Observation", "data.tags, {observation: Observation}, or"),
    ],
)
def test_a_speaker_who_is_not_known_can_be_named(speaker: str, fix: str) -> None:
    row = {"messages": [{"role": speaker, "content": "Q"}, ANSWER]}
    with pytest.raises(RowProblem) as caught:
        example(row)
    assert fix in caught.value.fix


def test_turns_and_history_in_a_csv_file_are_json_text() -> None:
    assert example({"messages": json.dumps([USER, ANSWER])}) == Conversation([USER, ANSWER])
    asked = example({"instruction": "Q", "history": '[["Q", "A"]]', "output": "A"})
    assert asked.messages == [USER, ANSWER, USER, ANSWER]


def fields_of(row: dict[str, Any]) -> dict[str, str]:
    return {"messages" if column == "conversations" else column: column for column in row}


def turns(*said: tuple[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in said]}


@pytest.mark.parametrize(
    ("row", "format", "reason"),
    [
        ({"instruction": "Q", "output": ""}, "alpaca", "output is empty"),
        ({"instruction": "Q", "output": None}, "alpaca", "output is missing"),
        ({"instruction": "Q", "output": 3}, "alpaca", "output is of type int, not text"),
        ({"instruction": "Q", "output": "\ud800"}, "alpaca", "output is not valid Unicode"),
        (
            {"instruction": "Q", "output": "A", "history": ["a"]},
            "alpaca",
            "history is not a list of [question",
        ),
        (turns(("user", "Q")), "messages", "messages ends with user, not with an answer"),
        (turns(("user", "Q"), ("assistant", " ")), "messages", "messages turn 1 has no answer"),
        (turns(("user", "Q"), ("assistant", None)), "messages", "messages turn 1 content is missing"),
        (
            {
                "messages": [
                    {"role": "user", "content": "Q"},
                    {"role": "assistant", "content": "A", "weight": 0.5},
                ]
            },
            "messages",
            "turn 1 has the weight 0.5, not 0 or 1",
        ),
        (turns(("assistant", "A")), "messages", "turn 0 (assistant) comes first"),
        (turns(("user", "Q"), ("user", "Q"), ("assistant", "A")), "messages", "turn 1 (user) follows user"),
        (
            turns(("user", "Q"), ("assistant", "A"), ("system", "S")),
            "messages",
            "turn 2 (system) follows assistant",
        ),
        (
            turns(("bot", "Q")),
            "messages",
            "turn 0 has the role 'bot', not one of system, user, assistant, tool",
        ),
        (
            turns(("user", [{"type": "image"}]), ("assistant", "A")),
            "messages",
            "part of type image; only text",
        ),
        ({"messages": []}, "messages", "messages has no turns"),
        ({"messages": "Q"}, "messages", "messages is of type str, not a list of turns"),
        ({"messages": ["Q"]}, "messages", "turn 0 is of type str, not an object"),
        (
            {"conversations": [{"from": "me", "value": "Q"}]},
            "sharegpt",
            "turn 0 has the role 'me', not one of",
        ),
        ({"prompt": "Q", "completion": ""}, "prompt_completion", "completion is empty"),
        ({"prompt": None, "completion": "A"}, "prompt_completion", "prompt is missing"),
        ({"text": ""}, "text", "text is empty"),
        ({"text": "a\0b"}, "text", "text holds a NUL character at 1"),
        ({"instruction": " ", "output": "A"}, "alpaca", "instruction is empty"),
        ({"prompt": "", "completion": "A"}, "prompt_completion", "prompt is empty"),
        (turns(("user", ""), ("assistant", "A")), "messages", "messages turn 0 is empty"),
        ({"messages": [{"content": "Q"}]}, "messages", "turn 0 has no 'role'"),
        ({"messages": "[{"}, "messages", "messages is of type str, not a list of turns"),
        (
            {"messages": [USER, {"role": "assistant", "tool_calls": {"name": "f"}}]},
            "messages",
            "turn 1 has tool_calls that are no list",
        ),
        (
            {"conversations": [{"from": "function_call", "value": "f(x)"}]},
            "sharegpt",
            "turn 0 (function_call) is not valid JSON",
        ),
        ({"prompt": "Q", "chosen": "A", "rejected": "A"}, "preference", "rejected is the same as chosen"),
        ({"prompt": "Q", "chosen": "A", "rejected": ""}, "preference", "rejected is empty"),
        ({"chosen": "A", "rejected": "B"}, "preference", "chosen has no question before its answer"),
        (
            {"prompt": "P", "chosen": [USER, ANSWER], "rejected": "B"},
            "preference",
            "chosen does not answer prompt",
        ),
        (
            {"chosen": [USER, ANSWER], "rejected": [{"role": "user", "content": "R"}, ANSWER]},
            "preference",
            "chosen shares no question with rejected",
        ),
        ({"prompt": "Q", "completion": "A", "label": "good"}, "kto", "label is 'good', not true or false"),
        ({"prompt": "Q", "completion": "A", "label": None}, "kto", "label is missing"),
    ],
)
def test_a_row_that_cannot_be_trained_on_says_why(row: dict[str, Any], format: str, reason: str) -> None:
    with pytest.raises(RowProblem) as caught:
        to_example(row, 12, RowFormat(format, fields_of(row)))
    assert str(caught.value).startswith("row 12: ")
    assert reason in str(caught.value)


def test_a_turn_is_told_by_its_number_in_its_column() -> None:
    ask, empty = {"role": "user", "content": "Q"}, {"role": "assistant", "content": ""}
    answer = {"role": "assistant", "content": "A"}
    prompt = [ask, answer, ask]
    bad = [
        ({"prompt": prompt, "chosen": [empty], "rejected": [answer]}, "preference", "chosen turn 0 has no"),
        ({"prompt": prompt, "chosen": [answer], "rejected": [empty]}, "preference", "rejected turn 0 has no"),
        (
            {"prompt": prompt, "completion": [answer, ask, empty]},
            "prompt_completion",
            "completion turn 2 has",
        ),
        ({"prompt": [ask, empty, ask], "completion": "A"}, "prompt_completion", "prompt turn 1 has no"),
        ({"system": "S", "messages": [ask, empty]}, "messages", "messages turn 1 has no"),
        (
            {"system": "S", "history": [["Q", ""]], "instruction": "Q", "output": "A"},
            "alpaca",
            "history turn 1 has no",
        ),
    ]
    for row, format, reason in bad:
        with pytest.raises(RowProblem) as caught:
            to_example(row, 4, RowFormat(format, fields_of(row)))
        assert reason in str(caught.value)
        assert caught.value.turns[caught.value.turn or 0].text == ""


def test_numbers_as_answers_are_told_how_to_become_text() -> None:
    with pytest.raises(RowProblem) as caught:
        to_example(
            {"prompt": "1 + 1", "completion": 2},
            0,
            RowFormat("prompt_completion", fields_of({"prompt": "", "completion": 2})),
        )
    assert 'df["completion"] = df["completion"].astype(str)' in caught.value.fix


def test_all_problems_are_told_at_once_the_first_ten_by_row() -> None:
    with pytest.raises(UserError) as caught:
        raise_problems([RowProblem(row, "output", "is empty") for row in range(3, 15)], 100)
    assert caught.value.what.startswith("12 of 100 rows")
    assert "row 3: output is empty" in caught.value.where
    assert "row 12:" in caught.value.where
    assert "row 13:" not in caught.value.where
    assert "and 2 more" in caught.value.where


@pytest.mark.skipif(not SHARED.is_dir(), reason="the demo data sets are not here")
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("alpaca_en_demo.json", "alpaca"),
        ("identity.json", "alpaca"),
        ("c4_demo.jsonl", "text"),
        ("glaive_toolcall_en_demo.json", "sharegpt"),
        ("kto_en_demo.json", "kto"),
        ("dpo_en_demo.json", "preference"),
    ],
)
def test_every_row_of_real_data_sets_is_read(file: str, name: str) -> None:
    rows = read_rows(SHARED / file)
    found = recognise(rows)
    assert found.name == name
    for number, row in enumerate(rows):
        to_example(row, number, found)


def test_the_shapes_of_rows_are_recognised_as_all_rows_are_with_the_numbers_of_the_rows() -> None:
    rows = [{"prompt": "Q", "completion": "A", "note": None} for _ in range(50)]
    rows[7] = {"prompt": "Q", "completion": None, "note": None}
    shapes = shapes_of(rows)
    assert (shapes.count, shapes.columns, shapes.numbers) == (50, ["prompt", "completion", "note"], [0, 7])
    assert recognise(shapes.rows, numbers=shapes.numbers) == recognise(rows)
    mixed = [*rows, {"text": "Once."}, {"prompt": "Q", "completion": "A"}]
    shapes = shapes_of(mixed)
    told = []
    for given in ((mixed, None), (shapes.rows, shapes.numbers)):
        with pytest.raises(UserError) as caught:
            recognise(given[0], numbers=given[1])
        told.append((caught.value.what, caught.value.where))
    assert told[0] == told[1]
    assert "row 50 is text" in told[0][0]


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"Question": "Q", "answer": "A", "id": 1}, {"prompt": "Question", "completion": "answer"}),
        (
            {"instruction": "I", "context": "C", "response": "R", "category": "x"},
            {"instruction": "instruction", "input": "context", "output": "response"},
        ),
        ({"content": "Text.", "url": "x"}, {"text": "content"}),
    ],
)
def test_columns_with_names_that_are_usual_elsewhere_can_be_read_by_a_change(
    row: Row, columns: dict[str, str]
) -> None:
    with pytest.raises(UserError, match="fit no format") as caught:
        recognise([row])
    [change] = caught.value.changes
    assert (change.path, change.value) == (("columns",), columns)
    assert recognise([row], columns=columns).fields == columns


def test_columns_of_pictures_are_told_as_not_read() -> None:
    assert "images, audios is not read" in unread_media(["messages", "images", "audios"])
    assert unread_media(["messages"]) == ""


def test_one_column_is_not_read_as_two_fields() -> None:
    with pytest.raises(UserError, match="The column 'a' is read as prompt and as completion") as found:
        recognise([{"a": "Hi", "b": "Hello"}], "prompt_completion", {"prompt": "a", "completion": "a"})
    assert [change.path for change in found.value.changes] == [("columns", "completion")]


def test_what_is_null_is_named_among_the_columns_found() -> None:
    with pytest.raises(UserError, match=r"completion \(null\)"):
        recognise([{"prompt": "a", "completion": None}])


def test_only_what_is_read_of_a_preference_is_named() -> None:
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    row = {
        "prompt": "Q",
        "chosen": turns,
        "rejected": [*turns[:1], {**turns[1], "content": "B"}],
        "messages": turns,
    }
    assert recognise([row]).columns == ["chosen", "rejected", "prompt"]
    assert "messages" in recognise([row, {**row, "prompt": None}]).columns
    assert "messages" in recognise([row], columns={"messages": "messages"}).columns


def test_an_answer_of_weight_0_is_not_learned_in_sharegpt_form_either() -> None:
    talk = [{"from": "human", "value": "Q"}, {"from": "chatgpt", "value": "A", "weight": 0}]
    rows = [{"conversations": [*talk, {"from": "human", "value": "R"}, {"from": "gpt", "value": "B"}]}]
    conversation = to_example(rows[0], 0, recognise(rows))
    assert isinstance(conversation, Conversation)
    assert [turn["role"] for turn in conversation.messages] == ["user", "assistant", "user", "assistant"]
    assert [is_learned(turn) for turn in conversation.messages if turn["role"] == "assistant"] == [
        False,
        True,
    ]
