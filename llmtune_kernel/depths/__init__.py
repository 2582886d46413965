"""Mixture of depths: layers that only some tokens pass through, chosen by a router; the others go by unchanged.

Raposo et al. 2024, "Mixture-of-Depths: Dynamically allocating compute in transformer-based language models" (arXiv
2404.02258). The configuration of such a model says `mixture_of_depths: {capacity, layers}`: the share of tokens that
passes in training, and the paths of the layers.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch._subclasses.fake_tensor import is_fake
from torch.nn.functional import binary_cross_entropy_with_logits

_SETTING = "mixture_of_depths"
# What a layer is given of each row: of each token, or of each pair of them.
_OF_TOKENS, _OF_PAIRS = ("position_ids", "position_embeddings"), "attention_mask"
# Where packed sequences begin and end, and how long the longest is.
_BOUNDS = ("cu_seq_lens_q", "cu_seq_lens_k")
_LONGEST = ("max_length_q", "max_length_k")


class Passing(NamedTuple):
    """The tokens of a row that pass through a layer: their places (passing,), and the weight of each (passing,)."""

    places: torch.Tensor
    weights: torch.Tensor


class DepthRouter(nn.Module):
    """Gives each token a score by a linear map, and lets those with the highest ones pass, weighed by its sigmoid.

    In training these are a share of each document, which takes looking at later tokens. Otherwise they are those with
    scores above 0, which looks at no others: `choice_losses` teaches the router to give such scores to the same tokens.
    """

    def __init__(self, size: int, capacity: float) -> None:
        super().__init__()
        self.capacity = capacity
        self.weight, self.bias = nn.Parameter(torch.zeros(size)), nn.Parameter(torch.zeros(1))

    def scores(self, states: torch.Tensor) -> torch.Tensor:
        """Of states (1, tokens, size) the scores (tokens,), in float32."""
        with torch.autocast(states.device.type, enabled=False):
            scores: torch.Tensor = states[0].float() @ self.weight.float() + self.bias.float()
        return scores

    def forward(self, states: torch.Tensor, bounds: list[int]) -> Passing:
        """Choose among the tokens of a row, states (1, tokens, size), whose documents begin and end at `bounds`."""
        scores = self.scores(states)
        if not self.training:
            places = (scores > 0).nonzero()[:, 0]
        else:
            documents = itertools.pairwise(bounds)
            places = torch.cat([start + self._highest(scores[start:end]) for start, end in documents])
        return Passing(places, scores[places].sigmoid())

    def _highest(self, scores: torch.Tensor) -> torch.Tensor:
        """Where in a document the highest scores are, in the order of its tokens."""
        # The small number makes 28.999… of 0.29 * 100 a 29 again.
        count = int(self.capacity * len(scores) + 1e-9)
        return scores.topk(max(1, count)).indices.sort().values


def is_routed(model: Any) -> bool:
    """Whether a model has routers, or one that is made from a configuration of transformers."""
    return bool(getattr(getattr(model, "config", model), _SETTING, None))


def add_routers(model: Any, capacity: float, layers: list[str]) -> None:
    """Give layers of a model, by their paths, routers that are all zero as yet; it answers without a cache then."""
    model.config.mixture_of_depths = {"capacity": capacity, "layers": layers}
    _route(model)
    kind: Any = type(model)
    model.__class__ = routed_class(kind)
    if model.can_generate():
        model.generation_config.use_cache = False


def routers(model: Any) -> list[DepthRouter]:
    """The routers of a model, in the order of their layers."""
    if not is_routed(model):  # asked in each step, and there are many parts
        return []
    return [part for part in model.modules() if isinstance(part, DepthRouter)]


def loading_class(kind: Any, config: Any) -> Any:
    """The class that loads a model with its routers, where it has any; else the one that is given.

    Args:
        kind: A class of models, or one that finds theirs, such as AutoModelForCausalLM.
        config: Of transformers, of the model.
    """
    if not is_routed(config):
        return kind
    classes = getattr(kind, "_model_mapping", None)
    return routed_class(kind if classes is None else classes[type(config)])


@functools.cache
def routed_class(kind: Any) -> Any:
    """Models of this class whose configuration names the layers that have routers."""

    def begin(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        kind.__init__(self, config, *args, **kwargs)
        _route(self)

    # By its name no other program takes it for the model that it was.
    return type(f"MixtureOfDepths{kind.__name__}", (kind,), {"__init__": begin, "__module__": __name__})


def _route(model: Any) -> None:
    setting, text = getattr(model.config, _SETTING), model.config.get_text_config()
    model.config.use_cache = text.use_cache = False
    for path in setting["layers"]:
        layer = model.get_submodule(path)
        kind: Any = type(layer)
        like = next(layer.parameters())
        router = DepthRouter(text.hidden_size, setting["capacity"])
        layer.depth_router = router.to(device=like.device, dtype=like.dtype).train(layer.training)
        layer.__class__ = _routed_layer(kind)


@functools.cache
def _routed_layer(kind: Any) -> Any:
    def forward(self: Any, hidden_states: torch.Tensor, **given: Any) -> torch.Tensor:
        if given.get("past_key_values") is not None:
            raise ValueError(
                "a model with mixture of depths has no cache of keys and values: use_cache=False"
            )
        run = functools.partial(kind.forward, self)
        rows = range(len(hidden_states))
        return torch.cat(
            [_pass(self.depth_router, run, hidden_states[row : row + 1], _of_row(given, row)) for row in rows]
        )

    return type(f"MixtureOfDepths{kind.__name__}", (kind,), {"forward": forward, "__module__": __name__})


def _pass(router: DepthRouter, run: Any, states: torch.Tensor, given: dict[str, Any]) -> torch.Tensor:
    """What a layer gives for one row, (1, tokens, size)."""
    packed = given.get(_BOUNDS[0])
    bounds = [0, states.shape[1]] if packed is None or is_fake(packed) else packed.tolist()
    places, weights = router(states, bounds)
    if not len(places):
        return states
    part = states[:, places]
    changed = run(part, **_of_tokens(given, places, bounds)) - part
    return states.index_add(1, places, (weights[:, None] * changed).to(states.dtype))


def _of_row(given: dict[str, Any], row: int) -> dict[str, Any]:
    """What a layer is given, of one of several rows."""

    def cut(value: torch.Tensor) -> torch.Tensor:
        return value[row : row + 1] if len(value) > 1 else value

    return {
        name: _each(value, cut) if name in (*_OF_TOKENS, _OF_PAIRS) else value
        for name, value in given.items()
    }


def _of_tokens(given: dict[str, Any], places: torch.Tensor, bounds: list[int]) -> dict[str, Any]:
    """What a layer is given, for some of the tokens of a row.

    Raises:
        TypeError: it is given something of which it is not known how to take the part of some tokens.
    """
    found = dict(given)
    for name, value in given.items():
        if name in _OF_TOKENS:
            found[name] = _each(value, lambda one: one[:, places])
        elif name == _OF_PAIRS and getattr(value, "ndim", 4) == 4:
            found[name] = _each(value, lambda one: one[:, :, places[:, None], places])
        elif name not in _BOUNDS and not isinstance(value, bool | int | float | str | None):
            raise TypeError(f"{name} of some tokens")
    if given.get(_BOUNDS[0]) is not None:
        inside = _bounds_inside(places, bounds)
        seams = torch.tensor(inside, dtype=torch.int32, device=places.device)
        longest = max(end - start for start, end in itertools.pairwise(inside))
        found |= {**dict.fromkeys(_BOUNDS, seams), **dict.fromkeys(_LONGEST, longest)}
    return found


def _each(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same of a tensor, or of each of several; None stays None."""
    if isinstance(value, tuple):
        return tuple(map(change, value))
    return None if value is None else change(value)


def _bounds_inside(places: torch.Tensor, bounds: list[int]) -> list[int]:
    """Where documents begin and end among some of their tokens; those without any are left out."""
    if is_fake(places):
        return [0, len(places)]
    inside = torch.searchsorted(places, torch.tensor(bounds, device=places.device))
    return sorted(set(inside.tolist()))


class Choice(NamedTuple):
    """What a router saw, (1, tokens, size), and which of the tokens it chose."""

    router: DepthRouter
    states: torch.Tensor
    places: torch.Tensor


@contextlib.contextmanager
def noted(model: Any) -> Iterator[list[Choice]]:
    """What routers choose meanwhile; not what they choose once more where activations are computed anew."""
    seen: list[Choice] = []

    def note(router: Any, given: tuple[Any, ...], passing: Passing) -> None:
        seen.append(Choice(router, given[0].detach(), passing.places))

    hooks = [router.register_forward_hook(note) for router in routers(model)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def choice_losses(seen: list[Choice]) -> torch.Tensor:
    """How far the scores alone are from telling which tokens were chosen, (choices,): binary cross-entropy.

    It teaches the routers only: what they look at is not differentiated.
    """
    losses = []
    for router, states, places in seen:
        scores = router.scores(states)
        chosen = torch.zeros_like(scores).index_fill(0, places, 1.0)
        losses.append(binary_cross_entropy_with_logits(scores, chosen))
    return torch.stack(losses)
