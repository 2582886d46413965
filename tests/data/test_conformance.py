"""With real tokenizers of several families: the ids of the chat template, and labels exactly on the answers."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.encoding import encode_rows
from llmtune_kernel.data.sequences import TokenSequence

Turns = list[tuple[str, str]]

SAID = (
    "How deep is it?",
    "  Two fathoms,\n\nor three.  ",
    "日本語と emoji 🚢⚓ mixed",
    "x = [i**2 for i in range(10)]  # done",
    "Ça va? Да. 안녕하세요.",
    "<b>&amp;</b> \\n \t tab",
    "1 234,56 € = 12'345",
    "…",
)


def turns(count: int, system: bool) -> Turns:
    """A conversation of `count` questions and answers."""
    said = itertools.cycle(SAID)
    first = [("system", "Answer like a captain.")] if system else []
    return first + [(role, next(said)) for _ in range(count) for role in ("user", "assistant")]


def as_messages(conversation: Turns) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in conversation]


def in_formats(conversation: Turns) -> dict[str, dict[str, Any]]:
    """The same conversation in each row format."""
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    (first_role, first), *_ = conversation
    system = {"system": first} if first_role == "system" else {}
    said = [text for role, text in conversation if role != "system"]
    pairs = [said[place : place + 2] for place in range(0, len(said), 2)]
    return {
        "messages": {"messages": as_messages(conversation)},
        "sharegpt": {"conversations": [{"from": names[role], "value": text} for role, text in conversation]},
        "alpaca": {"instruction": said[-2], "output": said[-1], "history": pairs[:-1], **system},
        "prompt_completion": {
            "prompt": as_messages(conversation[:-1]),
            "completion": as_messages(conversation[-1:]),
        },
    }


def encoded(row: dict[str, Any], tokenizer: Any, **options: Any) -> TokenSequence:
    [sequence] = encode_rows([row], tokenizer, DataConfig(train="x", max_length=8192, **options)).example(0)
    return sequence


def expected_ids(conversation: Turns, tokenizer: Any) -> list[int]:
    ids: list[int] = tokenizer.apply_chat_template(as_messages(conversation), return_dict=True)["input_ids"]
    return ids


def learned(sequence: TokenSequence, tokenizer: Any) -> list[str]:
    """The texts of the runs of learned tokens, without space around answers and what a template adds to reason."""
    runs = itertools.groupby(zip(sequence.ids, sequence.trained, strict=True), key=lambda pair: pair[1])
    texts = [tokenizer.decode([token for token, _ in run]) for trained, run in runs if trained]
    answers = [text.replace("<think>\n\n</think>\n\n", "").strip() for text in texts]
    return [re.sub(rf"\s+(?={re.escape(tokenizer.eos_token)}$)", "", text) for text in answers]


def said_by_assistant(conversation: Turns, tokenizer: Any, answers: slice = slice(None)) -> list[str]:
    end = tokenizer.eos_token
    said = [text.strip() + end for role, text in conversation if role == "assistant"]
    return said[answers]


@pytest.mark.parametrize("system", [False, True], ids=["", "system"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_ids_are_those_of_the_chat_template_in_every_format_and_labels_are_the_answers(
    real: Any, count: int, system: bool
) -> None:
    conversation = turns(count, system)
    for name, row in in_formats(conversation).items():
        sequence = encoded(row, real)
        assert sequence.ids.tolist() == expected_ids(conversation, real), name
        last_only = name == "prompt_completion"
        answers = slice(-1, None) if last_only else slice(None)
        assert learned(sequence, real) == said_by_assistant(conversation, real, answers), name


def test_only_the_last_answer_and_not_its_end_where_that_is_asked(real: Any) -> None:
    conversation = turns(3, system=False)
    row = {"messages": as_messages(conversation)}
    [last] = learned(encoded(row, real, mask_history=True, train_on_eos=False), real)
    assert last == conversation[-1][1].strip()


CONTENT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Co", "Cn"]) | st.sampled_from("\n\t "),
    min_size=1,
    max_size=40,
).filter(lambda text: text.strip() and "<" not in text and "[" not in text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CONTENT, CONTENT), min_size=1, max_size=3))
def test_of_any_conversation_the_learned_tokens_are_all_of_the_answers_and_nothing_else(
    real: Any, pairs: list[tuple[str, str]]
) -> None:
    conversation = [turn for ask, say in pairs for turn in (("user", ask), ("assistant", say))]
    sequence = encoded({"messages": as_messages(conversation)}, real)
    assert sequence.ids.tolist() == expected_ids(conversation, real)
    ends = sum(token == real.eos_token_id for token in sequence.ids[sequence.trained])
    assert ends == len(pairs)
    # What is learned decodes to the answers; what is not holds none of the questions' neighbours.
    runs = learned(sequence, real)
    assert len(runs) == len(pairs)
    for run, (_ask, say) in zip(runs, pairs, strict=True):
        alone = real.decode(real(say.strip(), add_special_tokens=False)["input_ids"]).strip()
        assert run.removesuffix(real.eos_token).strip() == alone
