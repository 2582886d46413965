"""What a run tells while it is made ready, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from llmtune_kernel.config import KtoObjective, RewardedObjective, RunConfig
from llmtune_kernel.data.cutting import EncodedRows
from llmtune_kernel.data.duplicates import duplicates, near_duplicates
from llmtune_kernel.data.formats import list_problems, unread_media
from llmtune_kernel.data.languages import languages, shares
from llmtune_kernel.data.named_templates import about_endless, unknown_control_tokens
from llmtune_kernel.data.summary import format_names
from llmtune_kernel.locale import _, _n
from llmtune_kernel.models.loading import device
from llmtune_kernel.models.rope import most_positions
from llmtune_kernel.runs.events import Log, Payload, State
from llmtune_kernel.runs.wording import language_text, source_text
from llmtune_kernel.training.tracking import TensorBoard
from llmtune_kernel.worker.prepare import Chosen, PreparedData, run_tokens, total_steps

# Rows that are looked at for near duplicates before a run: a second's work.
_ROWS_COMPARED = 10_000


class Teller:
    """Tells everything to the events of the run and to what tracks it; knows the state that it told last."""

    def __init__(self, write: Callable[[Payload], None], tracker: TensorBoard | None) -> None:
        self.state = State(state="loading")
        self._write, self._tracker = write, tracker

    def __call__(self, payload: Payload) -> None:
        """Tell it."""
        if isinstance(payload, State):
            self.state = payload
        self._write(payload)
        if self._tracker:
            self._tracker.write(payload)

    def warn(self, message: str) -> None:
        """Tell a warning."""
        self(Log(level="warning", message=message))

    def close(self) -> None:
        """Tell what tracks the run that nothing more comes."""
        if self._tracker:
            self._tracker.close()


def data_warnings(config: RunConfig, tokenizer: Any, data: PreparedData) -> Iterator[str]:
    """What is to be known of the data: tokens that are none, rows left out or truncated, batches that are too small."""
    if config.data.template and (unknown := unknown_control_tokens(tokenizer)):
        yield _(
            "The chat template {template} writes {tokens}, which are no special tokens of this tokenizer: they are "
            "encoded as plain text, and a model takes longer to learn them.",
            template=config.data.template,
            tokens=", ".join(unknown),
        )
    if config.data.train_on_eos and (endless := about_endless(tokenizer, data.train.split.encoded)):
        yield endless
    if isinstance(config.objective, KtoObjective) and config.training.per_device_train_batch_size == 1:
        yield _(
            "kto estimates the divergence from the model before training in each batch, here from one answer: "
            "training.per_device_train_batch_size of 2 or more estimates it better."
        )
    for name, split in data.splits().items():
        if name == "train" or split is not data.train.split:
            if unread := unread_media(split.columns):
                yield unread
            yield from changed(split.encoded, f"data.{name}", config.data.max_length)


def position_warnings(model: Any, data: PreparedData) -> Iterator[str]:
    """Says where rows are longer than the model was made for."""
    positions = most_positions(model.config)
    longest = data.longest
    if positions and longest > positions:
        yield _(
            "The longest row has {longest:,} tokens, but the model was made for at most "
            "{positions:,}: set data.max_length to {positions} or less.",
            longest=longest,
            positions=positions,
        )


def trained_parameters(model: Any, dtype: torch.dtype) -> str:
    """How many of the parameters are trained, in what precision and where."""
    total = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return _(
        "{trained:,} of {total:,} parameters are trained ({share:.2%}), in {dtype}, on {device}.",
        trained=trained,
        total=total,
        share=trained / total,
        dtype=str(dtype).removeprefix("torch."),
        device=device().type,
    )


def described(config: RunConfig, tokenizer: Any, data: PreparedData) -> list[str]:
    """What the training rows are, one sentence for each kind of figure."""
    encoded = data.train.split.encoded
    lengths = encoded.lengths
    same, alike = duplicates(encoded), near_duplicates(encoded, _ROWS_COMPARED)
    again, near = len(same), len(alike.keys() - same.keys())
    used, format = data.train.rows, format_names(encoded)
    tokens, trained = sum(data.train.tokens), data.train.trained_tokens
    answers = isinstance(config.objective, RewardedObjective)  # of lengths that nobody knows yet
    if answers:
        rows = _n(
            "{count:,} prompt to answer ({format}).",
            "{count:,} prompts to answer ({format}).",
            used,
            format=format,
        )
    else:
        rows = _n(
            "{count:,} row to train on ({format}), {tokens:,} tokens, {trained:,} ({share:.0%}) of them trained.",
            "{count:,} rows to train on ({format}), {tokens:,} tokens, {trained:,} ({share:.0%}) of them trained.",
            used,
            format=format,
            tokens=tokens,
            trained=trained,
            share=trained / tokens,
        )
    said = [
        rows,
        *_by_source(data.train),
        *([] if answers else [_planned(config, data)]),
        _(
            "Tokens a row: {low:,} to {high:,}, median {median:,.10g}.",
            low=int(lengths.min()),
            high=int(lengths.max()),
            median=float(np.median(lengths)),
        ),
    ]
    if again or near:
        said.append(_("Duplicate rows: {same:,} exact, {near:,} near.", same=again, near=near))
    if told := languages(encoded, tokenizer):
        said.append(
            _n(
                "Languages, told by {count:,} row: {languages}.",
                "Languages, told by {count:,} rows: {languages}.",
                told.total(),
                languages=language_text(shares(told)),
            )
        )
    return said


def _by_source(chosen: Chosen) -> list[str]:
    """What is taken of each source, where there are several."""
    sources = chosen.split.sources
    if len(sources) == 1:
        return []
    return [
        source_text(source.source.source, source.rows, share.rows, share.tokens)
        for source, share in zip(sources, chosen.shares, strict=True)
    ]


def _planned(config: RunConfig, data: PreparedData) -> str:
    return _n(
        "{count:,} step, with {tokens:,} tokens in all.",
        "{count:,} steps, with {tokens:,} tokens in all.",
        total_steps(config, data),
        tokens=run_tokens(config, data),
    )


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
    if encoded.parted:
        said.append(
            _n(
                "{where}: {count:,} text is longer than {limit:,} tokens and is trained on in pieces.",
                "{where}: {count:,} texts are longer than {limit:,} tokens and are trained on in pieces.",
                encoded.parted,
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
    if encoded.answers_cut:
        said.append(
            _n(
                "{where}: in {count:,} row an answer is cut away whole, and another is trained.",
                "{where}: in {count:,} rows an answer is cut away whole, and another is trained.",
                encoded.answers_cut,
                where=where,
            )
        )
    return said
