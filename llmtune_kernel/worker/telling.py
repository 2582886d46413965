"""What a run tells while it is made ready, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from llmtune_kernel.config import RunConfig
from llmtune_kernel.data.formats import unread_media
from llmtune_kernel.data.named_templates import about_endless, unknown_control_tokens
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import device
from llmtune_kernel.models.rope import most_positions
from llmtune_kernel.runs.events import Log, Payload, State
from llmtune_kernel.training.tracking import TensorBoard
from llmtune_kernel.worker.prepare import PreparedData, changed


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
    """What is to be known of the data: tokens that are none, rows that were left out or truncated."""
    if config.data.template and (unknown := unknown_control_tokens(tokenizer)):
        yield _(
            "The chat template {template} writes {tokens}, which are no special tokens of this tokenizer: they are "
            "encoded as plain text, and a model takes longer to learn them.",
            template=config.data.template,
            tokens=", ".join(unknown),
        )
    if config.data.train_on_eos and (endless := about_endless(tokenizer, data.train.split.encoded)):
        yield endless
    for name, split in data.splits().items():
        if name == "train" or split is not data.train.split:
            if unread := unread_media(split.columns):
                yield unread
            yield from changed(split.encoded, f"data.{name}", config.data.max_length)


def position_warnings(model: Any, data: PreparedData) -> Iterator[str]:
    """Says where rows are longer than the model was made for."""
    positions = most_positions(model.config)
    windows = data.train.split.encoded.windows
    longest = int((windows.stops - windows.starts).max())
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
