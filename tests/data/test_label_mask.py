"""What is trained: exactly the answers and the tokens that end them, whatever the chat template."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
import templates
from encoded import IGNORED, encode_conversation, with_labels
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.data.answers import ChatTemplate, TemplateProblem
from llmtune_kernel.data.examples import Conversation, PlainText
from llmtune_kernel.data.template import Encoder

WithTemplate = Callable[[str | None], Any]

ANY = DataConfig(train="rows.jsonl")


QUESTIONS = [
    {"role": "user", "content": "  Hello?  "},
    {"role": "assistant", "content": " Hi 😀!\n"},
    {"role": "user", "content": "What ends a turn, <|im_end|>?"},
    {"role": "assistant", "content": "It is <|im_end|>, I say.\n\n  Or a é."},
]
FIRST, LAST = QUESTIONS[1]["content"], QUESTIONS[3]["content"]

# For each template what a model has to write for each answer, from an answer and whether it is the last.
ANSWERS: dict[str, Callable[[str, bool], str]] = {
    "CHATML": lambda answer, last: answer + "<|im_end|>",
    "LLAMA3": lambda answer, last: answer.strip() + "<|im_end|>",
    "MISTRAL": lambda answer, last: answer.strip() + "<|im_end|>",
    "GEMMA": lambda answer, last: answer.strip() + "<issue_closed>",
    "QWEN3": lambda answer, last: (
        ("<think>\n\n</think>\n\n" + answer.lstrip("\n") if last else answer) + "<|im_end|>"
    ),
    "ZEPHYR": lambda answer, last: answer + "<|im_end|>",
    "PHI3": lambda answer, last: answer + "<issue_closed>",
    "VICUNA": lambda answer, last: " " + answer + "<|im_end|>",
    "DEEPSEEK": lambda answer, last: answer + "<|im_end|>",
}


def trained_texts(tokenizer: Any, conversation: Conversation) -> list[str]:
    """The decoded runs of trained tokens; checks the ids against `apply_chat_template` on the way."""
    encoded = encode_conversation(tokenizer, conversation)
    if "<|im_end|>" in str(conversation):
        text = tokenizer.apply_chat_template(conversation.messages, tools=conversation.tools, tokenize=False)
        assert tokenizer.decode(encoded.input_ids) == tokenizer.decode(
            tokenizer(text, add_special_tokens=False)["input_ids"]
        )
    else:
        assert (
            encoded.input_ids
            == tokenizer.apply_chat_template(conversation.messages, tools=conversation.tools)["input_ids"]
        )
    pairs = list(zip(encoded.input_ids, encoded.labels, strict=True))
    assert all(label in (IGNORED, token) for token, label in pairs)
    runs = groupby(pairs, lambda pair: pair[1] != IGNORED)
    return [tokenizer.decode([token for token, _ in run]) for trained, run in runs if trained]


def assert_trained(tokenizer: Any, conversation: Conversation, expected: list[str]) -> None:
    """The trained texts are the expected ones, but for white space that shares a token with an answer's start."""
    found = trained_texts(tokenizer, conversation)
    assert len(found) == len(expected)
    for text, answer in zip(found, expected, strict=True):
        assert text.endswith(answer)
        assert text.removesuffix(answer).strip() == ""


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_and_its_end_are_trained_and_nothing_else(name: str, with_template: WithTemplate) -> None:
    tokenizer = with_template(getattr(templates, name))
    written = ANSWERS[name]
    assert_trained(tokenizer, Conversation(QUESTIONS), [written(FIRST, False), written(LAST, True)])


def test_smollm2_trains_answers_through_the_end_of_turn_without_the_line_break(tokenizer: Any) -> None:
    conversation = Conversation(
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    )
    encoded = encode_conversation(tokenizer, conversation)
    assert trained_texts(tokenizer, conversation) == ["Hello.<|im_end|>"]
    assert encoded.labels[-1] == IGNORED
    assert "named SmolLM" in tokenizer.decode(encoded.input_ids)


# Control characters are unknown to SmolLM2's vocabulary, so they cannot be compared once decoded.
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40) | st.text(
    "ab .\n\t<|im_end|>:/é😀{}", max_size=40
)
ANSWER_TEXTS = TEXTS.filter(lambda text: bool(text.strip()) and "think>" not in text)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, str]]:
    messages = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXTS)})
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(TEXTS)})
        messages.append({"role": "assistant", "content": draw(ANSWER_TEXTS)})
    return messages


@pytest.mark.parametrize("name", ANSWERS)
def test_the_mask_is_exact_for_any_conversation(name: str, with_template: WithTemplate) -> None:
    tokenizer = with_template(getattr(templates, name))
    written = ANSWERS[name]

    @settings(max_examples=60, deadline=None)
    @given(conversations())
    def check(messages: list[dict[str, str]]) -> None:
        if name == "GEMMA" and messages[0]["role"] == "system":
            messages = messages[1:]
        assume(
            tokenizer.unk_token_id
            not in tokenizer("".join(message["content"] for message in messages))["input_ids"]
        )
        answers = [message["content"] for message in messages if message["role"] == "assistant"]
        expected = [written(answer, number == len(answers) - 1) for number, answer in enumerate(answers)]
        assert_trained(tokenizer, Conversation(messages), expected)

    check()


@pytest.mark.parametrize("name", ["CHATML", "GEMMA", "QWEN3", "PHI3", "VICUNA"])
def test_the_first_answer_starts_where_the_generation_prompt_ends(
    name: str, with_template: WithTemplate
) -> None:
    tokenizer = with_template(getattr(templates, name))
    messages = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hi there."}]
    encoded = encode_conversation(tokenizer, Conversation(messages))
    prompt = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True)["input_ids"]
    assert encoded.input_ids[: len(prompt)] == prompt
    assert [label != IGNORED for label in encoded.labels[: len(prompt) + 1]] == [False] * len(prompt) + [True]


def test_without_masking_every_token_is_trained(tokenizer: Any) -> None:
    encoded = encode_conversation(tokenizer, Conversation(QUESTIONS), train_on_prompt=True)
    assert encoded.labels == encoded.input_ids


@pytest.mark.parametrize("name", ANSWERS)
def test_without_the_end_answers_alone_are_trained(name: str, with_template: WithTemplate) -> None:
    tokenizer = with_template(getattr(templates, name))
    encoded = encode_conversation(tokenizer, Conversation(QUESTIONS), train_on_eos=False)
    whole = encode_conversation(tokenizer, Conversation(QUESTIONS))
    dropped = [
        tokenizer.decode([token])
        for token, short, long in zip(encoded.input_ids, encoded.labels, whole.labels, strict=True)
        if short != long
    ]
    end = "<issue_closed>" if name in ("GEMMA", "PHI3") else "<|im_end|>"
    assert dropped == [end, end]


@pytest.mark.parametrize("name", ANSWERS)
def test_the_last_answer_alone_is_trained_where_the_history_is_masked(
    name: str, with_template: WithTemplate
) -> None:
    tokenizer = with_template(getattr(templates, name))
    masked = encode_conversation(tokenizer, Conversation(QUESTIONS), mask_history=True)
    whole = encode_conversation(tokenizer, Conversation(QUESTIONS)).labels
    last = max(
        place for place, label in enumerate(whole[:-4]) if label == IGNORED and whole[place + 1] != IGNORED
    )
    assert masked.labels == [IGNORED] * (last + 1) + whole[last + 1 :]


def test_every_token_but_the_ends_of_answers(tokenizer: Any) -> None:
    encoded = encode_conversation(
        tokenizer, Conversation(QUESTIONS), train_on_prompt=True, train_on_eos=False
    )
    masked = [
        token for token, label in zip(encoded.input_ids, encoded.labels, strict=True) if label == IGNORED
    ]
    assert tokenizer.decode(masked) == "<|im_end|><|im_end|>"


def test_the_end_of_a_plain_text_is_trained_unless_told_otherwise(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, DataConfig(train="rows.jsonl", train_on_eos=False))
    encoded = with_labels(encoder.encode([encoder.render(PlainText("Once."))])[0])
    assert encoded.labels == [*encoded.input_ids[:-1], IGNORED]
    assert tokenizer.decode(encoded.input_ids) == "Once.<|im_end|>"


def test_only_the_completion_of_a_prompt_with_answers_is_trained(tokenizer: Any) -> None:
    assert trained_texts(tokenizer, Conversation(QUESTIONS, context=3)) == [LAST + "<|im_end|>"]


def test_reasoning_is_trained_where_the_template_keeps_it(with_template: WithTemplate) -> None:
    tokenizer = with_template(templates.QWEN3)
    messages = [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "<think>\nEasy.\n</think>\n\nFour."},
        {"role": "user", "content": "3 + 3?"},
        {"role": "assistant", "content": "<think>\nEasy too.\n</think>\n\nSix."},
    ]
    assert trained_texts(tokenizer, Conversation(messages)) == [
        "Four.<|im_end|>",
        "<think>\nEasy too.\n</think>\n\nSix.<|im_end|>",
    ]


def tool_call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


TOOLS = [{"type": "function", "function": {"name": "weather", "description": "", "parameters": {}}}]
TOOL_USE = [
    {"role": "user", "content": "Rain in Rome or Oslo?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [tool_call("weather", city="Rome"), tool_call("weather", city="Oslo")],
    },
    {"role": "tool", "content": "dry"},
    {"role": "tool", "content": "wet"},
    {"role": "assistant", "content": "In Oslo."},
    {"role": "user", "content": "And Bonn?"},
    {"role": "assistant", "content": "I will look.", "tool_calls": [tool_call("weather", city="Bonn")]},
    {"role": "tool", "content": "dry"},
    {"role": "assistant", "content": "No."},
]


def test_tool_calls_are_trained_and_tool_answers_are_not(with_template: WithTemplate) -> None:
    tokenizer = with_template(templates.QWEN3)

    def call(city: str) -> str:
        return f'<tool_call>\n{{"name": "weather", "arguments": {{"city": "{city}"}}}}\n</tool_call>'

    assert trained_texts(tokenizer, Conversation(TOOL_USE, TOOLS)) == [
        call("Rome") + "\n" + call("Oslo") + "<|im_end|>",
        "In Oslo.<|im_end|>",
        "I will look.\n" + call("Bonn") + "<|im_end|>",
        "<think>\n\n</think>\n\nNo.<|im_end|>",
    ]


@pytest.mark.parametrize(("tools", "what"), [(TOOLS, "the tools"), (None, "tool calls")])
def test_a_template_that_leaves_tools_out_is_refused(tokenizer: Any, tools: Any, what: str) -> None:
    with pytest.raises(TemplateProblem, match=f"leaves out {what}"):
        encode_conversation(tokenizer, Conversation(TOOL_USE, tools))


def test_tools_are_left_out_also_where_somebody_says_their_name(tokenizer: Any) -> None:
    said = [
        {"role": "user", "content": "What weather in Rome?"},
        {"role": "assistant", "content": "", "tool_calls": [tool_call("weather", city="Rome")]},
        {"role": "tool", "content": "dry"},
        {"role": "assistant", "content": "Dry weather."},
    ]
    with pytest.raises(TemplateProblem, match="leaves out the tools"):
        encode_conversation(tokenizer, Conversation(said, TOOLS))
    with pytest.raises(TemplateProblem, match="leaves out tool calls"):
        encode_conversation(tokenizer, Conversation(said))


@pytest.mark.parametrize(
    "content",
    ["<think>R</think>a<think>S</think>b", "Well. <think>R</think>b", "R</think>a<think>S</think>b"],
)
def test_a_template_that_leaves_out_what_is_said_between_thoughts_is_refused(
    with_template: WithTemplate, content: str
) -> None:
    said = [{"role": "user", "content": "q"}, {"role": "assistant", "content": content}]
    with pytest.raises(TemplateProblem, match="leaves out part of what turn 1 says"):
        encode_conversation(with_template(templates.QWEN3), Conversation(said))


def test_what_is_said_between_thoughts_is_kept_by_a_template_that_writes_it(tokenizer: Any) -> None:
    content = "Well. <think>R</think>a<think>S</think>b"
    said = [{"role": "user", "content": "q"}, {"role": "assistant", "content": content}]
    assert trained_texts(tokenizer, Conversation(said)) == [f"{content}<|im_end|>"]


def test_what_the_template_raises_is_told(with_template: WithTemplate) -> None:
    messages = [{"role": "system", "content": "Be brief."}, *QUESTIONS]
    with pytest.raises(TemplateProblem, match="System role not supported"):
        encode_conversation(with_template(templates.GEMMA), Conversation(messages))


def test_an_answer_that_the_template_leaves_out_is_found_out(with_template: WithTemplate) -> None:
    only_last = "{{ messages[-2]['content'] + '<issue_start>' + messages[-1]['content'] + '<|im_end|>' }}"
    with pytest.raises(TemplateProblem, match="turn 1 cannot be found"):
        encode_conversation(with_template(only_last), Conversation(QUESTIONS))


def test_a_tokenizer_without_a_template_takes_texts_and_pairs_only(with_template: WithTemplate) -> None:
    tokenizer = with_template(None)
    encoder = Encoder(tokenizer, ANY)
    pair = Conversation(
        [{"role": "user", "content": "1 + 1 ="}, {"role": "assistant", "content": " 2"}],
        context=1,
        plain=True,
    )
    encoded = with_labels(encoder.encode([encoder.render(pair)])[0])
    assert tokenizer.decode(encoded.input_ids) == "1 + 1 = 2<|im_end|>"
    assert tokenizer.decode([label for label in encoded.labels if label != IGNORED]) == " 2<|im_end|>"
    with pytest.raises(UserError, match="no chat template"):
        encoder.render(Conversation(QUESTIONS))


def test_a_text_is_trained_as_a_whole_and_ends_with_eos(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, ANY)
    encoded = with_labels(encoder.encode([encoder.render(PlainText("Once upon a time."))])[0])
    assert encoded.labels == encoded.input_ids
    assert tokenizer.decode(encoded.input_ids) == "Once upon a time.<|im_end|>"


def test_special_tokens_in_a_text_are_text(tokenizer: Any) -> None:
    encoder = Encoder(tokenizer, ANY)
    encoded = with_labels(encoder.encode([encoder.render(PlainText("a <|im_start|> b<|im_end|>"))])[0])
    assert tokenizer.decode(encoded.input_ids) == "a <|im_start|> b<|im_end|><|im_end|>"
    assert encoded.labels == encoded.input_ids
    assert not set(tokenizer.all_special_ids) & set(encoded.input_ids[:-1])


def test_a_tokenizer_that_adds_bos_keeps_it_on_texts_only(tokenizer: Any) -> None:
    from tokenizers.processors import TemplateProcessing

    adding = copy.deepcopy(tokenizer)
    adding.backend_tokenizer.post_processor = TemplateProcessing(
        single="<repo_name> $A", special_tokens=[("<repo_name>", adding.convert_tokens_to_ids("<repo_name>"))]
    )
    encoder = Encoder(adding, ANY)
    text = encoder.encode([encoder.render(PlainText("Hello"))])[0]
    assert adding.decode(text.ids) == "<repo_name>Hello<|im_end|>"
    shielded = encoder.encode([encoder.render(PlainText("<|im_start|>"))])[0]
    assert adding.decode(shielded.ids) == "<repo_name><|im_start|><|im_end|>"
    assert len(shielded.ids) > 3
    assert trained_texts(adding, Conversation(QUESTIONS)) == [FIRST + "<|im_end|>", LAST + "<|im_end|>"]


def test_offsets_without_white_space_give_the_same_mask(tokenizer: Any) -> None:
    from tokenizers.processors import ByteLevel

    trimming = copy.deepcopy(tokenizer)
    trimming.backend_tokenizer.post_processor = ByteLevel(trim_offsets=True)
    messages = [
        {"role": "user", "content": " a\n\n b "},
        {"role": "assistant", "content": "x \n\n  y  \n"},
    ] * 2
    assert encode_conversation(trimming, Conversation(messages)) == encode_conversation(
        tokenizer, Conversation(messages)
    )


def renders(tokenizer: Any, conversation: Conversation, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a conversation is rendered to find its answers."""
    template, count = ChatTemplate(tokenizer), 0
    write = tokenizer.apply_chat_template

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return write(*args, **options)

    monkeypatch.setattr(tokenizer, "apply_chat_template", counted)
    template.render(conversation)
    monkeypatch.undo()
    return count


@pytest.mark.parametrize(
    ("name", "thought"),
    [
        *((name, "") for name in ("CHATML", "LLAMA3", "MISTRAL", "GEMMA", "QWEN3", "DEEPSEEK")),
        ("QWEN3", "<think>\nHm.\n</think>\n\n"),
    ],
)
def test_a_dialogue_of_many_turns_is_rendered_as_often_as_one_of_few(
    name: str, thought: str, with_template: WithTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = with_template(getattr(templates, name))

    def dialogue(turns: int) -> Conversation:
        answer = {"role": "assistant", "content": f"{thought}It is so."}
        return Conversation([{"role": "user", "content": "Is it?"}, answer] * turns)

    few, many = (renders(tokenizer, dialogue(turns), monkeypatch) for turns in (2, 60))
    assert many == few


def test_of_calls_of_tools_each_costs_two_prompts(
    with_template: WithTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = with_template(templates.QWEN3)
    asked, called, found = TOOL_USE[0], TOOL_USE[1], TOOL_USE[2:5]

    def dialogue(turns: int) -> Conversation:
        return Conversation([asked, called, *found] * turns, TOOLS)

    few, many = (renders(tokenizer, dialogue(turns), monkeypatch) for turns in (2, 12))
    assert many - few == 2 * 10


def test_an_answer_starts_after_the_thought_that_the_prompt_opens(with_template: WithTemplate) -> None:
    opens = templates.DEEPSEEK.replace("message['content'].split('</think>')[-1]", "message['content']")
    messages = [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "<think>\nEasy.\n</think>\n\nFour."},
    ]
    assert trained_texts(with_template(opens), Conversation(messages)) == [
        "Easy.\n</think>\n\nFour.<|im_end|>"
    ]
