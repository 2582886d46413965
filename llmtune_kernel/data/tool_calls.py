"""Tools of a conversation and calls of them, in OpenAI's form."""

from __future__ import annotations

import json
from typing import Any

from llmtune_kernel.data.json_text import json_of, load_json, reason_of
from llmtune_kernel.data.problems import RowProblem, at, check_text, check_values
from llmtune_kernel.locale import _


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
        check_values(tool, row, column)
        described.append(tool if "function" in tool else {"type": "function", "function": tool})
    return described


def read_call(call: Any, row: int, column: str, number: int) -> dict[str, Any]:
    """Read a call of a tool that turn `number` makes, in OpenAI's form, with its arguments decoded.

    Raises:
        RowProblem: it is no such call.
    """
    function = call.get("function", call) if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name.strip():
        reason = _("turn {number} has a tool call without a function name", number=number)
        raise RowProblem(row, column, reason)
    check_text(name, row, column, _("turn {number} (name of a function)", number=number))
    place = _("turn {number} (arguments of {name})", number=number, name=name)
    arguments = function.get("arguments")
    if arguments is None:
        arguments = {}
    elif isinstance(arguments, str):
        # Chat templates write the arguments as JSON themselves; text would be quoted twice.
        arguments = parse_json(arguments, row, column, place)
    if not isinstance(arguments, dict):
        raise RowProblem(row, column, at(place, _("is no JSON object")))
    check_values(call, row, column, place)
    check_values(arguments, row, column, place)
    outer = {key: item for key, item in call.items() if item is not None} if "function" in call else {}
    return {"type": "function", **outer, "function": {"name": name, "arguments": arguments}}


def call_text(call: Any) -> str:
    """A call of a tool as a person reads it, such as `weather(city="Rome")`; what is none as JSON."""
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return json_of(call)
    given = function.get("arguments")
    if isinstance(given, str):
        try:
            given = load_json(given)
        except json.JSONDecodeError:
            return f"{function['name']}({given})"
    if isinstance(given, dict):
        said = ", ".join(f"{name}={json_of(value)}" for name, value in given.items())
    else:
        said = "" if given is None else json_of(given)
    return f"{function['name']}({said})"


def parse_json(text: str, row: int, column: str, place: str) -> Any:
    """What a JSON text says; `place` says where in the column it is.

    Raises:
        RowProblem: it is not valid JSON.
    """
    try:
        return load_json(text, exactly=True)
    except json.JSONDecodeError as error:
        reason = _("is not valid JSON: {reason}", reason=reason_of(error))
        raise RowProblem(row, column, at(place, reason)) from error
