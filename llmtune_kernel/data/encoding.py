"""From rows to token sequences, batch by batch, and how rows are split."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.data.answers import TemplateProblem
from llmtune_kernel.data.cutting import EncodedRows, cut, refuse_left_out
from llmtune_kernel.data.examples import Conversation, Example, Feedback, PlainText, Preference
from llmtune_kernel.data.formats import ASKING, Row, RowFormat
from llmtune_kernel.data.problems import RowProblem
from llmtune_kernel.data.recognition import recognise
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.sequences import CHOSEN, REJECTED, SequenceBatch, Sequences
from llmtune_kernel.data.template import Encoder, Rendered
from llmtune_kernel.data.turns import tags_from
from llmtune_kernel.locale import _

OnProgress = Callable[[int, int], None]

BATCH_ROWS = 256


@dataclass(frozen=True)
class Batch:
    """Encoded rows of a batch: the sequences of those that can be trained on, what is wrong with the others."""

    sequences: pa.RecordBatch
    problems: list[RowProblem]


def encode_rows(
    rows: Sequence[Row],
    tokenizer: Any,
    config: DataConfig,
    on_progress: OnProgress | None = None,
    *,
    format: RowFormat | None = None,
) -> EncodedRows:
    """Encode `rows` and cut them to length.

    Args:
        format: Of the rows; None recognises it.
        on_progress: Told rows done and rows in all after each batch; may raise to interrupt.

    Raises:
        UserError: the format is unclear, rows cannot be trained on (lists them), or none is left.
    """
    format = format or recognise(rows, config.format, config.columns, tags_from(config.tags))
    batches = list(encode_batches(enumerate(rows), len(rows), tokenizer, config, format, on_progress))
    problems = [problem for batch in batches for problem in batch.problems]
    encoded = cut(Sequences(batch.sequences for batch in batches), problems, format, config)
    refuse_left_out(encoded, config)
    return encoded


def encode_batches(
    rows: Iterable[tuple[int, Row]],
    count: int,
    tokenizer: Any,
    config: DataConfig,
    format: RowFormat,
    on_progress: OnProgress | None = None,
) -> Iterator[Batch]:
    """Encode rows whole, as they come.

    A pair has two sequences, the chosen one first; every other row has one.

    Args:
        rows: Each with its number.
        count: How many there are.
        on_progress: As of `encode_rows`.
    """
    if format.name in ASKING:
        config = config.model_copy(update={"train_on_prompt": False})
    encoder = Encoder(tokenizer, config)
    rows = iter(rows)

    def finish(begun: _Begun) -> Batch:
        tokens = begun.tokens()
        if on_progress is not None:
            on_progress(begun.done, count)
        return _mark(encoder, begun, tokens)

    # While the tokenizer, outside of Python and on all cores, works on a batch, the next one is rendered.
    with ThreadPoolExecutor(1, "llmtune-tokenizer") as thread:
        waiting: _Begun | None = None
        done = 0
        while batch := list(itertools.islice(rows, BATCH_ROWS)):
            items, problems = _render(batch, encoder, format)
            tokens = thread.submit(encoder.tokenize, [item.rendered for item in items])
            if waiting is not None:
                yield finish(waiting)
            done += len(batch)
            waiting = _Begun(items, problems, tokens.result, done)
        if waiting is not None:
            yield finish(waiting)


def split_rows(count: int, held_out: float, seed: int) -> tuple[list[int], list[int]]:
    """Split rows 0 to `count` - 1 at random into training and evaluation rows, each in order.

    Args:
        held_out: Of the evaluation rows, their share below 1, or their number.

    Raises:
        UserError: there are fewer than two rows, or none would be left to train on.
    """
    if held_out >= max(count, 1):
        raise UserError(
            _("{held:,} of {count:,} rows cannot be set aside.", held=int(held_out), count=count),
            "data: eval_rows",
            _("Set fewer aside."),
            [leave_out("data.eval_rows", _("Set no rows aside"))],
        )
    if count < 2:
        raise UserError(
            _("One row cannot be split into training and evaluation."),
            "data: eval_fraction",
            _("Set it to 0."),
            [leave_out("data.eval_fraction", _("Set no rows aside"))],
        )
    share = round(count * held_out) if held_out < 1 else int(held_out)
    held = min(max(share, 1), count - 1)
    evaluation = set(random.Random(seed).sample(range(count), held))
    return [row for row in range(count) if row not in evaluation], sorted(evaluation)


@dataclass(frozen=True)
class _Item:
    row: int
    side: int
    rendered: Rendered


@dataclass(frozen=True)
class _Begun:
    """A batch at the tokenizer; `done`: rows that are done with it."""

    items: list[_Item]
    problems: list[RowProblem]
    tokens: Callable[[], Any]
    done: int


def _render(
    batch: Sequence[tuple[int, Row]], encoder: Encoder, format: RowFormat
) -> tuple[list[_Item], list[RowProblem]]:
    items, problems = [], []
    for number, row in batch:
        try:
            sides = sides_of(to_example(row, number, format))
            items += [_Item(number, side, encoder.render(part)) for side, part in sides]
        except RowProblem as problem:
            problems.append(problem)
        except TemplateProblem as problem:
            problems.append(RowProblem(number, "", problem.reason, problem.fix))
    return items, problems


def sides_of(example: Example) -> list[tuple[int, Conversation | PlainText]]:
    """The sequences that a row becomes, each with its side of a judgement."""
    if isinstance(example, Preference):
        return [(CHOSEN, example.chosen), (REJECTED, example.rejected)]
    if isinstance(example, Feedback):
        return [(CHOSEN if example.desirable else REJECTED, example.conversation)]
    return [(0, example)]


def _mark(encoder: Encoder, begun: _Begun, tokens: Any) -> Batch:
    batch = SequenceBatch()
    sequences = encoder.mark([item.rendered for item in begun.items], tokens)
    for item, sequence in zip(begun.items, sequences, strict=True):
        batch.append(item.row, item.side, item.rendered.named is not None, sequence)
    return Batch(batch.to_arrow(), begun.problems)
