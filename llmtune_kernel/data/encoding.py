"""A whole data set as token ids and labels, cut to length and split."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.answers import TemplateProblem
from llmtune_kernel.data.examples import Conversation, PlainText
from llmtune_kernel.data.formats import Row, RowFormat, raise_problems, recognise
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.template import IGNORED, Encoded, Encoder, Rendered
from llmtune_kernel.data.turns import RowProblem
from llmtune_kernel.locale import _

OnProgress = Callable[[int, int], None]

BATCH_ROWS = 256


@dataclass
class EncodedRows:
    """The rows of a data set, encoded, in order.

    `input_ids`, `labels`: for each row int32 ids and labels (-100: not trained), at most `max_length` of them.
    `lengths`: tokens of each row before cutting. `tokens`, `trained_tokens`: sums after cutting; `truncated`: how many
    rows were cut.
    """

    format: RowFormat
    input_ids: list[array[int]] = field(default_factory=list)
    labels: list[array[int]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    tokens: int = 0
    trained_tokens: int = 0
    truncated: int = 0


def encode_rows(
    rows: Sequence[Row],
    tokenizer: Any,
    *,
    format: str = "auto",
    columns: Mapping[str, str] | None = None,
    max_length: int,
    mask_prompt: bool = True,
    on_progress: OnProgress | None = None,
) -> EncodedRows:
    """Encode `rows`.

    Args:
        format: The row format, or auto to recognise it.
        columns: For fields of the format the column that holds them, where its name is another.
        max_length: Tokens kept of each row, from its start.
        on_progress: Told rows done and rows in all after each batch; may raise to interrupt.

    Raises:
        UserError: the format is unclear, or rows cannot be trained on; lists them.
    """
    encoded = EncodedRows(recognise(rows, format, columns))
    _refuse_judgements(encoded.format)
    problems: list[RowProblem] = []
    encoder = Encoder(tokenizer, mask_prompt)
    for start in range(0, len(rows), BATCH_ROWS):
        batch = range(start, min(start + BATCH_ROWS, len(rows)))
        numbers, rendered = _render(rows, batch, encoder, encoded.format, problems)
        for number, item in zip(numbers, encoder.encode(rendered), strict=True):
            _add(encoded, item, number, max_length, problems)
        if on_progress is not None:
            on_progress(batch.stop, len(rows))
    if problems:
        raise_problems(problems, len(rows))
    return encoded


def split_rows(count: int, eval_fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Split rows 0 to `count` - 1 at random into training and evaluation rows, each in order.

    Raises:
        UserError: there are fewer than two rows.
    """
    if count < 2:
        raise UserError(
            _("One row cannot be split into training and evaluation."),
            "data: eval_fraction",
            _("Set it to 0."),
        )
    held = min(max(round(count * eval_fraction), 1), count - 1)
    evaluation = set(random.Random(seed).sample(range(count), held))
    return [row for row in range(count) if row not in evaluation], sorted(evaluation)


def _refuse_judgements(format: RowFormat) -> None:
    """Raise UserError if what rows of a format teach is no answer to learn, as supervised fine-tuning would."""
    columns = _("columns read: {columns}", columns=", ".join(format.columns))
    if format.name == "preference":
        raise UserError(
            _(
                "The rows are pairs of a better and a worse answer (format preference), and sft learns one answer."
            ),
            columns,
            _("Give rows with one answer each."),
        )
    if format.name == "kto":
        raise UserError(
            _(
                "The rows say which answers are wanted (format kto), and sft would learn the unwanted ones too."
            ),
            columns,
            _(
                "Keep the rows with wanted answers and leave the column {label!r} out.",
                label=format.column("label"),
            ),
        )


def _render(
    rows: Sequence[Row], batch: range, encoder: Encoder, format: RowFormat, problems: list[RowProblem]
) -> tuple[list[int], list[Rendered]]:
    numbers, rendered = [], []
    for number in batch:
        try:
            example = to_example(rows[number], number, format)
            assert isinstance(example, Conversation | PlainText)
            rendered.append(encoder.render(example))
            numbers.append(number)
        except RowProblem as problem:
            problems.append(problem)
        except TemplateProblem as problem:
            problems.append(RowProblem(number, "", problem.reason, problem.fix))
    return numbers, rendered


def _add(
    encoded: EncodedRows, item: Encoded, number: int, max_length: int, problems: list[RowProblem]
) -> None:
    length = len(item.input_ids)
    labels = array("i", item.labels[:max_length])
    # The first token is never predicted.
    trained = sum(label != IGNORED for label in labels[1:])
    if trained == 0:
        problems.append(_untrained(item, number, max_length))
        return
    encoded.input_ids.append(array("i", item.input_ids[:max_length]))
    encoded.labels.append(labels)
    encoded.lengths.append(length)
    encoded.tokens += len(labels)
    encoded.trained_tokens += trained
    encoded.truncated += length > max_length


def _untrained(item: Encoded, number: int, max_length: int) -> RowProblem:
    first = next((place for place, label in enumerate(item.labels[1:], start=1) if label != IGNORED), None)
    if first is None:
        return RowProblem(number, "", _("no token of it is trained"))
    reason = _("its answer starts after {first:,} tokens and is cut off", first=first)
    return RowProblem(
        number,
        "",
        reason,
        _("Raise data: max_length ({max_length:,} tokens now), or remove these rows.", max_length=max_length),
    )
