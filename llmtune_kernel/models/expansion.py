"""Block expansion: new blocks between those of a model, each a copy of the one before it that changes nothing as yet.

Wu et al. 2024, "LLaMA Pro: Progressive LLaMA with Block Expansion" (arXiv 2401.02415).
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import PreTrainedConfig

from llmtune_kernel.config import UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.parts import layers_of

# Settings of how many of the first layers are of another kind than those behind them.
_FIRST_LAYERS = ("first_k_dense_replace", "num_dense_layers", "max_window_layers")
# How a norm that lets nothing pass has its gain written: as it is, or as what is added to 1.
_NO_GAIN = (0.0, -1.0)

# What a block gives, given what the model gave it.
_Run = Callable[[], torch.Tensor]


class _Given(NamedTuple):
    """The arguments of a block when the model was asked."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def states(self) -> torch.Tensor:
        """What the block adds to."""
        states: torch.Tensor = self.args[0] if self.args else self.kwargs["hidden_states"]
        return states


def added_layers(model: Any, count: int, key: str) -> list[Any]:
    """The blocks that an expansion added: the last of each group, where as many groups of one length are made of all.

    Args:
        count: How many.
        key: The setting that says so.

    Raises:
        UserError: the layers do not make so many groups.
    """
    layers = list(layers_of(model))
    stride = _stride(len(layers), count, key)
    return layers[stride - 1 :: stride]


@torch.no_grad()
def expand(model: Any, count: int, key: str) -> None:
    """Add a block behind each of as many groups of layers of one length; the model gives what it gave.

    Args:
        model: Its weights may be on the device meta: then nothing is computed.
        count: How many blocks.
        key: The setting that says so.

    Raises:
        UserError: the layers do not make so many groups, or the architecture cannot be expanded.
    """
    layers = layers_of(model)
    stride = _stride(len(layers), count, key)
    copied = range(stride - 1, len(layers), stride)
    order = [number for number in range(len(layers)) for _copy in range(1 + (number in copied))]
    on_meta = next(model.parameters()).is_meta
    blocks = [_copy(layers[number]) for number in copied]
    if not on_meta:
        before, given = _asked(model, [layers[number] for number in copied])
        if len(given) < count:  # of another part, such as one that sees
            raise _cannot(model, _("its layers are not those that read text"))
        for block, one in zip(blocks, given, strict=True):
            _close(model, block, one)
    for block, number in zip(reversed(blocks), reversed(copied), strict=True):
        layers.insert(number + 1, block)
    _place(model, order)
    if not on_meta and not _same(_asked(model)[0], before):
        raise _cannot(model, _("with the new blocks it gives other answers"))


def _stride(layers: int, count: int, key: str) -> int:
    """How many layers a group has."""
    if layers % count:
        fitting = [number for number in range(1, layers + 1) if layers % number == 0]
        closest = min(fitting, key=lambda number: abs(number - count))
        raise UserError(
            _(
                "The {layers} layers of this model do not make {count} groups of one length.",
                layers=layers,
                count=count,
            ),
            f"{key}: {count}",
            _("Take one of {names}.", names=", ".join(map(str, fitting))),
            [change_to(key, closest)],
        )
    return layers // count


def _cannot(model: Any, reason: str) -> UserError:
    return UserError(
        _("The blocks of {kind} cannot be expanded: {reason}.", kind=type(model).__name__, reason=reason),
        "method.block_expansion",
        _("Leave it out."),
        [leave_out("method.block_expansion")],
    )


def _copy(layer: nn.Module) -> nn.Module:
    """A copy with weights of its own; the configuration stays that of the model."""
    shared = [
        value
        for part in layer.modules()
        for value in vars(part).values()
        if isinstance(value, PreTrainedConfig)
    ]
    return copy.deepcopy(layer, {id(config): config for config in shared})


def _asked(model: Any, blocks: Sequence[nn.Module] = ()) -> tuple[torch.Tensor, list[_Given]]:
    """What a model gives for some ids, and what each of these blocks was given."""
    vocabulary = model.get_input_embeddings().num_embeddings
    ids = torch.randint(0, vocabulary, (1, 13), generator=torch.Generator().manual_seed(0))
    given: dict[int, _Given] = {}

    def note(number: int, _block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given[number] = _Given(args, kwargs)

    hooks = [
        block.register_forward_pre_hook(functools.partial(note, number), with_kwargs=True)
        for number, block in enumerate(blocks)
    ]
    try:
        logits: torch.Tensor = model(input_ids=ids.to(model.device), use_cache=False)[0]
    finally:
        for hook in hooks:
            hook.remove()
    return logits, [given[number] for number in sorted(given)]


def _close(model: Any, block: nn.Module, given: _Given) -> None:
    """Make a block give what it is given, by zeros in the weights that write what it adds.

    These are the projections at the ends of its branches, or the norms behind them: were those zero that a norm
    follows, the first step of training would blow up what they give.
    """
    start = given.states.clone()

    def run() -> torch.Tensor:
        result: Any = block(*given.args, **given.kwargs)
        states: torch.Tensor = result[0] if isinstance(result, tuple) else result
        return states

    ends = _ends(block, run, start)
    for gain in _NO_GAIN:
        for part in ends:
            _silence(part, gain)
        if _same(run(), start):
            return
    raise _cannot(model, _("no weights of a block can be zero so that it changes nothing"))


def _ends(block: nn.Module, run: _Run, start: torch.Tensor) -> list[nn.Module]:
    """The parts of a block whose outputs it adds: with all of them zero, it gives what it is given.

    From the last part that is called to the first, those are taken whose output counts while the outputs of
    the ones taken are zero.
    """
    families: dict[str, list[nn.Module]] = {}  # such as the experts, not all of which are asked
    for name, part in block.named_modules():
        own = list(part.parameters(recurse=False))
        if own and len(own) == len(list(part.parameters())):
            families.setdefault(re.sub(r"\b\d+\b", "*", name), []).append(part)
    called: dict[str, None] = {}

    def note(name: str, *_call: Any) -> None:
        called.pop(name, None)
        called[name] = None

    with contextlib.ExitStack() as hooks:
        for name, parts in families.items():
            for part in parts:
                hooks.callback(part.register_forward_hook(functools.partial(note, name)).remove)
        run()

    def without(names: Iterable[str]) -> torch.Tensor:
        with contextlib.ExitStack() as hooks:
            for name in names:
                for part in families[name]:
                    hooks.callback(part.register_forward_hook(_nothing).remove)
            return run()

    taken: list[str] = []
    for name in reversed(called):
        now = without(taken)
        if _same(now, start):
            break
        if not _same(without([*taken, name]), now):
            taken.append(name)
    for name in taken[:]:  # such as the gate of a part whose output is zero by now
        others = [other for other in taken if other != name]
        if _same(without(others), start):
            taken = others
    return [part for name in taken for part in families[name]]


def _nothing(_part: nn.Module, _args: Any, result: Any) -> Any:
    """Zeros in place of what a part gives."""
    return (
        torch.zeros_like(result)
        if isinstance(result, torch.Tensor)
        else (torch.zeros_like(result[0]), *result[1:])
    )


def _silence(part: nn.Module, gain: float) -> None:
    """Zeros in the weights of a part that write what it gives: of several matrices, the last one and its bias."""
    weights = list(part.parameters(recurse=False))
    dimensions = [weight.ndim for weight in weights]
    last = len(weights) - 1 - dimensions[::-1].index(max(dimensions))
    if max(dimensions) == 1:  # a norm: its gain, and a bias
        weights[0].fill_(gain)
        last = 1
    for weight in weights[last:]:
        weight.zero_()


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(
        one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max())
    )


def _place(model: Any, order: Sequence[int]) -> None:
    """Write into the configuration what each layer is, and tell each its place, as one that is made from it has it.

    Args:
        order: Of each layer the number that it had, or that of which it is a copy.

    Raises:
        UserError: what is made from the configuration is another in anything else; the saved model could not be loaded.
    """
    unclear = _cannot(model, _("its configuration does not say of each layer what it is"))
    try:
        _describe(model.config.get_text_config(), order)
        config = type(model.config).from_dict(json.loads(model.config.to_json_string()))
        with torch.device("meta"):
            made = layers_of(type(model)(config))
    except Exception as error:  # of the architecture's own code, such as its checks of what is written
        raise unclear from error
    for layer, other, was in zip(layers_of(model), made, order, strict=True):
        if not _told(dict(layer.named_modules()), dict(other.named_modules()), was):
            raise unclear


def _describe(config: Any, order: Sequence[int]) -> None:
    """Write what each layer is; argument as `_place`."""
    before = config.num_hidden_layers
    for name, value in list(vars(config).items()):
        by_layer = isinstance(value, list) and len(value) == before and "token" not in name
        if by_layer and name != "architectures":
            setattr(config, name, [value[number] for number in order])
    for name in _FIRST_LAYERS:
        if isinstance(count := vars(config).get(name), int):
            setattr(config, name, sum(number < count for number in order))
    config.num_hidden_layers = len(order)


def _told(ours: dict[str, nn.Module], theirs: dict[str, nn.Module], was: int) -> bool:
    """Whether the parts of a layer are as those of one that is made for its place, once they have its number."""
    if ours.keys() != theirs.keys():
        return False
    for name, part in ours.items():
        other = theirs[name]
        if type(part) is not type(other) or _shapes(part) != _shapes(other):
            return False
        mine = vars(part)
        for key, value in vars(other).items():
            if type(value) is int and mine.get(key) == was:
                setattr(part, key, value)
            elif isinstance(value, int | float | str | None) and key != "training" and mine.get(key) != value:
                return False
    return True


def _shapes(part: nn.Module) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in part.named_parameters(recurse=False)}
