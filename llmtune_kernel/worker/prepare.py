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
    """What is trained on (`train` of `training`) and, if any, what is evaluated on (`evaluation` of `held_out`)."""

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
            encoded = encode_rows(
                rows,
                tokenizer,
                format=config.data.format,
                columns={str(field): column for field, column in config.data.columns.items()},
                max_length=config.data.max_length,
                mask_prompt=config.data.mask_prompt,
                on_progress=on_progress,
            )
        except UserError as error:
            where = f"data.{split}: {source}, {error.where}"
            raise UserError(error.what, where, error.fix) from None
        return Split(source, path.expanduser().absolute(), fingerprint_file(path), rows, encoded)

    training = read("train", config.data.train)
    count = len(training.rows)
    if config.data.eval is not None:
        held_out = read("eval", config.data.eval)
        return PreparedData(training, list(range(count)), held_out, list(range(len(held_out.rows))))
    if config.data.eval_fraction > 0:
        train, evaluation = split_rows(count, config.data.eval_fraction, config.training.seed)
        return PreparedData(training, train, training, evaluation)
    return PreparedData(training, list(range(count)), None, [])


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
