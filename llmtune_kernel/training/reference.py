"""The model before training: how likely it found the answers, for objectives that compare with it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from llmtune_kernel.stacking import only_beneath
from llmtune_kernel.training.collation import EncodedDataset, Item

# What an objective wants to know of a model on a batch: a tensor, of one value a sequence where it is precomputed.
Question = Callable[[Any, dict[str, Any]], torch.Tensor]
Reference = Callable[[Question, dict[str, Any]], torch.Tensor]


def no_reference(ask: Question, batch: dict[str, Any]) -> torch.Tensor:
    """0 for each sequence."""
    return torch.zeros(len(batch["sides"]), device=batch["sides"].device)


def precomputed(ask: Question, batch: dict[str, Any]) -> torch.Tensor:
    """What `precompute` found."""
    reference: torch.Tensor = batch["reference"]
    return reference


def without_adapter(model: Any) -> Reference:
    """Asks a `PeftModel` without the adapter that is trained, and without dropout."""

    def answer(ask: Question, batch: dict[str, Any]) -> torch.Tensor:
        training = model.training
        model.eval()
        try:
            with torch.no_grad(), only_beneath(model):
                return ask(model, batch)
        finally:
            model.train(training)

    return answer


def frozen_copy(model: Any) -> Reference:
    """Asks a copy of the model as it is now, without dropout; the copy takes memory like the model."""
    return beside(copy.deepcopy(model).requires_grad_(False))


def beside(model: Any) -> Reference:
    """Asks a second model, without dropout."""
    model.eval()

    def answer(ask: Question, batch: dict[str, Any]) -> torch.Tensor:
        with torch.no_grad():
            return ask(model, batch)

    return answer


@torch.no_grad()
def precompute(
    ask: Question,
    model: Any,
    dataset: EncodedDataset,
    collate: Callable[[list[Item]], dict[str, Any]],
    batch_size: int,
    on_progress: Callable[[int, int], None],
) -> None:
    """Ask the model once about all items of a data set, which then gives the answers with each.

    Args:
        on_progress: Told items done and items in all before each batch; may raise to interrupt.
    """
    where = next(model.parameters()).device
    training = model.training
    model.eval()
    found: list[np.ndarray[Any, Any]] = []
    for batch in DataLoader(dataset, batch_size=batch_size, collate_fn=collate):
        on_progress(min(len(found) * batch_size, len(dataset)), len(dataset))
        found.append(ask(model, moved(batch, where)).cpu().numpy())
    model.train(training)
    dataset.reference = np.concatenate(found).reshape(len(dataset), -1)


def moved(batch: dict[str, Any], where: torch.device) -> dict[str, Any]:
    """A batch with its tensors on a device."""

    def move(part: Any) -> Any:
        if isinstance(part, dict):
            return moved(part, where)
        return part.to(where) if torch.is_tensor(part) else part

    return {name: move(part) for name, part in batch.items()}
