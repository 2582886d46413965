"""The turns of a conversation: read from OpenAI's and ShareGPT's form, checked for order and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from llmtune_kernel.data.examples import Message
from llmtune_kernel.data.json_text import load_json
from llmtune_kernel.locale import _

# Who speaks, as data sets name them; a function_call is an answer that is the JSON of its calls.
ROLES = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "developer": "system",
    "human": "user",
    "gpt": "assistant",
    "function_call": "function_call",
    "observation": "tool",
    "function": "tool",
}
# A text of more characters than a book has is a mistake, and would take minutes to encode.
LONGEST = 20_000_000
# What may come before a turn; None is the start.
BEFORE: dict[str, tuple[str | None, ...]] = {
    "system": (None,),
    "user": (None, "system", "assistant"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}


@dataclass(frozen=True)
class Tags:
    """How turns are written: the keys of speaker and content, and what the speakers are called."""

    role: str
    content: str
    roles: Mapping[str, str] = field(default_factory=lambda: ROLES)


def tags_from(names: Mapping[Any, str]) -> Tags | None:
    """The tags that a configuration names, beside those that are known; None if it names none."""
    if not names:
        return None
    speakers = {tag: role for role, tag in names.items() if role not in ("role", "content")}
    roles = {tag: "tool" if role == "observation" else role for tag, role in speakers.items()}
    return Tags(names.get("role", "from"), names.get("content", "value"), {**ROLES, **roles})


OPENAI = Tags("role", "content")
SHAREGPT = Tags("from", "value")


class Turn(NamedTuple):
    """Who says what, to be read by people."""

    role: str
    text: str


def as_found(turn: Mapping[str, Any], tags: Tags) -> Turn:
    """A turn whatever is wrong with it; what is no text, and calls of tools, as JSON."""
    speaker, content = turn.get(tags.role), turn.get(tags.content)
    calls = turn.get("tool_calls")
    said = [
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        for value in (content, *(calls if isinstance(calls, list) else ()))
        if value not in (None, "")
    ]
    role = tags.roles.get(speaker, speaker) if isinstance(speaker, str) else _("nobody")
    # Half of a surrogate pair cannot be sent.
    return Turn(role, "\n".join(said).encode("utf-8", "replace").decode())


# No answer where one has to be; turns out of order; nothing that is learned; too long; anything else.
ProblemKind = Literal["empty", "order", "untrained", "long", "other"]


class RowProblem(Exception):
    """Why one row cannot be trained on.

    Args:
        row: Its number, from 0.
        column: The column that is wrong; empty when it is the row as a whole.
        reason: What is wrong, to be read after the column's name.
        fix: What to do about it; by default to correct or remove the row.
        kind: Of the problem, so that problems can be counted.

    `source` says where the row is from, where there are several sources; `turns` is the conversation that is wrong, as
    far as it is one, and `turn` the number of the turn at fault.
    """

    source = ""
    turns: Sequence[Turn] = ()
    turn: int | None = None

    def __init__(
        self, row: int, column: str, reason: str, fix: str = "", kind: ProblemKind = "other"
    ) -> None:
        super().__init__(row, column, reason, fix, kind)
        self.row = row
        self.column = column
        self.reason = reason
        self._fix = fix
        self.kind = kind

    @property
    def fix(self) -> str:
        """What to do about this row and others like it."""
        return self._fix or _("Correct these rows or remove them.")

    @property
    def fix_of_one(self) -> str:
        """What to do about this row alone."""
        return self._fix or _("Correct this row, or leave it out.")

    def at(self, turns: Sequence[Mapping[str, Any]], number: int, tags: Tags) -> RowProblem:
        """This problem, which turn `number` has."""
        self.turns, self.turn = [as_found(turn, tags) for turn in turns], number
        return self

    def __str__(self) -> str:
        said = f"{self.column} {self.reason}" if self.column else self.reason
        if self.source:
            return _("{source}, row {row}: {reason}", source=self.source, row=self.row, reason=said)
        return _("row {row}: {reason}", row=self.row, reason=said)


def check_text(value: Any, row: int, column: str, place: str = "") -> str:
    """Return `value` if it is text that can be tokenized.

    Raises:
        RowProblem: it is not; `place` says where in the column it is.
    """
    if value is None:
        raise RowProblem(row, column, _at(place, _("is missing")))
    if not isinstance(value, str):
        reason = _("is of type {kind}, not text", kind=type(value).__name__)
        whole = not place and not isinstance(value, list | dict)
        fix = _('Make it text, in pandas: df["{column}"] = df["{column}"].astype(str)', column=column)
        raise RowProblem(row, column, _at(place, reason), fix if whole else "")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        reason = _("is not valid Unicode at character {position}", position=error.start)
        raise RowProblem(row, column, _at(place, reason)) from error
    if len(value) > LONGEST:
        reason = _("has {count:,} characters, more than {limit:,}", count=len(value), limit=LONGEST)
        raise RowProblem(row, column, _at(place, reason), _("Split it into several rows."))
    if "\0" in value:
        reason = _("holds a NUL character at {position}", position=value.index("\0"))
        raise RowProblem(row, column, _at(place, reason))
    return value


def _at(place: str, reason: str) -> str:
    """What is wrong at a place in a column; empty where it is the column as a whole."""
    return _("{place} {reason}", place=place, reason=reason) if place else reason


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
        return found.at(messages, place, OPENAI) if messages else found

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
        tags: How turns are written; None tells OpenAI's form from ShareGPT's by the keys of the first turn.

    Raises:
        RowProblem: it is no such list.
    """
    turns = _turn_list(value, row, column)
    tags = tags or tags_of(turns)
    read = []
    for number, turn in enumerate(turns):
        try:
            read.append(_message(turn, row, column, number, tags))
        except RowProblem as problem:
            raise problem.at(turns, number, tags) from None
    return read


def tags_of(turns: Any) -> Tags:
    """The form in which `turns` are written, as far as their first one shows it."""
    return SHAREGPT if SHAREGPT.role in keys_of_turns(turns) else OPENAI


def keys_of_turns(value: Any) -> set[str]:
    """The keys of the first turn of a list of turns or of its JSON text; empty if it is neither."""
    value = unpacked(value)
    return set(value[0]) if isinstance(value, list) and value and isinstance(value[0], dict) else set()


def turns_or_text(value: Any) -> Any:
    """The list of turns that a JSON text writes; any other value as it is."""
    return unpacked(value) if keys_of_turns(value) & {"role", "from"} else value


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
        raise RowProblem(row, column, reason)
    if role == "function_call":
        place = _("turn {number} (function_call)", number=number)
        calls = parse_json(check_text(turn.get(tags.content), row, column, place), row, column, place)
        calls = calls if isinstance(calls, list) else [calls]
        return {
            "role": "assistant",
            "content": "",
            "tool_calls": [_tool_call(call, row, column, number) for call in calls],
        }
    # Further keys are what chat templates know of OpenAI's form: name, tool_call_id, reasoning_content, …
    message = {key: item for key, item in turn.items() if item is not None} if tags.role == "role" else {}
    message["role"] = role
    content = turn.get(tags.content)
    if turn.get("tool_calls"):
        calls = turn["tool_calls"]
        if not isinstance(calls, list):
            raise RowProblem(row, column, _("turn {number} has tool_calls that are no list", number=number))
        message["tool_calls"] = [_tool_call(call, row, column, number) for call in calls]
        content = "" if content is None else content
    message["content"] = _content(content, row, column, number)
    if message.get("weight", 1) not in (0, 1):
        reason = _(
            "turn {number} has the weight {weight!r}, not 0 or 1", number=number, weight=message["weight"]
        )
        raise RowProblem(row, column, reason)
    if "reasoning_content" in message:
        place = _("turn {number} (reasoning_content)", number=number)
        message["reasoning_content"] = check_text(message["reasoning_content"], row, column, place)
    return message


def read_tools(value: Any, row: int, column: str = "tools") -> list[dict[str, Any]] | None:
    """Read tool descriptions, a list or its JSON text, in OpenAI's form; None if there are none.

    Raises:
        RowProblem: they are not descriptions of functions.
    """
    tools = parse_json(value, row, column, "") if isinstance(value, str) and value.strip() else value
    if not tools:
        return None
    if not isinstance(tools, list):
        raise RowProblem(row, column, _("is not a list"))
    described = []
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            reason = _("holds something that is not the description of a function")
            raise RowProblem(row, column, reason)
        described.append(tool if "function" in tool else {"type": "function", "function": tool})
    return described


def _turn_list(value: Any, row: int, column: str) -> list[dict[str, Any]]:
    if value is None:
        raise RowProblem(row, column, _("is missing"))
    value = unpacked(value)
    if not isinstance(value, list):
        reason = _("is of type {kind}, not a list of turns", kind=type(value).__name__)
        raise RowProblem(row, column, reason)
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
            raise RowProblem(row, column, _at(place, reason))
        texts.append(check_text(part.get("text"), row, column, place))
    return "".join(texts)


def _tool_call(call: Any, row: int, column: str, number: int) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        reason = _("turn {number} has a tool call without a function name", number=number)
        raise RowProblem(row, column, reason)
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        # Chat templates write the arguments as JSON themselves; text would be quoted twice.
        place = _("turn {number} (arguments of {name})", number=number, name=function["name"])
        arguments = parse_json(arguments, row, column, place)
    outer = {key: item for key, item in call.items() if item is not None} if "function" in call else {}
    return {"type": "function", **outer, "function": {"name": function["name"], "arguments": arguments or {}}}


def parse_json(text: str, row: int, column: str, place: str) -> Any:
    """What a JSON text says; `place` says where in the column it is.

    Raises:
        RowProblem: it is not valid JSON.
    """
    try:
        return load_json(text)
    except json.JSONDecodeError as error:
        reason = _("is not valid JSON: {reason}", reason=error.msg)
        raise RowProblem(row, column, _at(place, reason)) from error
