"""The turns of a conversation: read from OpenAI's and ShareGPT's form, checked for order and answers."""

from __future__ import annotations

import json
from typing import Any

Message = dict[str, Any]

ROLES = ("system", "user", "assistant", "tool")
SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "gpt": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
}
# What may come before a turn; None is the start.
BEFORE: dict[str, tuple[str | None, ...]] = {
    "system": (None,),
    "user": (None, "system", "assistant"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}


class RowProblem(Exception):
    """Why one row cannot be trained on.

    Args:
        row: Its number, from 0.
        column: The column that is wrong; empty when it is the row as a whole.
        reason: What is wrong, to be read after the column's name.
        fix: What to do about it.
    """

    def __init__(
        self, row: int, column: str, reason: str, fix: str = "Correct these rows or remove them."
    ) -> None:
        super().__init__(row, column, reason, fix)
        self.row = row
        self.column = column
        self.reason = reason
        self.fix = fix

    def __str__(self) -> str:
        return (
            f"row {self.row}: {self.column} {self.reason}"
            if self.column
            else f"row {self.row}: {self.reason}"
        )


def check_text(value: Any, row: int, column: str, place: str = "") -> str:
    """Return `value` if it is text that can be tokenized.

    Raises:
        RowProblem: it is not; `place` says where in the column it is.
    """
    if value is None:
        raise RowProblem(row, column, f"{place}is missing")
    if not isinstance(value, str):
        raise RowProblem(row, column, f"{place}is of type {type(value).__name__}, not text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RowProblem(row, column, f"{place}is not valid Unicode at character {error.start}") from error
    return value


def alternating(messages: list[Message], row: int, column: str) -> list[Message]:
    """Return `messages` if they are in order and every answer is there.

    Raises:
        RowProblem: a turn is out of order, or an assistant turn, or the last one, is no answer.
    """
    before: str | None = None
    for number, message in enumerate(messages):
        role = message["role"]
        if before not in BEFORE[role]:
            follows = "comes first" if before is None else f"follows {before}"
            raise RowProblem(row, column, f"has roles out of order: turn {number} ({role}) {follows}")
        if role == "assistant" and not message["content"].strip() and not message.get("tool_calls"):
            raise RowProblem(
                row,
                column,
                "is empty" if number == 1 == len(messages) - 1 else f"turn {number} has no answer",
            )
        before = role
    if before != "assistant":
        raise RowProblem(row, column, f"ends with {before}, not with an answer" if before else "has no turns")
    return messages


def from_openai(value: Any, row: int, column: str) -> list[Message]:
    """Read a list of {role, content}; text parts are joined, null keys dropped, tool arguments decoded.

    Raises:
        RowProblem: it is no such list.
    """
    messages = []
    for number, turn in enumerate(_turn_list(value, row, column)):
        role = turn.get("role")
        if role not in ROLES:
            raise RowProblem(
                row, column, f"turn {number} has the role {role!r}, not one of {', '.join(ROLES)}"
            )
        message = {key: item for key, item in turn.items() if item is not None}
        if turn.get("tool_calls"):
            message["tool_calls"] = [_tool_call(call, row, column, number) for call in turn["tool_calls"]]
            message.setdefault("content", "")
        message["content"] = _content(message.get("content"), row, column, number)
        messages.append(message)
    return messages


def from_sharegpt(value: Any, row: int, column: str) -> list[Message]:
    """Read a list of {from, value}; a function_call turn becomes an assistant turn with tool calls.

    Raises:
        RowProblem: it is no such list.
    """
    messages: list[Message] = []
    for number, turn in enumerate(_turn_list(value, row, column)):
        speaker = turn.get("from")
        if speaker not in SHAREGPT_ROLES:
            known = ", ".join(SHAREGPT_ROLES)
            raise RowProblem(row, column, f"turn {number} is from {speaker!r}, not one of {known}")
        text = check_text(turn.get("value"), row, column, f"turn {number} ")
        if speaker == "function_call":
            calls = _json(text, row, column, f"turn {number} (function_call)")
            calls = calls if isinstance(calls, list) else [calls]
            tool_calls = [_tool_call(call, row, column, number) for call in calls]
            messages.append({"role": "assistant", "content": "", "tool_calls": tool_calls})
        else:
            messages.append({"role": SHAREGPT_ROLES[speaker], "content": text})
    return messages


def read_tools(value: Any, row: int) -> list[dict[str, Any]] | None:
    """Read tool descriptions, a list or its JSON text, in OpenAI's form; None if there are none.

    Raises:
        RowProblem: they are not descriptions of functions.
    """
    tools = _json(value, row, "tools", "") if isinstance(value, str) and value.strip() else value
    if not tools:
        return None
    if not isinstance(tools, list):
        raise RowProblem(row, "tools", "is not a list")
    described = []
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise RowProblem(row, "tools", "holds something that is not the description of a function")
        described.append(tool if "function" in tool else {"type": "function", "function": tool})
    return described


def _turn_list(value: Any, row: int, column: str) -> list[dict[str, Any]]:
    if value is None:
        raise RowProblem(row, column, "is missing")
    if not isinstance(value, list):
        raise RowProblem(row, column, f"is of type {type(value).__name__}, not a list of turns")
    for number, turn in enumerate(value):
        if not isinstance(turn, dict):
            raise RowProblem(row, column, f"turn {number} is of type {type(turn).__name__}, not an object")
    return value


def _content(value: Any, row: int, column: str, number: int) -> str:
    place = f"turn {number} content "
    if not isinstance(value, list):
        return check_text(value, row, column, place)
    texts = []
    for part in value:
        if not isinstance(part, dict) or part.get("type") != "text":
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise RowProblem(row, column, f"{place}has a part of type {kind}; only text is read")
        texts.append(check_text(part.get("text"), row, column, place))
    return "".join(texts)


def _tool_call(call: Any, row: int, column: str, number: int) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise RowProblem(row, column, f"turn {number} has a tool call without a function name")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        # Chat templates write the arguments as JSON themselves; text would be quoted twice.
        arguments = _json(arguments, row, column, f"turn {number} (arguments of {function['name']})")
    outer = {key: item for key, item in call.items() if item is not None} if "function" in call else {}
    return {"type": "function", **outer, "function": {"name": function["name"], "arguments": arguments or {}}}


def _json(text: str, row: int, column: str, place: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise RowProblem(row, column, f"{place} is not valid JSON: {error.msg}".lstrip()) from error
