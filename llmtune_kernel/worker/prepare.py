"""What training and inspecting share: from a configuration to encoded rows."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.sections import Split
from llmtune_kernel.data.encoding import EncodedRows, split_rows
from llmtune_kernel.data.formats import list_problems
from llmtune_kernel.data.mixing import mix
from llmtune_kernel.data.sources import Place
from llmtune_kernel.locale import _, _n
from llmtune_kernel.worker.reading import OnProgress, SplitRows, read_split


@dataclass
class PreparedData:
    """What is trained on (`train` of `training`) and, if any, what is evaluated on (`evaluation` of `held_out`).

    `train`, `evaluation`: places in `encoded`, which rows that were left out have none in; in `train` in the order of
    the mixed sources, and several times where a source is repeated.
    """

    training: SplitRows
    train: list[int]
    held_out: SplitRows | None
    evaluation: list[int]


def prepare_data(
    config: RunConfig, tokenizer: Any, find: Callable[[Split], list[Place]], on_progress: OnProgress
) -> PreparedData:
    """Read, encode, split and mix the data of `config`.

    Args:
        find: Where the rows of each source of a split are.

    Raises:
        UserError: any mistake in the data.
    """
    data, seed = config.data, config.training.seed

    def read(split: Split) -> SplitRows:
        return read_split(data, split, find(split), tokenizer, seed, on_progress)

    training = read("train")
    if data.eval is not None:
        held_out = read("eval")
        evaluation = list(itertools.chain(*held_out.places()))
        return PreparedData(training, _mixed(config, training, training.places()), held_out, evaluation)
    if data.eval_fraction > 0:
        train, evaluation = _split(config, training)
        return PreparedData(training, train, training, evaluation)
    return PreparedData(training, _mixed(config, training, training.places()), None, [])


def _mixed(config: RunConfig, training: SplitRows, groups: list[list[int]]) -> list[int]:
    weights = [source.source.weight for source in training.sources]
    return mix(groups, weights, config.data.mix, config.training.seed)


def _split(config: RunConfig, training: SplitRows) -> tuple[list[int], list[int]]:
    """Split all rows, and then leave those out that cannot be used: no row changes sides when a setting changes.

    Raises:
        UserError: one side is left without rows.
    """
    used = sorted({row for source in training.sources for row in source.chosen})
    held = split_rows(len(used), config.data.eval_fraction, config.training.seed)[1]
    evaluated = {used[number] for number in held}
    groups = training.places(lambda row: row not in evaluated)
    evaluation = sorted(set(itertools.chain(*training.places(lambda row: row in evaluated))))
    if not all(groups) or not evaluation:
        raise UserError(
            _("The rows that are left cannot be split into training and evaluation."),
            "data: eval_fraction",
            _("Set it to 0, or correct the rows that are left out."),
        )
    return _mixed(config, training, groups), evaluation


def changed(encoded: EncodedRows, where: str, limit: int) -> list[str]:
    """What became of rows that are not trained on as they are: one sentence for each kind, with the rows skipped."""
    said = []
    if encoded.shielded:
        said.append(
            _n(
                "{where}: in {count:,} row the contents hold special tokens, which are encoded as plain text.",
                "{where}: in {count:,} rows the contents hold special tokens, which are encoded as plain text.",
                encoded.shielded,
                where=where,
            )
        )
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
