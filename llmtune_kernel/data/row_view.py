"""One row as a person reads it, as the chat template writes it, and as the tokens that are trained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.answers import TemplateProblem
from llmtune_kernel.data.cutting import Windows, cut, shortened
from llmtune_kernel.data.encoding import encode_batches, sides_of
from llmtune_kernel.data.examples import Conversation, PlainText, is_learned
from llmtune_kernel.data.formats import ASKING, Row, RowFormat
from llmtune_kernel.data.problems import RowProblem, Turn
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.sequences import Sequences
from llmtune_kernel.data.summary import side_name
from llmtune_kernel.data.template import Encoder
from llmtune_kernel.data.tool_calls import call_text

_THINKING = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)


def view_row(row: Row, number: int, format: RowFormat, tokenizer: Any, config: DataConfig) -> dict[str, Any]:
    """What the trainer makes of row `number`.

    Returns:
        JSON values: `problem`, why it is left out, or None; `fix` of that; `shared`: how many tokens the two sides of a
        preference have in common before their answers; `sides`, none where the row cannot be read: of each `name` (see
        `side_name`), `turns` (`role`, `text`, `mark`: "answer" where it is learned or judged, "dropped" where the chat
        template leaves it out, "wrong" where it is why the row is left out), `text` as the chat template writes it,
        `ids`, `pieces` (the text of each token; half of a character is a question mark), `trained`: spans [start, stop]
        of tokens that are learned, and `kept`, the one left after cutting. There are no tokens where the template
        refuses the row, or where its turns are wrong.

    Raises:
        UserError: conversations cannot be written with this tokenizer.
    """
    try:
        sides = sides_of(to_example(row, number, format))
    except RowProblem as problem:
        return _unread(problem)
    batches = list(encode_batches([(number, row)], 1, tokenizer, config, format))
    sequences = Sequences(batch.sequences for batch in batches)
    left_out = cut(sequences, [p for batch in batches for p in batch.problems], format, config).left_out()
    encoded = [sequences[place].ids.tolist() for place in range(len(sequences))]
    trained = [_runs(sequences[place].trained.tolist()) for place in range(len(sequences))]
    kept = _kept(sequences, format, config)
    encoder = Encoder(tokenizer, config)
    seen = []
    for place, (side, example) in enumerate(sides):
        ids = encoded[place] if encoded else []
        seen.append(
            {
                "name": side_name(side, len(sides)),
                "turns": list(
                    _turns(example, format, config, _written(example, encoder), is_used=not left_out)
                ),
                "text": tokenizer.decode(ids),
                "ids": ids,
                "pieces": [tokenizer.decode([token]) for token in ids],
                "trained": trained[place] if ids else [],
                "kept": kept[place] if ids else [0, 0],
            }
        )
    return {
        "problem": str(left_out[0]) if left_out else None,
        "fix": left_out[0].fix_of_one if left_out else "",
        "shared": _shared(encoded, trained) if len(encoded) == 2 else 0,
        "sides": seen,
    }


def _unread(problem: RowProblem) -> dict[str, Any]:
    """A row that cannot be read, with the conversation that is wrong, if one is."""
    turns = [
        {**turn._asdict(), "mark": "wrong" if number == problem.turn else ""}
        for number, turn in enumerate(problem.turns)
    ]
    unencoded = {"text": "", "ids": [], "pieces": [], "trained": [], "kept": [0, 0]}
    sides = [{"name": "", "turns": turns, **unencoded}] if turns else []
    return {"problem": str(problem), "fix": problem.fix_of_one, "shared": 0, "sides": sides}


def first_left_out(
    rows: Mapping[int, Row], format: RowFormat, tokenizer: Any, config: DataConfig
) -> int | None:
    """The number of the first of `rows`, in their order, that is left out; None if none is.

    Raises:
        UserError: conversations cannot be written with this tokenizer.
    """
    batches = list(encode_batches(rows.items(), len(rows), tokenizer, config, format))
    problems = [problem for batch in batches for problem in batch.problems]
    encoded = cut(Sequences(batch.sequences for batch in batches), problems, format, config)
    left_out = {problem.row for problem in encoded.left_out()}
    return next((number for number in rows if number in left_out), None)


def _kept(sequences: Sequences, format: RowFormat, config: DataConfig) -> list[list[int]]:
    """Of each sequence from which token to which it is used; all of one that is parted."""
    if not len(sequences):
        return []
    windows, _row = shortened(sequences, Windows.whole(sequences, sides=len(sequences)), format, config)
    ends = [windows.starts.min(axis=0).tolist(), windows.stops.max(axis=0).tolist()]
    return [list(kept) for kept in zip(*ends, strict=True)]


def _written(example: Conversation | PlainText, encoder: Encoder) -> str | None:
    """What the chat template writes; None where it refuses."""
    try:
        return encoder.render(example).text
    except TemplateProblem:
        return None


def _turns(
    example: Conversation | PlainText,
    format: RowFormat,
    config: DataConfig,
    written: str | None,
    *,
    is_used: bool,
) -> Iterator[dict[str, Any]]:
    """The turns of a row, and what else it says, as a person reads it.

    Args:
        written: What the template writes; None where it refuses.
        is_used: Whether the row is trained on.
    """
    if isinstance(example, PlainText):
        yield {"role": "", "text": example.text, "mark": "answer" if is_used else ""}
        return
    answers = _answers(example, format, config) if is_used else set()
    if example.tools:
        described = "\n".join(_described(tool["function"]) for tool in example.tools)
        yield {"role": "tools", "text": described, "mark": "answer" if 0 in answers else ""}
    for number, message in enumerate(example.messages):
        for role, text in _parts(message):
            is_dropped = role == "thinking" and written is not None and text not in written
            mark = "dropped" if is_dropped else "answer" if number in answers else ""
            yield {"role": role, "text": text, "mark": mark}


def _answers(example: Conversation, format: RowFormat, config: DataConfig) -> set[int]:
    """The numbers of the messages that are learned or judged."""
    messages = example.messages
    answers = [
        number
        for number, turn in enumerate(messages)
        if turn["role"] == "assistant" and number >= example.context
    ]
    if config.train_on_prompt and format.name not in ASKING:
        chosen = list(range(len(messages)))
    else:
        chosen = answers[-1:] if config.mask_history else answers
    return {number for number in chosen if number not in answers or is_learned(messages[number])}


def _parts(message: dict[str, Any]) -> Iterator[Turn]:
    """What a message says: its thinking, its text, and its calls of tools."""
    role, content, thinking = message["role"], message["content"], message.get("reasoning_content", "")
    if role == "assistant" and (found := _THINKING.match(content)):
        thinking, content = thinking or found[1], content[found.end() :]
    calls = message.get("tool_calls", ())
    if thinking.strip():
        yield Turn("thinking", thinking.strip())
    if content.strip() or not calls:
        yield Turn(role, content)
    for call in calls:
        yield Turn("call", call_text(call))


def _described(function: dict[str, Any]) -> str:
    """A tool in a line: its name and parameters, and what it is for."""
    parameters = function.get("parameters")
    known = parameters.get("properties") if isinstance(parameters, dict) else None
    names = ", ".join(map(str, known)) if isinstance(known, dict) else ""
    said = f"{function['name']}({names})"
    return f"{said}: {function['description']}" if function.get("description") else said


def _runs(trained: list[bool]) -> list[list[int]]:
    runs, stop = [], 0
    for learned, run in groupby(trained):
        start, stop = stop, stop + sum(1 for _ in run)
        if learned:
            runs.append([start, stop])
    return runs


def _shared(encoded: list[list[int]], trained: list[list[list[int]]]) -> int:
    """How many tokens two sequences have in common before what is learned of them."""
    same = [one == other for one, other in zip(*encoded, strict=False)]
    shared = same.index(False) if False in same else len(same)
    starts = [
        spans[0][0] for spans in trained if spans and spans[0][0]
    ]  # a plain text is learned from its start
    return min([shared, *starts])
