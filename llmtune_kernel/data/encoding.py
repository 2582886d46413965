"""A whole data set as token ids and labels, cut to length and split."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.data.answers import TemplateProblem
from llmtune_kernel.data.examples import Conversation, PlainText
from llmtune_kernel.data.formats import Row, RowFormat, raise_problems, recognise
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.template import IGNORED, Encoded, Encoder, Rendered
from llmtune_kernel.data.turns import RowProblem, tags_from
from llmtune_kernel.locale import _

OnProgress = Callable[[int, int], None]

BATCH_ROWS = 256


@dataclass
class EncodedRows:
    """The rows of a data set, encoded, in order.

    `numbers`: which row each is, from 0. `input_ids`, `labels`: for each int32 ids and labels (-100: not trained), at
    most `max_length` of them. `lengths`: tokens of each before cutting. `tokens`, `trained_tokens`: sums after cutting;
    `truncated`: how many were cut; `shielded`: in how many special tokens stood in the contents. `skipped`, `dropped`:
    the rows left out because they cannot be trained on, and because they are too long. `formats`: of each source of
    rows.
    """

    formats: list[RowFormat]
    numbers: list[int] = field(default_factory=list)
    input_ids: list[array[int]] = field(default_factory=list)
    labels: list[array[int]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    tokens: int = 0
    trained_tokens: int = 0
    truncated: int = 0
    shielded: int = 0
    skipped: list[RowProblem] = field(default_factory=list)
    dropped: list[RowProblem] = field(default_factory=list)

    def left_out(self, skipped: bool = True, dropped: bool = True) -> list[RowProblem]:
        """The rows left out for one reason or both, in order."""
        found = [*(self.skipped if skipped else ()), *(self.dropped if dropped else ())]
        return sorted(found, key=lambda problem: (problem.source, problem.row))

    def append(self, other: EncodedRows, first: int, source: str) -> None:
        """Add the rows of another source, whose row 0 becomes row `first`."""
        for problem in other.left_out():
            problem.source = source
        self.formats += other.formats
        self.numbers += [first + number for number in other.numbers]
        self.input_ids += other.input_ids
        self.labels += other.labels
        self.lengths += other.lengths
        self.tokens += other.tokens
        self.trained_tokens += other.trained_tokens
        self.truncated += other.truncated
        self.shielded += other.shielded
        self.skipped += other.skipped
        self.dropped += other.dropped


def encode_rows(
    rows: Sequence[Row],
    tokenizer: Any,
    config: DataConfig,
    on_progress: OnProgress | None = None,
    *,
    format: RowFormat | None = None,
    chosen: Sequence[int] | None = None,
) -> EncodedRows:
    """Encode `rows`.

    Args:
        format: Of the rows; None recognises it.
        chosen: The numbers of the rows to encode, in order; None takes all.
        on_progress: Told rows done and rows in all after each batch; may raise to interrupt.

    Raises:
        UserError: the format is unclear, rows cannot be trained on (lists them), or none is left.
    """
    format = format or recognise(rows, config.format, config.columns, tags_from(config.tags))
    encoded = EncodedRows([format])
    _refuse_judgements(format)
    encoder = Encoder(tokenizer, config)
    chosen = range(len(rows)) if chosen is None else chosen
    for start in range(0, len(chosen), BATCH_ROWS):
        batch = chosen[start : start + BATCH_ROWS]
        numbers, rendered = _render(rows, batch, encoder, format, encoded)
        for number, item in zip(numbers, encoder.encode(rendered), strict=True):
            _add(encoded, item, number, config)
        if on_progress is not None:
            on_progress(start + len(batch), len(chosen))
    refused = encoded.left_out(
        skipped=config.on_bad_row == "error" or not encoded.numbers,
        dropped=config.truncation == "error" or not encoded.numbers,
    )
    if refused:
        raise_problems(refused, len(chosen))
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
    rows: Sequence[Row], batch: Sequence[int], encoder: Encoder, format: RowFormat, encoded: EncodedRows
) -> tuple[list[int], list[Rendered]]:
    numbers, rendered = [], []
    for number in batch:
        try:
            example = to_example(rows[number], number, format)
            assert isinstance(example, Conversation | PlainText)
            item = encoder.render(example)
            encoded.shielded += item.named is not None
            rendered.append(item)
            numbers.append(number)
        except RowProblem as problem:
            encoded.skipped.append(problem)
        except TemplateProblem as problem:
            encoded.skipped.append(RowProblem(number, "", problem.reason, problem.fix))
    return numbers, rendered


def _add(encoded: EncodedRows, item: Encoded, number: int, config: DataConfig) -> None:
    length, limit = len(item.input_ids), config.max_length
    if length > limit and config.truncation in ("drop", "error"):
        encoded.dropped.append(_too_long(number, length, limit))
        return
    kept = slice(-limit, None) if config.truncation == "left" else slice(limit)
    labels = array("i", item.labels[kept])
    # The first token is never predicted.
    trained = len(labels) - labels.count(IGNORED) - (labels[0] != IGNORED)
    if trained == 0:
        encoded.skipped.append(_untrained(item, number, config))
        return
    encoded.numbers.append(number)
    encoded.input_ids.append(array("i", item.input_ids[kept]))
    encoded.labels.append(labels)
    encoded.lengths.append(length)
    encoded.tokens += len(labels)
    encoded.trained_tokens += trained
    encoded.truncated += length > limit


def _too_long(number: int, length: int, limit: int) -> RowProblem:
    reason = _("is {length:,} tokens long, more than {limit:,}", length=length, limit=limit)
    return RowProblem(number, "", reason, _longer(limit))


def _untrained(item: Encoded, number: int, config: DataConfig) -> RowProblem:
    trained = [place for place, label in enumerate(item.labels) if label != IGNORED and place > 0]
    if not trained:
        return RowProblem(number, "", _("no token of it is trained"))
    if config.truncation == "left":
        after = len(item.labels) - 1 - trained[-1]
        reason = _("its last answer ends {after:,} tokens before its end and is cut off", after=after)
    else:
        reason = _("its answer starts after {first:,} tokens and is cut off", first=trained[0])
    return RowProblem(number, "", reason, _longer(config.max_length))


def _longer(limit: int) -> str:
    return _("Raise data: max_length ({max_length:,} tokens now), or remove these rows.", max_length=limit)
