"""Give a model routers (mixture of depths), and refuse what a model with them is not trained for."""

from __future__ import annotations

from typing import Any

import torch

from llmtune_kernel.config import RunConfig, UserError, depths
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.config.references import compares_in_training
from llmtune_kernel.depths import Passing, add_routers, is_routed, routers
from llmtune_kernel.locale import _
from llmtune_kernel.models.attention import pack
from llmtune_kernel.models.parts import layers_of

_KEY = "model.mixture_of_depths"
_TRIED = (13, 9)  # tokens of two documents


def check_depths(config: RunConfig, of_model: Any) -> None:
    """Raise UserError if the model has routers already and the run cannot train it, or has those of another program.

    Args:
        of_model: The configuration of the model, of transformers.
    """
    if any("MoDFor" in name for name in of_model.architectures or ()):
        raise UserError(
            _("This model was saved by the package mixture-of-depth, whose routers are not read here."),
            f"model.name_or_path: {config.model.name_or_path}",
            _("Name the model that it was made from, and set model.mixture_of_depths."),
        )
    if not is_routed(of_model):
        return
    if config.model.mixture_of_depths is not None:
        raise UserError(
            _("This model has the routers of a mixture of depths already."),
            _KEY,
            _("Leave it out."),
            [leave_out(_KEY)],
        )
    found = (
        depths.to_model(config.model.model_dump())
        or depths.to_method(config.method)
        or depths.to_objective(config.objective, compares=compares_in_training(config.objective))
    )
    if found:
        raise UserError(
            _("This model has the routers of a mixture of depths: {reason}.", reason=found.reason),
            found.key,
            _("Change it, or name the model that it was made from."),
            found.changes,
        )


@torch.no_grad()
def convert(model: Any, capacity: float) -> None:
    """Give every other layer of a model, from the second on, a router.

    What they begin with is random, as that of other new weights of the architecture.

    Args:
        model: One that gives logits, or scores; its weights may be on the device meta: then nothing is tried.
        capacity: The share of the tokens of each document that passes in training.

    Raises:
        UserError: its layers are not such that only some tokens can pass through them.
    """
    try:
        layers = list(layers_of(model))[1::2]
    except UserError as error:
        raise cannot_route(model) from error
    paths = {id(part): path for path, part in model.named_modules()}
    on_meta = next(model.parameters()).is_meta
    documents = _documents(model)
    before = [] if on_meta else [_states(model, [ids]) for ids in documents]
    add_routers(model, capacity, [paths[id(layer)] for layer in layers])
    if not layers or not (on_meta or _passes_one(model, documents, before[1])):
        raise cannot_route(model)
    for router in routers(model):
        router.weight.normal_(0.0, getattr(model.config.get_text_config(), "initializer_range", 0.02))


def said_of_depths(model: Any) -> str:
    """What a run tells of a model with routers."""
    routed = routers(model)
    return _(
        "Mixture of depths: {share:.1%} of the tokens of each text pass through {count} of {layers} layers.",
        share=routed[0].capacity,
        count=len(routed),
        layers=model.config.get_text_config().num_hidden_layers,
    )


def _documents(model: Any) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    vocabulary = model.get_input_embeddings().num_embeddings
    return [torch.randint(0, vocabulary, (length,), generator=generator) for length in _TRIED]


def _states(model: Any, documents: list[torch.Tensor]) -> torch.Tensor:
    """The last states of packed documents, (tokens, size)."""
    states: torch.Tensor = model.base_model(**pack(documents, model.device), use_cache=False)[0][0]
    return states.float()


def _passes_one(model: Any, documents: list[torch.Tensor], alone: torch.Tensor) -> bool:
    """Whether, where only the second of two documents passes, and as it is, it is read as it was alone before."""
    first, second = _TRIED
    places = torch.arange(first, first + second, device=model.device)
    whole = Passing(places, torch.ones(second, device=model.device))
    hooks = [router.register_forward_hook(lambda *_call: whole) for router in routers(model)]
    try:
        read = _states(model, documents)[first:]
    except Exception:  # the architecture's own code, or what cannot be told for some tokens only
        return False
    finally:
        for hook in hooks:
            hook.remove()
    scale = alone.abs().max().clamp(min=1.0)
    tolerance = 1e-4 if model.dtype == torch.float32 else 5e-2  # as of `packing_works`
    return bool(((read - alone).abs().max() / scale) < tolerance)


def cannot_route(model: Any) -> UserError:
    """The mistake that tokens of a model are to pass layers by that cannot be passed by."""
    return UserError(
        _(
            "Tokens cannot pass the layers of {kind} by: the layers do not read a part of the tokens by themselves.",
            kind=type(model).__name__,
        ),
        _KEY,
        _("Leave it out."),
        [leave_out(_KEY)],
    )
