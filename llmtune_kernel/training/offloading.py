"""Activations wait in the memory of the machine, and not on the GPU, until the backward pass needs them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from llmtune_kernel.config import TrainingConfig, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import device

# What keeps a tensor elsewhere, and gives what brings it back.
Keep = Callable[[torch.Tensor], Callable[[], torch.Tensor]]

_SMALLEST = 1024  # values; a smaller tensor is not worth the way


def check_offloading(config: TrainingConfig) -> None:
    """Raise UserError if activations are to leave a GPU, and there is none."""
    if config.activation_offloading and device().type == "cpu":
        raise UserError(
            _("There is no GPU here that activations could leave."),
            "training.activation_offloading",
            _("Leave it out."),
            [leave_out("training.activation_offloading")],
        )


def in_host_memory(tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Copy a tensor into the memory of the machine.

    Copies are made in the order of the computations: none is read, and no source used again, before it is whole.
    """
    where = tensor.device
    kept = torch.empty_like(tensor, device="cpu", pin_memory=where.type == "cuda")
    kept.copy_(tensor, non_blocking=True)
    return lambda: kept.to(where, non_blocking=True)


def nowhere(tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Keep of a tensor its size only; for steps that have no contents."""
    size, dtype, where = tensor.shape, tensor.dtype, tensor.device
    return lambda: torch.empty(size, dtype=dtype, device=where)


@contextlib.contextmanager
def offloading(model: Any, keep: Keep = in_host_memory) -> Iterator[None]:
    """What is computed meanwhile keeps elsewhere what its backward pass needs; the weights of the model stay.

    With gradient checkpointing these are the inputs of the layers, which are computed anew on the device.
    """
    tensors = itertools.chain(model.parameters(), model.buffers())
    # Held, so that no other storage gets their ids.
    weights = [tensor.untyped_storage() for tensor in tensors if not is_traceable_wrapper_subclass(tensor)]
    ids = set(map(id, weights))

    def pack(tensor: torch.Tensor) -> torch.Tensor | Callable[[], torch.Tensor]:
        stays = tensor.numel() < _SMALLEST or is_traceable_wrapper_subclass(tensor)
        return tensor if stays or id(tensor.untyped_storage()) in ids else keep(tensor)

    def unpack(kept: torch.Tensor | Callable[[], torch.Tensor]) -> torch.Tensor:
        return kept if isinstance(kept, torch.Tensor) else kept()

    with saved_tensors_hooks(pack, unpack):
        yield
