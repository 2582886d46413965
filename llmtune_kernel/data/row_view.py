"""One row as a person reads it, as the chat template writes it, and as the tokens that are trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.cutting import Windows, cut, shortened
from llmtune_kernel.data.encoding import encode_batches, sides_of
from llmtune_kernel.data.examples import Conversation, PlainText
from llmtune_kernel.data.formats import JUDGED, Row, RowFormat
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.sequences import Sequences
from llmtune_kernel.data.summary import side_name
from llmtune_kernel.data.turns import RowProblem


def view_row(row: Row, number: int, format: RowFormat, tokenizer: Any, config: DataConfig) -> dict[str, Any]:
    """What the trainer makes of row `number`.

    Returns:
        JSON values: `problem`, why it is left out, or None; `fix` of that; `shared`: how many tokens the two sides of a
        preference have in common at their start; `sides`, none where the row cannot be read: of each `name` (see
        `side_name`), `turns` (`role`, `text`, `answers`: whether it is learned or judged), `text` as the chat template
        writes it, `ids`, `pieces` (the text of each token; half of a character is a question mark), `trained`: spans
        [start, stop] of tokens that are learned, and `kept`, the one left after cutting. There are no tokens where the
        template refuses the row.

    Raises:
        UserError: conversations cannot be written with this tokenizer.
    """
    batches = list(encode_batches([(number, row)], 1, tokenizer, config, format))
    sequences = Sequences(batch.sequences for batch in batches)
    left_out = cut(sequences, [p for batch in batches for p in batch.problems], format, config).left_out()
    try:
        sides = sides_of(to_example(row, number, format))
    except RowProblem:
        sides = []
    encoded = [sequences[place].ids.tolist() for place in range(len(sequences))]
    trained = [_runs(sequences[place].trained.tolist()) for place in range(len(sequences))]
    kept = _kept(sequences, format, config)
    seen = []
    for place, (side, example) in enumerate(sides):
        ids = encoded[place] if encoded else []
        seen.append(
            {
                "name": side_name(side, len(sides)),
                "turns": _turns(example, format, config),
                "text": tokenizer.decode(ids),
                "ids": ids,
                "pieces": [tokenizer.decode([token]) for token in ids],
                "trained": trained[place] if ids else [],
                "kept": kept[place] if ids else [0, 0],
            }
        )
    return {
        "problem": str(left_out[0]) if left_out else None,
        "fix": left_out[0].fix if left_out else "",
        "shared": _shared(*encoded) if len(encoded) == 2 else 0,
        "sides": seen,
    }


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


def _turns(example: Conversation | PlainText, format: RowFormat, config: DataConfig) -> list[dict[str, Any]]:
    if isinstance(example, PlainText):
        return [{"role": "", "text": example.text, "answers": True}]
    messages = example.messages
    answers = [
        number
        for number, turn in enumerate(messages)
        if turn["role"] == "assistant" and number >= example.context
    ]
    if config.train_on_prompt and format.name not in JUDGED:
        answers = list(range(len(messages)))
    elif config.mask_history:
        answers = answers[-1:]
    return [
        {"role": turn["role"], "text": _said(turn), "answers": number in answers}
        for number, turn in enumerate(messages)
    ]


def _said(turn: dict[str, Any]) -> str:
    """A turn as text, with its calls of tools as JSON."""
    calls = [json.dumps(call["function"], ensure_ascii=False) for call in turn.get("tool_calls", ())]
    return "\n".join(filter(None, [turn["content"], *calls]))


def _runs(trained: list[bool]) -> list[list[int]]:
    runs, stop = [], 0
    for learned, run in groupby(trained):
        start, stop = stop, stop + sum(1 for _ in run)
        if learned:
            runs.append([start, stop])
    return runs


def _shared(first: list[int], second: list[int]) -> int:
    same = [one == other for one, other in zip(first, second, strict=False)]
    return same.index(False) if False in same else len(same)
