"""The turns of a conversation: read from OpenAI's and ShareGPT's form, checked for order and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmtune_kernel.data.examples import Message
from llmtune_kernel.data.json_text import json_of, load_json
from llmtune_kernel.data.problems import ProblemKind, RowProblem, Turn, at, check_text, check_values
from llmtune_kernel.data.tool_calls import call_text, parse_json, read_call
from llmtune_kernel.locale import _, either

# Who speaks, as data sets name them; a function_call is an answer that is the JSON of its calls.
ROLES = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "developer": "system",
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "function_call": "function_call",
    "observation": "tool",
    "function": "tool",
}
# What may come before a turn; None is the start.
BEFORE: dict[str, tuple[str | None, ...]] = {
    "system": (None,),
    "user": (None, "system", "assistant"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}


@dataclass(frozen=True)
class Tags:
    """How turns are written: the keys of speaker and content, and what the speakers are called.

    An empty key is the one that turns have, of OpenAI's form or ShareGPT's.
    """

    role: str
    content: str
    roles: Mapping[str, str] = field(default_factory=lambda: ROLES)


def tags_from(names: Mapping[Any, str]) -> Tags | None:
    """The tags that a configuration names, beside those that are known; None if it names none."""
    if not names:
        return None
    speakers = {tag: role for role, tag in names.items() if role not in ("role", "content")}
    roles = {tag: "tool" if role == "observation" else role for tag, role in speakers.items()}
    return Tags(names.get("role", ""), names.get("content", ""), {**ROLES, **roles})


OPENAI = Tags("role", "content")
SHAREGPT = Tags("from", "value")


def as_found(turn: Mapping[str, Any], tags: Tags) -> Turn:
    """A turn whatever is wrong with it; what is no text as JSON."""
    speaker, content = turn.get(tags.role), turn.get(tags.content)
    calls = turn.get("tool_calls")
    said = [] if content in (None, "") else [content if isinstance(content, str) else json_of(content)]
    said += map(call_text, calls) if isinstance(calls, list) else ()
    role = tags.roles.get(speaker, speaker) if isinstance(speaker, str) else _("nobody")
    # Half of a surrogate pair cannot be sent.
    return Turn(role, "\n".join(said).encode("utf-8", "replace").decode())


class Part(NamedTuple):
    """How many of the turns of a conversation a column holds."""

    column: str
    turns: int


def alternating(messages: list[Message], row: int, parts: Sequence[Part]) -> list[Message]:
    """Return `messages` if they are in order and every answer is there.

    Args:
        parts: What the turns are from, in their order; a turn is told by its number in its column.

    Raises:
        RowProblem: a turn is out of order, or an assistant turn, or the last one, is no answer.
    """
    places = [(part.column, number) for part in parts for number in range(part.turns)]

    def problem(reason: str, place: int, column: str, kind: ProblemKind = "other") -> RowProblem:
        found = RowProblem(row, column, reason, kind=kind)
        return found.at([as_found(turn, OPENAI) for turn in messages], place) if messages else found

    before: str | None = None
    for place, (message, (column, number)) in enumerate(zip(messages, places, strict=True)):
        role = message["role"]
        if before not in BEFORE[role]:
            if before is None:
                reason = _(
                    "has roles out of order: turn {number} ({role}) comes first", number=number, role=role
                )
            else:
                reason = _(
                    "has roles out of order: turn {number} ({role}) follows {before}",
                    number=number,
                    role=role,
                    before=before,
                )
            raise problem(reason, place, column, "order")
        if role == "assistant" and not message["content"].strip() and not message.get("tool_calls"):
            raise problem(_("turn {number} has no answer", number=number), place, column, "empty")
        if role == "user" and not message["content"].strip():
            raise problem(_("turn {number} is empty", number=number), place, column)
        before = role
    if before != "assistant":
        ends = _("ends with {role}, not with an answer", role=before) if before else _("has no turns")
        raise problem(ends, len(messages) - 1, parts[-1].column, "order")
    return messages


def read_turns(value: Any, row: int, column: str, tags: Tags | None = None) -> list[Message]:
    """Read a list of turns, or its JSON text, as messages.

    Text parts are joined, null keys dropped, arguments of tools decoded; a function_call becomes an assistant turn with
    tool calls.

    Args:
        tags: How turns are written; the keys of the first turn tell what it leaves open.

    Raises:
        RowProblem: it is no such list.
    """
    turns = _turn_list(value, row, column)
    tags = tags_of(turns, tags)
    read = []
    for number, turn in enumerate(turns):
        try:
            read.append(_message(turn, row, column, number, tags))
        except RowProblem as problem:
            raise problem.at([as_found(turn, tags) for turn in turns], number) from None
    return read


def tags_of(turns: Any, given: Tags | None = None) -> Tags:
    """The form in which `turns` are written: as `given`, and else as far as their first one shows it."""
    keys = keys_of_turns(turns)
    usual = SHAREGPT if SHAREGPT.role in keys else OPENAI
    if given is None:
        return usual
    contents = (key for key in (usual.content, OPENAI.content, SHAREGPT.content) if key in keys)
    return Tags(given.role or usual.role, given.content or next(contents, usual.content), given.roles)


def keys_of_turns(value: Any) -> set[str]:
    """The keys of the first turn of a list of turns or of its JSON text; empty if it is neither."""
    value = unpacked(value)
    return set(value[0]) if isinstance(value, list) and value and isinstance(value[0], dict) else set()


def turns_or_text(value: Any, tags: Tags | None = None) -> Any:
    """The list of turns that a JSON text writes; any other value as it is."""
    return unpacked(value) if tags_of(value, tags).role in keys_of_turns(value) else value


def unpacked(value: Any) -> Any:
    """The list that a JSON text writes, as in a column of a CSV file; any other value as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            found = load_json(value)
        except json.JSONDecodeError:
            return value
        return found if isinstance(found, list) else value
    return value


def _message(turn: dict[str, Any], row: int, column: str, number: int, tags: Tags) -> Message:
    if tags.role not in turn:
        reason = _("turn {number} has no {key!r}", number=number, key=tags.role)
        raise RowProblem(row, column, reason)
    speaker = turn[tags.role]
    role = tags.roles.get(speaker) if isinstance(speaker, str) else None
    if role is None:
        reason = _(
            "turn {number} has the role {role!r}, not one of {known}",
            number=number,
            role=speaker,
            known=", ".join(tags.roles),
        )
        named = isinstance(speaker, str) and speaker.isidentifier()
        raise RowProblem(row, column, reason, _about_speaker(speaker) if named else "")
    # Further keys are what chat templates know of OpenAI's form: name, tool_call_id, reasoning_content, …
    known = turn if tags.role == "role" else {key: turn[key] for key in turn.keys() & {"weight"}}
    message = {key: item for key, item in known.items() if item is not None}
    if role == "function_call":
        place = _("turn {number} (function_call)", number=number)
        calls = parse_json(check_text(turn.get(tags.content), row, column, place), row, column, place)
        calls = calls if isinstance(calls, list) else [calls]
        return {
            **{key: message[key] for key in message.keys() & {"weight"}},
            "role": "assistant",
            "content": "",
            "tool_calls": [read_call(call, row, column, number) for call in calls],
        }
    message["role"] = role
    content = turn.get(tags.content)
    calls = message.get("tool_calls")
    if isinstance(message.get("function_call"), dict) and not calls:  # OpenAI's older form, of one call
        calls = [message.pop("function_call")]
    if calls:
        if not isinstance(calls, list):
            raise RowProblem(row, column, _("turn {number} has tool_calls that are no list", number=number))
        message["tool_calls"] = [read_call(call, row, column, number) for call in calls]
        content = "" if content is None else content
        if role != "assistant":
            reason = _("turn {number} ({role}) calls tools; only answers do", number=number, role=role)
            raise RowProblem(row, column, reason, kind="order")
    if content is None and message.get("refusal"):
        reason = _("turn {number} is a refusal, without content", number=number)
        raise RowProblem(row, column, reason, _("Move its text to content, or remove these rows."))
    message["content"] = _content(content, row, column, number)
    for key, item in message.items():
        if key not in ("role", "content", "tool_calls", "reasoning_content"):
            check_values(item, row, column, _("turn {number} ({key})", number=number, key=key))
    if message.get("weight", 1) not in (0, 1):
        reason = _(
            "turn {number} has the weight {weight!r}, not 0 or 1", number=number, weight=message["weight"]
        )
        raise RowProblem(row, column, reason)
    if "reasoning_content" in message:
        place = _("turn {number} (reasoning_content)", number=number)
        message["reasoning_content"] = check_text(message["reasoning_content"], row, column, place)
    return message


def _about_speaker(name: str) -> str:
    known = ROLES.get(name.lower())
    roles = ["observation" if known == "tool" else known] if known else ["user", "assistant"]
    tags = either(f"{{{role}: {name}}}" for role in roles)
    return _("Say who that is with data.tags, {tags}, or remove these rows.", tags=tags)


def _turn_list(value: Any, row: int, column: str) -> list[dict[str, Any]]:
    if value is None:
        raise RowProblem(row, column, _("is missing"))
    value = unpacked(value)
    if not isinstance(value, list):
        reason = _("is of type {kind}, not a list of turns", kind=type(value).__name__)
        written = isinstance(value, str) and value.lstrip().startswith("[")  # as Python writes it, or cut off
        fix = _('Write it as JSON, in pandas: df["{column}"] = df["{column}"].map(json.dumps)', column=column)
        raise RowProblem(row, column, reason, fix if written else "")
    for number, turn in enumerate(value):
        if not isinstance(turn, dict):
            reason = _(
                "turn {number} is of type {kind}, not an object", number=number, kind=type(turn).__name__
            )
            raise RowProblem(row, column, reason)
    return value


def _content(value: Any, row: int, column: str, number: int) -> str:
    place = _("turn {number} content", number=number)
    if not isinstance(value, list):
        return check_text(value, row, column, place)
    texts = []
    for part in value:
        if not isinstance(part, dict) or part.get("type") != "text":
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            reason = _("has a part of type {kind}; only text is read", kind=kind)
            raise RowProblem(row, column, at(place, reason))
        texts.append(check_text(part.get("text"), row, column, place))
    return "".join(texts)
