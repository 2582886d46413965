"""Before a run trains: what memory it takes, whether so much is free, and whether activations are computed anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from llmtune_kernel.config import RunConfig
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import device
from llmtune_kernel.models.memory import (
    activation_bytes,
    checkpoint_bytes,
    free_for_training,
    free_memory,
    leaves_checkpointing_open,
    rough_bytes,
    wants_checkpointing,
)
from llmtune_kernel.runs.events import Log
from llmtune_kernel.runs.wording import size, ways_to_fit
from llmtune_kernel.worker.estimating import Estimator, this_machine
from llmtune_kernel.worker.fitting import solutions, told
from llmtune_kernel.worker.prepare import batch_size
from llmtune_kernel.worker.telling import Teller


def decide_checkpointing(
    config: RunConfig,
    model: Any,
    other: Any,
    dtype: torch.dtype,
    estimator: Estimator,
    tell: Teller,
    loading: Callable[[str], None],
) -> bool:
    """Whether activations are computed anew in the backward pass; tells what memory the run takes.

    Args:
        model: That is trained, loaded and prepared.
        other: The model that takes the place of the one before training, if any does.
        dtype: Precision of matrix products.
        estimator: Of the model and the largest batch.
        loading: Told what is done; may raise to interrupt.
    """
    tokens, targets = batch_size(config, estimator.items)
    needed = activation_bytes(model.config, tokens, targets, dtype.itemsize)
    free, there = free_memory(device()), free_for_training(device())
    wanted = wants_checkpointing(config, needed, free)
    # To count a step takes seconds: far from the limit it is not done.
    if 2 * (needed + checkpoint_bytes(config, model)) <= free:
        on_gpu = device().type != "cpu"
        rough = rough_bytes(config, model, other, tokens, targets, dtype, wanted, on_gpu)
        _tell_size(rough, there, tell)
        return wanted
    loading(_("counting the memory of a step"))
    counted = estimator.estimate(config, this_machine(config))
    wanted = wanted or (leaves_checkpointing_open(config) and counted.gradient_checkpointing)
    if wanted and config.training.gradient_checkpointing == "auto":
        tell(Log(message=_("Gradient checkpointing is on: without it the run would need too much memory.")))
    if counted.total <= there or config.training.auto_batch_size:
        _tell_size(counted.total, there, tell)
    else:
        ways = solutions(config, estimator, this_machine(config), lambda: loading(_("looking for what fits")))
        said = _(
            "The run needs about {needed}, and {free} are free: memory may run out.",
            needed=size(counted.total),
            free=size(there),
        )
        tell.warn(f"{said} {ways_to_fit(told(ways))}")
    return wanted


def _tell_size(needed: int, free: int, tell: Teller) -> None:
    message = _(
        "The run takes about {needed} of memory; {free} are free.", needed=size(needed), free=size(free)
    )
    tell(Log(message=message))
