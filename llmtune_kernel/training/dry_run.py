"""How much memory does a step take? It is done with tensors that have sizes, but no contents."""

from __future__ import annotations

import contextlib
import copy
import itertools
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from llmtune_kernel.config import PeftMethod, RunConfig
from llmtune_kernel.config.optimizers import AT_ONCE
from llmtune_kernel.config.peft_types import IN_FRONT
from llmtune_kernel.models.attention import PACKED, register_packed_attention
from llmtune_kernel.models.memory import trained_at_once
from llmtune_kernel.models.shifted import group_size, shifted
from llmtune_kernel.training.collation import EncodedDataset, collate_packed, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.objectives import collate_for, items_for, make_objective, with_no_experience
from llmtune_kernel.training.offloading import nowhere, offloading

# Of a layer in the forward pass. Large ones with DoRA have hundreds; those of an architecture that goes from token to
# token have tens of thousands, which would take hours.
_MOST_OPERATIONS = 5_000


class TooLong(Exception):
    """A step has more operations than can be followed."""


@dataclass(frozen=True)
class StepMemory:
    """Bytes of the tensors of a step, beside weights and state of the optimizer, when they are most.

    `activations`: what the backward pass needs of the forward pass, and what is made by the way. `logits`: of the
    targets, with their probabilities and the gradients of both. `gradients`: of the trained weights, those that are
    there at that moment.
    """

    activations: int = 0
    logits: int = 0
    gradients: int = 0

    @property
    def total(self) -> int:
        """All together."""
        return self.activations + self.logits + self.gradients


def dry_step(
    config: RunConfig,
    model: Any,
    items: EncodedDataset,
    dtype: torch.dtype,
    checkpointing: bool,
    offloaded: bool = False,
) -> StepMemory:
    """What the forward and backward pass of a batch take.

    Args:
        model: As `prepare_for_training` made it, of weights in the precision that they have in training; it is copied
            without its contents, and may be on the device meta.
        items: All of the batch, of which each is an example.
        dtype: Precision of matrix products.
        checkpointing: Whether activations are computed anew in the backward pass.
        offloaded: Whether they wait for it elsewhere, where they are not counted.

    Raises:
        TooLong: the architecture goes from token to token.
        Exception: the architecture looks at contents; of the kind that its code raises then.
    """
    packed = not (isinstance(config.method, PeftMethod) and config.method.peft_type in IN_FRONT)
    collate = collate_for(config, collate_packed if packed else collate_padded)
    chosen = items_for(config, items)
    if config.reference == "precomputed":
        chosen.reference = np.zeros((len(chosen), 2), np.float32)
    batch = with_no_experience(config, collate([chosen[number] for number in range(len(chosen))]))
    # How many values a mask takes is not known: such tensors are small, and not counted.
    mode = FakeTensorMode(shape_env=ShapeEnv(), static_shapes=True)
    setattr(mode, "__deepcopy__", lambda memo: mode)  # noqa: B010  # copies of its tensors are of the same mode
    hollow = _hollow(model, mode).train()
    trained = {name for name, _ in trained_at_once(config.training, hollow)}
    for name, weight in hollow.named_parameters():
        weight.requires_grad_(name in trained)
    if packed and hollow._supports_sdpa:  # other attention is computed as it is in the run, by its own code
        register_packed_attention()
        grouped = config.model.shift_attn
        hollow.set_attn_implementation(shifted(group_size(config)) if grouped else PACKED)
    if checkpointing:
        hollow.gradient_checkpointing_enable({"use_reentrant": False})
    with mode:
        forward = Forward.of(hollow, dtype, packed)
        objective = make_objective(config, hollow, forward, (), collate, lambda done, count: None)
        given = tree_map_only(torch.Tensor, mode.from_tensor, batch)
        tracker = _Tracker(
            hollow,
            accumulates=config.training.gradient_accumulation_steps > 1,
            drops=config.training.optim in AT_ONCE,
        )
        with tracker:
            with offloading(hollow, nowhere) if offloaded else contextlib.nullcontext():
                loss = objective.loss(hollow, given).total
            loss.backward()  # type: ignore[no-untyped-call]
    return tracker.most


def _hollow(model: Any, mode: FakeTensorMode) -> Any:
    """A copy of a model whose weights have sizes only."""
    memo: dict[int, Any] = {}
    for tensor in itertools.chain(model.parameters(), model.buffers()):
        fake: Any = FakeTensor(mode, torch.empty_like(tensor, device="meta"), torch.device("cpu"))
        if isinstance(tensor, torch.nn.Parameter):
            fake = torch.nn.Parameter(fake, requires_grad=tensor.requires_grad)
        memo[id(tensor)] = fake
    return copy.deepcopy(model, memo)


class _Tracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are made while it is on, each until nothing holds it any more.

    Args:
        model: Its weights are not counted, but their gradients are.
        accumulates: Whether the gradients of an earlier batch are there.
        drops: Whether a gradient goes as soon as it is there.
    """

    def __init__(self, model: Any, *, accumulates: bool, drops: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = StepMemory()
        self._now = {"activations": 0, "logits": 0, "gradients": 0}
        self._part_of: dict[int, str] = {}  # by the id of a storage
        self._left = _MOST_OPERATIONS * model.config.get_text_config().num_hidden_layers
        self._vocabulary = model.get_input_embeddings().num_embeddings
        # Held, so that no other storage gets their ids.
        weights = itertools.chain(model.parameters(), model.buffers())
        self._weights = [tensor.untyped_storage() for tensor in weights]
        self._ids = set(map(id, self._weights))
        for weight in model.parameters():
            if weight.requires_grad:
                weight.register_post_accumulate_grad_hook(_drop if drops else self._keep)
                if accumulates:
                    weight.grad = torch.zeros_like(weight)
                    self._count(weight.grad, "gradients")

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(hasattr(kind, "__tensor_flatten__") for kind in types):
            return NotImplemented  # made of other tensors, as those of FP8: what is done with these comes here, too
        if (
            torch._C._current_graph_task_id() < 0
        ):  # the backward pass, which cannot be left by an error, has as many
            self._left -= 1
            if self._left < 0:
                raise TooLong
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                over_words = tensor.ndim > 1 and tensor.shape[-1] == self._vocabulary
                self._count(tensor, "logits" if over_words else "activations")
        return result

    def _count(self, tensor: torch.Tensor, part: str) -> None:
        storage = tensor.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in self._ids or key in self._part_of or not isinstance(size, int):
            return
        self._part_of[key] = part
        self._now[part] += size
        if sum(self._now.values()) > self.most.total:
            self.most = StepMemory(**self._now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._now[self._part_of.pop(key)] -= size

    def _keep(self, weight: torch.Tensor) -> None:
        """What came as an activation is a gradient from now on."""
        assert weight.grad is not None
        storage = weight.grad.untyped_storage()
        self._now[self._part_of[id(storage)]] -= storage.nbytes()
        self._now["gradients"] += storage.nbytes()
        self._part_of[id(storage)] = "gradients"


def _drop(weight: torch.Tensor) -> None:
    weight.grad = None
