"""From a row to what it teaches, by its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmtune_kernel.data.examples import Conversation, Example, Feedback, Message, PlainText, Preference
from llmtune_kernel.data.formats import Row, RowFormat
from llmtune_kernel.data.problems import RowProblem, check_text
from llmtune_kernel.data.tool_calls import read_tools
from llmtune_kernel.data.turns import OPENAI, Part, alternating, as_found, read_turns, turns_or_text, unpacked
from llmtune_kernel.locale import _

_TRUE = (True, 1, "true", "1")
_FALSE = (False, 0, "false", "0")
# What may ask for the two answers of a preference: the first that a row has.
QUESTIONS = ("prompt", "instruction", "messages")


def to_example(row: Row, number: int, format: RowFormat) -> Example:
    """Read row `number` (from 0).

    Raises:
        RowProblem: the row has no answer, or a value that its format does not allow.
    """
    return READERS[format.name](row, number, format)


def _read_alpaca(row: Row, number: int, format: RowFormat) -> Conversation:
    asked = _asked(row, number, format)
    answered = _answer_text(format.value(row, "output"), number, format.column("output"))
    parts = [*_parts(asked, row, format), Part(format.column("output"), len(answered))]
    return Conversation(alternating([*asked, *answered], number, parts), _tools(row, number, format))


def _read_messages(row: Row, number: int, format: RowFormat) -> Conversation:
    messages = _turns(row, number, format)
    alternating(messages, number, _parts(messages, row, format))
    return Conversation(messages, _tools(row, number, format))


def _read_prompt_completion(row: Row, number: int, format: RowFormat) -> Conversation:
    prompt, completion = (_turns_or_text(row, format, field) for field in ("prompt", "completion"))
    asked = _prompt(row, number, format)
    answered = _answer(row, number, format, "completion")
    plain = isinstance(prompt, str) and isinstance(completion, str) and len(asked) == 1
    parts = [*_parts(asked, row, format), Part(format.column("completion"), len(answered))]
    messages = alternating([*asked, *answered], number, parts)
    return Conversation(messages, _tools(row, number, format), context=len(asked), plain=plain)


def _read_text(row: Row, number: int, format: RowFormat) -> PlainText:
    return _text(row, number, format, "text")


def _read_preference(row: Row, number: int, format: RowFormat) -> Preference:
    asked = _context(row, number, format)
    tools = _tools(row, number, format)
    sides = [_side(row, number, format, field, asked) for field in ("chosen", "rejected")]
    shared = _shared(*sides)
    if all(len(side) == shared for side in sides):
        turns = [as_found(turn, OPENAI) for turn in sides[1]]
        raise _same_sides(number, format).at(turns, len(turns) - 1)
    if shared == 0:
        raise RowProblem(
            number,
            format.column("chosen"),
            _("shares no question with {rejected}", rejected=format.column("rejected")),
        )
    values = [_turns_or_text(row, format, field) for field in ("prompt", "chosen", "rejected")]
    texts = all(isinstance(value, str) for value in values)
    plain = texts and len(asked) == 1
    chosen, rejected = (Conversation(side, tools, context=shared, plain=plain) for side in sides)
    return Preference(chosen, rejected)


def _read_reward(row: Row, number: int, format: RowFormat) -> Preference:
    texts = [_turns_or_text(row, format, field) for field in ("chosen", "rejected")]
    if any(format.value(row, field) is not None for field in QUESTIONS) or not all(
        isinstance(text, str) for text in texts
    ):
        return _read_preference(row, number, format)
    # Each is a whole dialogue, with its question.
    chosen, rejected = (_text(row, number, format, field) for field in ("chosen", "rejected"))
    if chosen == rejected:
        raise _same_sides(number, format)
    return Preference(chosen, rejected)


def _read_kto(row: Row, number: int, format: RowFormat) -> Feedback:
    label = format.value(row, "label")
    column = format.column("label")
    if label is None:
        raise RowProblem(number, column, _("is missing"))
    said = label.lower() if isinstance(label, str) else label
    desirable = isinstance(said, bool | int | float | str) and said in _TRUE
    if not desirable and not (isinstance(said, bool | int | float | str) and said in _FALSE):
        raise RowProblem(number, column, _("is {label!r}, not true or false", label=label))
    if "completion" in format.fields:
        read = _read_prompt_completion(row, number, format)
    elif "output" in format.fields:
        read = _read_alpaca(row, number, format)
    else:
        read = _read_messages(row, number, format)
    # Judged is what was said last: an answer, with the calls of tools that led to it.
    asked = max(place for place, turn in enumerate(read.messages) if turn["role"] == "user")
    return Feedback(replace(read, context=asked + 1), desirable)


def _read_prompt(row: Row, number: int, format: RowFormat) -> Conversation:
    column = format.column("prompt")
    asked = _prompt(row, number, format)
    if not asked or asked[-1]["role"] not in ("user", "tool"):
        raise RowProblem(number, column, _("does not end with a question"), kind="order")
    answer = {"role": "assistant", "content": "?"}  # as there will be one
    alternating([*asked, answer], number, [*_parts(asked, row, format), Part(column, 1)])
    return Conversation(asked, _tools(row, number, format), context=len(asked))


def _text(row: Row, number: int, format: RowFormat, field: str) -> PlainText:
    text = check_text(format.value(row, field), number, format.column(field))
    if not text.strip():
        raise RowProblem(number, format.column(field), _("is empty"), kind="empty")
    return PlainText(text)


def _same_sides(number: int, format: RowFormat) -> RowProblem:
    said = _("is the same as {chosen}", chosen=format.column("chosen"))
    return RowProblem(number, format.column("rejected"), said)


def _side(row: Row, number: int, format: RowFormat, field: str, asked: list[Message]) -> list[Message]:
    """One of the two conversations of a preference, from its first turn."""
    column = format.column(field)
    answer = _answer(row, number, format, field)
    if not answer:
        raise RowProblem(number, column, _("has no turns"), kind="empty")
    if answer[0]["role"] not in ("assistant", "tool"):
        # It brings its own question.
        if asked and asked[-1]["role"] == "user" and asked[-1] not in answer:
            raise RowProblem(number, column, _("does not answer {prompt}", prompt=_prompt_column(format)))
        return alternating(answer, number, [Part(column, len(answer))])
    if not asked:
        fix = _(
            "Name the column of the question (data.columns: prompt), or, if each is a whole dialogue, set "
            "format: reward."
        )
        raise RowProblem(number, column, _("has no question before its answer"), fix)
    parts = [*_parts(asked, row, format), Part(column, len(answer))]
    return alternating([*asked, *answer], number, parts)


def _shared(chosen: list[Message], rejected: list[Message]) -> int:
    shared = 0
    for one, other in zip(chosen, rejected, strict=False):
        if one != other:
            break
        shared += 1
    return shared


def _context(row: Row, number: int, format: RowFormat) -> list[Message]:
    """What a preference is about: the turns before its answers; empty if its columns say nothing of it."""
    if format.value(row, "prompt") is not None:
        return _prompt(row, number, format)
    if format.value(row, "instruction") is not None:
        return _asked(row, number, format)
    return _turns(row, number, format) if format.value(row, "messages") is not None else []


def _prompt_column(format: RowFormat) -> str:
    return next(format.column(field) for field in QUESTIONS if field in format.fields)


def _parts(asked: list[Message], row: Row, format: RowFormat) -> list[Part]:
    """The columns that the turns of a question, or of a whole conversation, are from."""
    system = Part(format.column("system"), int(format.value(row, "system") not in (None, "")))
    question = next(field for field in QUESTIONS if format.value(row, field) is not None)
    turns = len(asked) - system.turns
    if question != "instruction":
        return [system, Part(format.column(question), turns)]
    return [system, Part(format.column("history"), turns - 1), Part(format.column("instruction"), 1)]


def _asked(row: Row, number: int, format: RowFormat) -> list[Message]:
    """The turns before the answer of a row with an instruction."""
    messages: list[Message] = []
    column = format.column("history")
    history = unpacked(format.value(row, "history")) or []
    for pair in history if isinstance(history, list) else [history]:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise RowProblem(number, column, _("is not a list of [question, answer] pairs"))
        for role, text in zip(("user", "assistant"), pair, strict=True):
            place = _("turn {number} content", number=len(messages))
            messages.append({"role": role, "content": check_text(text, number, column, place)})
    column = format.column("instruction")
    question = check_text(format.value(row, "instruction"), number, column)
    more = format.value(row, "input")
    if more is not None and more != "":
        question = "\n".join(filter(None, (question, check_text(more, number, format.column("input")))))
    if not question.strip():
        raise RowProblem(number, column, _("is empty"))
    messages.append({"role": "user", "content": question})
    return _with_system(messages, row, number, format)


def _prompt(row: Row, number: int, format: RowFormat) -> list[Message]:
    prompt, column = _turns_or_text(row, format, "prompt"), format.column("prompt")
    if isinstance(prompt, list):
        asked = read_turns(prompt, number, column, format.tags)
    else:
        asked = [{"role": "user", "content": check_text(prompt, number, column)}]
        if not prompt.strip():
            raise RowProblem(number, column, _("is empty"))
    return _with_system(asked, row, number, format)


def _turns(row: Row, number: int, format: RowFormat) -> list[Message]:
    messages = read_turns(format.value(row, "messages"), number, format.column("messages"), format.tags)
    return _with_system(messages, row, number, format)


def _turns_or_text(row: Row, format: RowFormat, field: str) -> Any:
    return turns_or_text(format.value(row, field), format.tags)


def _answer(row: Row, number: int, format: RowFormat, field: str) -> list[Message]:
    """The turns of an answer: a text, a turn, or a list of turns."""
    value, column = _turns_or_text(row, format, field), format.column(field)
    if isinstance(value, list | dict):
        return read_turns(value if isinstance(value, list) else [value], number, column, format.tags)
    return _answer_text(value, number, column)


def _answer_text(value: Any, number: int, column: str) -> list[Message]:
    answer = check_text(value, number, column)
    if not answer.strip():
        raise RowProblem(number, column, _("is empty"), kind="empty")
    return [{"role": "assistant", "content": answer}]


def _with_system(messages: list[Message], row: Row, number: int, format: RowFormat) -> list[Message]:
    system, column = format.value(row, "system"), format.column("system")
    if system is None or system == "":
        return messages
    if messages and messages[0]["role"] == "system":
        raise RowProblem(number, column, _("is given, and the conversation starts with a system turn too"))
    return [{"role": "system", "content": check_text(system, number, column)}, *messages]


def _tools(row: Row, number: int, format: RowFormat) -> list[dict[str, Any]] | None:
    return read_tools(format.value(row, "tools"), number, format.column("tools"))


READERS: dict[str, Callable[[Row, int, RowFormat], Example]] = {
    "alpaca": _read_alpaca,
    "messages": _read_messages,
    "sharegpt": _read_messages,
    "prompt_completion": _read_prompt_completion,
    "text": _read_text,
    "preference": _read_preference,
    "kto": _read_kto,
    "reward": _read_reward,
    "prompt": _read_prompt,
}
