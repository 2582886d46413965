"""What training and inspecting share: from a configuration to encoded rows."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.data.encoding import EncodedRows, encode_rows, split_rows
from llmtune_kernel.data.files import fingerprint_file, read_rows
from llmtune_kernel.data.formats import list_problems
from llmtune_kernel.locale import _, _n

OnProgress = Callable[[int, int], None]


@dataclass
class Split:
    """Rows of one source, read and encoded."""

    source: str
    path: Path
    fingerprint: str
    rows: list[dict[str, Any]]
    encoded: EncodedRows


@dataclass
class PreparedData:
    """What is trained on (`train` of `training`) and, if any, what is evaluated on (`evaluation` of `held_out`).

    `train`, `evaluation`: places in `encoded`, which rows that were left out have none in.
    """

    training: Split
    train: list[int]
    held_out: Split | None
    evaluation: list[int]


def prepare_data(
    config: RunConfig, tokenizer: Any, locate: Callable[[str, str], Path], on_progress: OnProgress
) -> PreparedData:
    """Read, encode and split the data of `config`.

    Args:
        locate: From the split (train, eval) and the source as configured to the file to read.

    Raises:
        UserError: any mistake in the data.
    """

    def read(split: str, source: str) -> Split:
        path = locate(split, source)
        rows = read_rows(path, config.data.limit if split == "train" else None)
        try:
            encoded = encode_rows(rows, tokenizer, config.data, on_progress)
        except UserError as error:
            where = f"data.{split}: {source}, {error.where}"
            raise UserError(error.what, where, error.fix) from None
        return Split(source, path.expanduser().absolute(), fingerprint_file(path), rows, encoded)

    training = read("train", config.data.train)
    whole = list(range(len(training.encoded.numbers)))
    if config.data.eval is not None:
        held_out = read("eval", config.data.eval)
        return PreparedData(training, whole, held_out, list(range(len(held_out.encoded.numbers))))
    if config.data.eval_fraction > 0:
        train, evaluation = _split(config, training)
        return PreparedData(training, train, training, evaluation)
    return PreparedData(training, whole, None, [])


def _split(config: RunConfig, training: Split) -> tuple[list[int], list[int]]:
    """Split all rows, and then leave those out that cannot be used: no row changes sides when a setting changes.

    Raises:
        UserError: one side is left without rows.
    """
    held = split_rows(len(training.rows), config.data.eval_fraction, config.training.seed)[1]
    numbers, evaluated = training.encoded.numbers, set(held)
    train = [place for place, number in enumerate(numbers) if number not in evaluated]
    evaluation = [place for place, number in enumerate(numbers) if number in evaluated]
    if not train or not evaluation:
        raise UserError(
            _("The rows that are left cannot be split into training and evaluation."),
            "data: eval_fraction",
            _("Set it to 0, or correct the rows that are left out."),
        )
    return train, evaluation


def left_out(encoded: EncodedRows, where: str, limit: int) -> list[str]:
    """What became of rows that are not trained on as they are: one sentence for each kind, with the rows skipped."""
    said = []
    if encoded.skipped:
        sentence = _n(
            "{where}: {count:,} row cannot be trained on and is skipped (rows are counted from 0):",
            "{where}: {count:,} rows cannot be trained on and are skipped (rows are counted from 0):",
            len(encoded.skipped),
            where=where,
        )
        said.append("\n".join([sentence, *list_problems(encoded.skipped)]))
    if encoded.dropped:
        said.append(
            _n(
                "{where}: {count:,} row is longer than {limit:,} tokens and is left out.",
                "{where}: {count:,} rows are longer than {limit:,} tokens and are left out.",
                len(encoded.dropped),
                where=where,
                limit=limit,
            )
        )
    if encoded.truncated:
        said.append(
            _n(
                "{where}: {count:,} row is longer than {limit:,} tokens and is cut.",
                "{where}: {count:,} rows are longer than {limit:,} tokens and are cut.",
                encoded.truncated,
                where=where,
                limit=limit,
            )
        )
    return said


def steps_per_epoch(config: RunConfig, rows: int) -> int:
    """Optimizer steps of one pass over `rows` training rows on one device."""
    batches = math.ceil(rows / config.training.per_device_train_batch_size)
    return max(math.ceil(batches / config.training.gradient_accumulation_steps), 1)


def total_steps(config: RunConfig, rows: int) -> int:
    """Optimizer steps of a run over `rows` training rows on one device."""
    return config.training.max_steps or math.ceil(
        config.training.num_train_epochs * steps_per_epoch(config, rows)
    )


def largest_batch(config: RunConfig, encoded: EncodedRows) -> tuple[int, int]:
    """Tokens, and trained ones among them, of a batch of the longest rows: no batch has more."""
    longest = heapq.nlargest(config.training.per_device_train_batch_size, map(len, encoded.input_ids))
    tokens = sum(longest)
    return tokens, tokens * encoded.trained_tokens // max(encoded.tokens, 1)
