"""What a row means: recognises the format of rows and reads a row as a conversation or a plain text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.turns import (
    RowProblem,
    alternating,
    check_text,
    from_openai,
    from_sharegpt,
    read_tools,
)
from llmtune_kernel.locale import N_, _, look_up

Row = dict[str, Any]
Message = dict[str, Any]


@dataclass(frozen=True)
class RowFormat:
    """A recognised format: its name and the columns that are read, in the order of the format."""

    name: str
    columns: list[str]


@dataclass(frozen=True)
class Conversation:
    """Messages as a chat template takes them, the last one an answer.

    `context`: how many leading messages are never trained. `plain`: a prompt and a completion that may be joined
    where there is no chat template.
    """

    messages: list[Message]
    tools: list[dict[str, Any]] | None = None
    context: int = 0
    plain: bool = False


@dataclass(frozen=True)
class PlainText:
    """A text that is trained from its first to its last token."""

    text: str


Example = Conversation | PlainText

NEEDS = {
    "alpaca": N_("columns instruction and output; input, system and history are optional"),
    "messages": N_("a column messages (or conversations): a list of {role, content}; tools is optional"),
    "sharegpt": N_("a column conversations: a list of {from, value}; system and tools are optional"),
    "prompt_completion": N_("columns prompt and completion"),
    "text": N_("a column text"),
}
REQUIRED = {
    "alpaca": ("instruction", "output"),
    "prompt_completion": ("prompt", "completion"),
    "text": ("text",),
}
OPTIONAL = {
    "alpaca": ("input", "system", "history"),
    "messages": ("tools",),
    "sharegpt": ("system", "tools"),
    "prompt_completion": (),
    "text": (),
}

# Every column that some format reads.
COLUMNS = frozenset({"messages", "conversations"}.union(*REQUIRED.values(), *OPTIONAL.values()))


def recognise(rows: Sequence[Row], format: str = "auto") -> RowFormat:
    """Name the format of all `rows`; with `format` given, check that its columns are there.

    Raises:
        UserError: no format fits, several do, rows differ, or columns of the given format are missing.
    """
    present: dict[str, None] = {}
    for row in rows:
        present.update(dict.fromkeys(column for column, value in row.items() if value is not None))
    name = _recognise_all(rows, list(present)) if format == "auto" else format
    required = _required(name, present)
    missing = [column for column in required if column not in present]
    if missing:
        raise UserError(
            _("The rows have no column {columns}.", columns=_quoted(missing)),
            _("columns found: {columns}", columns=", ".join(present) or _("none")),
            _("The format {name} needs {needs}.", name=name, needs=look_up(NEEDS[name])),
        )
    return RowFormat(name, [*required, *(column for column in OPTIONAL[name] if column in present)])


def to_example(row: Row, number: int, format: RowFormat) -> Example:
    """Read row `number` (from 0).

    Raises:
        RowProblem: the row has no answer, or a value that its format does not allow.
    """
    return READERS[format.name](row, number, format)


def raise_problems(problems: Sequence[RowProblem], rows: int) -> NoReturn:
    """Report all problems found in `rows` rows as one error that lists the first ten.

    Raises:
        UserError: always.
    """
    lines = [str(problem) for problem in problems[:10]]
    if len(problems) > len(lines):
        lines.append(_("and {count:,} more", count=len(problems) - len(lines)))
    raise UserError(
        _(
            "{wrong:,} of {rows:,} rows cannot be trained on (rows are counted from 0).",
            wrong=len(problems),
            rows=rows,
        ),
        "\n         ".join(lines),
        "\n         ".join(dict.fromkeys(problem.fix for problem in problems)),
    )


def _recognise_all(rows: Sequence[Row], present: list[str]) -> str:
    found = [_candidates(row) for row in rows]
    several = next((names for names in found if len(names) > 1), None)
    if several:
        raise UserError(
            _("The rows fit several formats: {formats}.", formats=", ".join(several)),
            _("columns found: {columns}", columns=", ".join(present)),
            _("Say which one is meant, for example format: {first}.", first=several[0]),
        )
    first = next((number for number, names in enumerate(found) if names), None)
    if first is None:
        raise UserError(
            _("The rows fit no format."),
            _("columns found: {columns}", columns=_shape(rows[0]) if rows and present else _("none")),
            "\n".join(
                [
                    _("Rename the columns to one of"),
                    *(f"         {name}: {look_up(needs)}" for name, needs in NEEDS.items()),
                ]
            ),
        )
    name = found[first][0]
    for number, (row, names) in enumerate(zip(rows, found, strict=True)):
        if name in names or (not names and _has_part(row, name)):
            continue
        if names:
            what = _(
                "The rows are of mixed formats: row {first} is {name}, row {number} is {other}.",
                first=first,
                name=name,
                number=number,
                other=names[0],
            )
        else:
            what = _(
                "The rows are of mixed formats: row {first} is {name}, row {number} is no format; it has {shape}.",
                first=first,
                name=name,
                number=number,
                shape=_shape(row),
            )
        raise UserError(
            what,
            _("row {row}", row=number),
            _("Give every row the same columns."),
        )
    return name


def _candidates(row: Row) -> list[str]:
    names = [
        name for name, columns in REQUIRED.items() if all(row.get(column) is not None for column in columns)
    ]
    for column in ("messages", "conversations"):
        keys = _keys_of_turns(row.get(column))
        if "role" in keys and "messages" not in names:
            names.append("messages")
        elif column == "conversations" and "from" in keys:
            names.append("sharegpt")
    return names


def _keys_of_turns(value: Any) -> set[str]:
    return set(value[0]) if isinstance(value, list) and value and isinstance(value[0], dict) else set()


def _has_part(row: Row, name: str) -> bool:
    columns = REQUIRED.get(name, ("messages", "conversations"))
    return any(row.get(column) is not None for column in columns)


def _required(name: str, present: dict[str, None]) -> tuple[str, ...]:
    if name == "messages":
        return (
            ("messages",) if "messages" in present or "conversations" not in present else ("conversations",)
        )
    return REQUIRED.get(name, ("conversations",))


def _shape(row: Row) -> str:
    kinds = []
    for column, value in row.items():
        keys = _keys_of_turns(value)
        named = ", ".join(sorted(map(str, keys)))
        shape = _("list of {{{keys}}}", keys=named) if keys else type(value).__name__
        if value is not None:
            kinds.append(f"{column} ({shape})")
    return ", ".join(kinds) or _("no values")


def _quoted(columns: Sequence[str]) -> str:
    return _(" and ").join(repr(column) for column in columns)


def _read_alpaca(row: Row, number: int, format: RowFormat) -> Example:
    messages: list[Message] = []
    if row.get("system"):
        messages.append({"role": "system", "content": check_text(row["system"], number, "system")})
    history = row.get("history") or []
    pairs = history if isinstance(history, list) else [history]
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise RowProblem(number, "history", _("is not a list of [question, answer] pairs"))
        messages.append({"role": "user", "content": check_text(pair[0], number, "history")})
        messages.append({"role": "assistant", "content": check_text(pair[1], number, "history")})
    question = check_text(row.get("instruction"), number, "instruction")
    if row.get("input") is not None and row["input"] != "":
        question += "\n" + check_text(row["input"], number, "input")
    messages.append({"role": "user", "content": question})
    messages.append({"role": "assistant", "content": check_text(row.get("output"), number, "output")})
    return Conversation(alternating(messages, number, "output"))


def _read_messages(row: Row, number: int, format: RowFormat) -> Example:
    column = format.columns[0]
    messages = from_openai(row.get(column), number, column)
    return Conversation(alternating(messages, number, column), read_tools(row.get("tools"), number))


def _read_sharegpt(row: Row, number: int, format: RowFormat) -> Example:
    messages = from_sharegpt(row.get("conversations"), number, "conversations")
    if row.get("system"):
        if messages and messages[0]["role"] == "system":
            reason = _("is given, and the conversation starts with a system turn too")
            raise RowProblem(number, "system", reason)
        messages.insert(0, {"role": "system", "content": check_text(row["system"], number, "system")})
    tools = read_tools(row.get("tools"), number)
    return Conversation(alternating(messages, number, "conversations"), tools)


def _read_prompt_completion(row: Row, number: int, format: RowFormat) -> Example:
    prompt, completion = row.get("prompt"), row.get("completion")
    asked = _turns(prompt, number, "prompt", "user")
    answered = _turns(completion, number, "completion", "assistant")
    plain = isinstance(prompt, str) and isinstance(completion, str)
    messages = alternating([*asked, *answered], number, "completion")
    return Conversation(messages, context=len(asked), plain=plain)


def _turns(value: Any, number: int, column: str, role: str) -> list[Message]:
    if isinstance(value, list):
        return from_openai(value, number, column)
    return [{"role": role, "content": check_text(value, number, column)}]


def _read_text(row: Row, number: int, format: RowFormat) -> Example:
    text = check_text(row.get("text"), number, "text")
    if not text:
        raise RowProblem(number, "text", _("is empty"))
    return PlainText(text)


READERS: dict[str, Callable[[Row, int, RowFormat], Example]] = {
    "alpaca": _read_alpaca,
    "messages": _read_messages,
    "sharegpt": _read_sharegpt,
    "prompt_completion": _read_prompt_completion,
    "text": _read_text,
}
