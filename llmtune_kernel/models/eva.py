"""EVA: adapters that start with the directions in which what their layers are given varies most."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from peft.utils.incremental_pca import IncrementalPCA

from llmtune_kernel.models.adapters import keep_trained_in

Batch = dict[str, Any]

# A direction is settled when a further batch leaves it as it was, by this cosine: as PEFT has it.
_SETTLED = 0.99
# Directions that are not settled by then are taken as they are.
_MOST_BATCHES = 64


@torch.no_grad()
def start_with_inputs(
    tuned: Any, batches: Iterable[Batch], read: Callable[[Any, Batch], Any], rank_growth: float
) -> None:
    """Let adapters of LoRA start with what explains most of the variance of the inputs of their layers.

    Ranks move to the layers where they explain more; their sum stays. EVA, Paischer et al. 2024.

    Args:
        tuned: A `PeftModel` with an adapter that was made for EVA.
        batches: That it is to be trained on; no more are taken than are needed.
        read: Lets the model read a batch.
        rank_growth: How many times the rank of a layer may become what it was.
    """
    from peft import initialize_lora_eva_weights

    rank = tuned.peft_config["default"].r
    inputs = _inputs_of(tuned, batches, read, rank, round(rank * rank_growth))
    ranks = _shared_out({name: part.shares for name, part in inputs.items()}, rank * len(inputs))
    found = {name: part.directions[: ranks[name]] for name, part in inputs.items()}
    dtype = next(parameter.dtype for parameter in tuned.parameters() if parameter.requires_grad)
    initialize_lora_eva_weights(tuned, eva_state_dict=found)
    keep_trained_in(tuned, dtype)  # those of layers of another rank are new


class _Inputs:
    """What a layer is given: its principal components as far as batches have shown.

    Args:
        rank: How many directions are to be settled.
        most: How many are found.
    """

    def __init__(self, rank: int, most: int, features: int) -> None:
        count = min(most, features)
        self._rank = rank
        self._least = min(2 * count, features)  # rows that it takes to find them
        self._pca: Any = IncrementalPCA(count, lowrank=True, lowrank_q=self._least, lowrank_seed=0)
        self._waiting: list[torch.Tensor] = []
        self.found = self.settled = False

    @property
    def directions(self) -> torch.Tensor:
        """(directions, features) the strongest first."""
        directions: torch.Tensor = self._pca.components_
        return directions

    @property
    def shares(self) -> list[float]:
        """The share of the variance that each direction explains."""
        shares: list[float] = self._pca.explained_variance_ratio_.tolist()
        return shares

    def add(self, rows: torch.Tensor) -> None:
        """Take account of what the layer was given, (tokens, features)."""
        self._waiting.append(rows.float())
        if sum(map(len, self._waiting)) < self._least:
            return
        before = self.directions[: self._rank].clone() if self.found else None
        self._pca.partial_fit(torch.cat(self._waiting))
        self._waiting, self.found = [], True
        if before is not None:
            likeness = torch.cosine_similarity(self.directions[: self._rank], before)
            self.settled = bool((likeness >= _SETTLED).all())


def _inputs_of(
    tuned: Any, batches: Iterable[Batch], read: Callable[[Any, Batch], Any], rank: int, most: int
) -> dict[str, _Inputs]:
    """By the name of a layer with an adapter; layers that read too little are left out."""
    from peft.tuners.lora import LoraLayer

    found: dict[str, _Inputs] = {}
    # Layers that stand beside one another are given the very same tensor.
    last: tuple[Any, _Inputs | None] = (None, None)
    mask: torch.Tensor | None = None

    def see(name: str, layer: Any, given: tuple[torch.Tensor, ...]) -> None:
        nonlocal last
        [states, *_] = given
        if states is last[0]:
            assert last[1] is not None
            found[name] = last[1]
            return
        part = found.setdefault(name, _Inputs(rank, most, states.shape[-1]))
        last = states, part
        if mask is not None and mask.shape == states.shape[:-1]:
            states = states[mask.bool()]
        part.add(states.flatten(0, -2))

    layers: dict[str, Any] = {
        name: part for name, part in tuned.named_modules() if isinstance(part, LoraLayer)
    }
    hooks = [part.register_forward_pre_hook(functools.partial(see, name)) for name, part in layers.items()]
    training = tuned.training
    tuned.eval()
    try:
        with tuned.disable_adapter():
            for batch in itertools.islice(batches, _MOST_BATCHES):
                mask = batch.get("attention_mask")
                read(tuned, batch)
                last = None, None
                if all(part.settled for part in found.values()):
                    break
    finally:
        for hook in hooks:
            hook.remove()
        tuned.train(training)
    return {name: part for name, part in found.items() if part.found}


def _shared_out(shares: Mapping[str, list[float]], budget: int) -> dict[str, int]:
    """How many directions each layer keeps where those are kept that explain most."""
    ordered = sorted(((share, name) for name, own in shares.items() for share in own), reverse=True)
    ranks = dict.fromkeys(shares, 0)
    for _share, name in ordered[:budget]:
        ranks[name] += 1
    return ranks
