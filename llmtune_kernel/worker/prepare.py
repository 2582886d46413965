"""What training and inspecting share: from a configuration to encoded rows."""

from __future__ import annotations

import functools
import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmtune_kernel.config import RewardedObjective, RunConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.data import Split
from llmtune_kernel.config.objectives import Objective
from llmtune_kernel.data.encoding import split_rows
from llmtune_kernel.data.examples import Conversation, Question, without_answer
from llmtune_kernel.data.formats import CONVERSATIONS, RowFormat, read_as
from llmtune_kernel.data.mixing import mix
from llmtune_kernel.data.packing import best_fit
from llmtune_kernel.data.recognition import formats_of_columns
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.data.sources import Place
from llmtune_kernel.locale import _
from llmtune_kernel.training.collation import EncodedDataset
from llmtune_kernel.worker.reading import OnProgress, OnRows, SplitRows, read_split


@dataclass(frozen=True)
class Share:
    """What is taken of a source: `rows`, of which a text in pieces is one, their `tokens`, `trained_tokens`."""

    rows: int
    tokens: int
    trained_tokens: int


@dataclass
class Chosen:
    """Examples of a split to train or to evaluate on: `sequences`, each the examples that share one.

    They are in the order of the mixed sources, and several times where a source is repeated; rows that were left out
    have none.
    """

    split: SplitRows
    sequences: list[list[int]]

    @property
    def rows(self) -> int:
        """How many rows they are from: a text in pieces is one."""
        return sum(share.rows for share in self.shares)

    @property
    def tokens(self) -> list[int]:
        """Tokens of each sequence."""
        sizes = self.split.encoded.sizes.tolist()
        return [sum(sizes[example] for example in sequence) for sequence in self.sequences]

    @property
    def trained_tokens(self) -> int:
        """How many of the tokens are learned."""
        return sum(share.trained_tokens for share in self.shares)

    @functools.cached_property
    def shares(self) -> list[Share]:
        """What is taken of each source."""
        encoded, examples = self.split.encoded, list(itertools.chain(*self.sequences))
        numbers, firsts = encoded.numbers, [source.first for source in self.split.sources]
        begins = np.concatenate([[True], numbers[1:] != numbers[:-1]])
        places = np.searchsorted(firsts, numbers[examples], "right") - 1
        sums = (
            np.bincount(places, values[examples], len(firsts)).astype(int).tolist()
            for values in (begins, encoded.sizes, encoded.windows.trained.sum(axis=1))
        )
        return [Share(*share) for share in zip(*sums, strict=True)]

    def apart(self) -> Chosen:
        """The same with every example in a sequence of its own."""
        return Chosen(self.split, [[example] for example in itertools.chain(*self.sequences)])


@dataclass
class PreparedData:
    """What is trained on and, if anything is, what is evaluated on."""

    train: Chosen
    evaluation: Chosen | None

    def apart(self) -> PreparedData:
        """The same with every example in a sequence of its own, for models that cannot keep joined ones apart."""
        return PreparedData(self.train.apart(), self.evaluation and self.evaluation.apart())

    @property
    def longest(self) -> int:
        """Tokens of the longest row that is trained on."""
        windows = self.train.split.encoded.windows
        return int((windows.stops - windows.starts).max())

    def splits(self) -> dict[Split, SplitRows]:
        """The rows of each split, also where both are from the same sources."""
        found: dict[Split, SplitRows] = {"train": self.train.split}
        return found | ({"eval": self.evaluation.split} if self.evaluation else {})


def prepare_data(
    config: RunConfig,
    tokenizer: Any,
    find: Callable[[Split], list[Place]],
    on_progress: OnProgress,
    on_rows: OnRows | None = None,
) -> PreparedData:
    """Read, encode, split and mix the data of `config`.

    Args:
        find: Where the rows of each source of a split are.
        on_progress, on_rows: As of `read_split`; the latter takes those of the training data.

    Raises:
        UserError: any mistake in the data.
    """
    data, seed = config.data, config.training.seed

    def read(split: Split, on_rows: OnRows | None = None) -> SplitRows:
        return read_split(data, split, find(split), tokenizer, seed, on_progress, on_rows)

    training = read("train", on_rows)
    if data.sets_aside:
        train, evaluation = _split(config, training)
        return PreparedData(_chosen(config, training, train), _chosen(config, training, evaluation))
    train = _mixed(config, training, training.places())
    if data.eval is None:
        return PreparedData(_chosen(config, training, train), None)
    held_out = read("eval")
    evaluation = list(itertools.chain(*held_out.places()))
    return PreparedData(_chosen(config, training, train), _chosen(config, held_out, evaluation))


def _mixed(config: RunConfig, training: SplitRows, groups: list[list[int]]) -> list[int]:
    weights = [source.source.weight for source in training.sources]
    return mix(groups, weights, config.data.mix, config.training.seed)


def _chosen(config: RunConfig, split: SplitRows, examples: list[int]) -> Chosen:
    encoded = split.encoded
    sizes, joined = encoded.sizes.tolist(), encoded.joined.tolist()
    return Chosen(split, best_fit(examples, sizes, joined, config.data.max_length))


def _split(config: RunConfig, training: SplitRows) -> tuple[list[int], list[int]]:
    """Split all rows, and then leave those out that cannot be used: no row changes sides when a setting changes.

    Raises:
        UserError: one side is left without rows.
    """
    used = sorted({row for source in training.sources for row in source.chosen})
    held_out = config.data.eval_rows or config.data.eval_fraction
    held = split_rows(len(used), held_out, config.training.seed)[1]
    evaluated = {used[number] for number in held}
    groups = training.places(lambda row: row not in evaluated)
    evaluation = sorted(set(itertools.chain(*training.places(lambda row: row in evaluated))))
    if not all(groups) or not evaluation:
        raise UserError(
            _("The rows that are left cannot be split into training and evaluation."),
            f"data: {config.data.sets_aside}",
            _("Set it to 0, or correct the rows that are left out."),
            [leave_out(f"data.{config.data.sets_aside}", _("Set no rows aside"))],
        )
    return _mixed(config, training, groups), evaluation


def prompts_of(chosen: Chosen) -> list[Question]:
    """What the rows of a split ask, without the last answer, in the order of its examples.

    Raises:
        UserError: the rows cannot be read again.
    """
    encoded, wanted = chosen.split.encoded, list(itertools.chain(*chosen.sequences))
    used = set(encoded.numbers[wanted].tolist())
    asked: dict[int, Question] = {}
    for source, format in zip(chosen.split.sources, encoded.formats, strict=True):
        for number, row in enumerate(source.found.rows):
            if source.first + number in used:
                example = to_example(row, number, format)
                assert isinstance(example, Conversation)  # `refuse_unfit` has seen to it
                asked[source.first + number] = Question(**vars(without_answer(example)), row=row)
    return [asked[number] for number in encoded.numbers[wanted].tolist()]


def refuse_unfit(config: RunConfig, data: PreparedData) -> None:
    """Raise UserError if what rows teach is not what the objective learns from."""
    objective = config.objective
    for name, split in data.splits().items():
        for number, (source, format) in enumerate(zip(split.sources, split.encoded.formats, strict=True)):
            if said := _unfit(objective, format):
                columns = _("columns read: {columns}", columns=", ".join(format.columns))
                where = f"data.{name}: {source.source.source}, {columns}"
                others = [
                    config.data.change_of_source(name, number, read_as(other))
                    for other in formats_of_columns(source.survey.columns)
                    if not _unfit(objective, RowFormat(other, {}))
                ]
                fitting = change_to("objective.type", _FITTING.get(format.name, "sft"))
                what, fix = said
                raise UserError(what, where, fix, [fitting, *others])


# What rows of some formats teach; others answers to learn.
_FITTING = {"preference": "dpo", "kto": "kto", "reward": "reward", "prompt": "ppo"}
# What else learns from rows of a format.
_FITTING_TOO = {("pretrain", "text"), ("reward", "preference"), ("grpo", "prompt")}
# ppo and grpo take the prompts of conversations, too, and leave their answers.
_FITTING_TOO |= {(type_, name) for type_ in ("ppo", "grpo") for name in CONVERSATIONS}


def _unfit(objective: Objective, format: RowFormat) -> tuple[str, str] | None:
    """Why rows of a format do not suit an objective, and what to do; None if they do."""
    fitting = _FITTING.get(format.name, "sft")
    if objective.type == fitting or (objective.type, format.name) in _FITTING_TOO:
        return None
    if format.name == "reward":
        what = _(
            "The rows are pairs for a reward model (format reward), and {objective} trains none.",
            objective=objective.type,
        )
        return what, _("Set objective: reward, or format: preference and objective: dpo.")
    if isinstance(objective, RewardedObjective):
        what = _(
            "The rows hold no prompts to answer (format {format}), as {objective} needs.",
            format=format.name,
            objective=objective.type,
        )
        fix = _("Give rows with a column prompt, or set objective: {objective}.", objective=fitting)
        return what, fix
    if format.name == "prompt":
        what = _(
            "The rows are prompts without answers (format prompt), and {objective} needs answers.",
            objective=objective.type,
        )
        fix = _(
            "Name the column that holds the answers (data.columns: completion), or set objective: ppo or grpo."
        )
        return what, fix
    if objective.type == "pretrain":
        what = _("The rows are not plain text (format {format}), as pretrain needs.", format=format.name)
        fix = _(
            "Name the column that holds the text (data.columns: text), or set objective: {objective}.",
            objective=fitting,
        )
        return what, fix
    if objective.type in ("dpo", "reward"):
        what = _(
            "The rows are not pairs of a better and a worse answer (format {format}), as {objective} needs.",
            format=format.name,
            objective=objective.type,
        )
        fix = _(
            "Give rows with the columns chosen and rejected, or set objective: {objective}.",
            objective=fitting,
        )
    elif objective.type == "kto":
        what = _(
            "The rows do not say which answers are wanted (format {format}), as kto needs.",
            format=format.name,
        )
        fix = _(
            "Give rows with a column label, true or false, or set objective: {objective}.", objective=fitting
        )
    elif fitting == "dpo":
        what = _(
            "The rows are pairs of a better and a worse answer (format preference), and sft learns one answer."
        )
        fix = _("Set objective: dpo, or give rows with one answer each.")
    else:
        what = _(
            "The rows say which answers are wanted (format kto), and sft would learn the unwanted ones too."
        )
        fix = _(
            "Set objective: kto, or keep the rows with wanted answers and leave the column {label!r} out.",
            label=format.column("label"),
        )
    return what, fix


def steps_per_epoch(config: RunConfig, data: PreparedData) -> int:
    """Optimizer steps of one pass over the training data on one device."""
    objective, rows = config.objective, len(data.train.sequences)
    if isinstance(objective, RewardedObjective):
        rollouts = math.ceil(rows * objective.answers_per_prompt / config.rollout_size)
        batches = rollouts * config.rollout_batches * objective.passes
    else:
        batches = math.ceil(rows / config.training.per_device_train_batch_size)
    return max(math.ceil(batches / config.training.gradient_accumulation_steps), 1)


def total_steps(config: RunConfig, data: PreparedData) -> int:
    """Optimizer steps of a run on one device."""
    return config.training.max_steps or math.ceil(
        config.training.num_train_epochs * steps_per_epoch(config, data)
    )


def run_tokens(config: RunConfig, data: PreparedData) -> int:
    """Tokens of a whole run, about."""
    return round(sum(data.train.tokens) * total_steps(config, data) / steps_per_epoch(config, data))


def largest_batch(config: RunConfig, data: PreparedData) -> EncodedDataset:
    """A batch of the longest sequences: no batch has more tokens."""
    train, count = data.train, config.training.per_device_train_batch_size
    longest = heapq.nlargest(count, zip(train.tokens, train.sequences, strict=True))
    items = EncodedDataset(train.split.encoded.example, [sequence for _tokens, sequence in longest])
    return with_answers(config, items)


def with_answers(config: RunConfig, items: EncodedDataset) -> EncodedDataset:
    """Prompts with the longest answers that the model may draw; the same items where it draws none."""
    if not isinstance(config.objective, RewardedObjective):
        return items
    answer = np.zeros(config.objective.longest_answer, np.int32)

    def answered(prompt: TokenSequence) -> TokenSequence:
        ids = np.concatenate([prompt.ids, answer])
        return TokenSequence(ids, np.arange(len(ids)) >= len(prompt.ids))

    return EncodedDataset(lambda number: list(map(answered, items.example(number))), items.items)


def batch_size(config: RunConfig, items: EncodedDataset) -> tuple[int, int]:
    """Tokens of a batch, and those with logits among them."""
    sequences = [sequence for number in range(len(items)) for sequence in items[number].sequences]
    targets = 0 if config.scores else sum(int(sequence.trained[1:].sum()) for sequence in sequences)
    return sum(len(sequence.ids) for sequence in sequences), targets
