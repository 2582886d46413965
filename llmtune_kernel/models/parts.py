"""The parts of a model by their names: its layers, and which weights are matrices of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from llmtune_kernel.config import TrainingConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.scoring import head_of


def layers_of(model: Any) -> torch.nn.ModuleList:
    """The layers of the decoder, in their order.

    Raises:
        UserError: they are not in one list.
    """
    count = model.config.get_text_config().num_hidden_layers
    lists = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == count]
    if not lists:
        raise UserError(
            _("The layers of {kind} cannot be told apart.", kind=type(model).__name__),
            "method.type",
            _("Take method: lora or full."),
            [change_to("method.type", "lora"), change_to("method.type", "full")],
        )
    return lists[0]


# The classes of quantized layers that are no linear layers of torch: of EETQ, HQQ, AQLM, GPTQ and AWQ.
_QUANTIZED = re.compile("(Eetq|HQQ|Quantized|Quant|WQ)Linear")


def linear_layers(model: Any) -> dict[str, nn.Module]:
    """The linear layers by name, quantized ones among them."""
    return {
        name: part
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear) or _QUANTIZED.search(type(part).__name__)
    }


def projected(config: TrainingConfig, model: Any) -> Iterator[str]:
    """The names of the matrices whose gradients a low-rank optimizer projects.

    Raises:
        UserError: no linear layer has a name of `optim_target_modules`.
    """
    targets, head = config.optim_target_modules, head_of(model)
    linear = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    named = () if targets == "all-linear" else targets
    for target in named:
        if not any(target in name for name in linear):
            kinds = sorted({name.rsplit(".", 1)[-1] for name in linear})
            raise UserError(
                _("No linear layer of this model has {target!r} in its name.", target=target),
                "training.optim_target_modules",
                _("Take some of: {layers}.", layers=", ".join(kinds)),
                [leave_out("training.optim_target_modules")],
            )
    for name, part in linear.items():
        if part is not head if targets == "all-linear" else any(target in name for target in named):
            yield f"{name}.weight"


def matrices(model: Any) -> Iterator[str]:
    """The names of the matrices of the layers; embeddings and the output layer are none of them."""
    ends = [part.weight for part in (model.get_input_embeddings(), head_of(model)) if part]
    for name, weight in model.named_parameters():
        if weight.ndim == 2 and not any(weight is end for end in ends):
            yield name


def blocks(model: Any) -> list[list[str]]:
    """The names of the weights of each layer, and of those outside the layers."""
    layer_of = {
        id(weight): number for number, layer in enumerate(layers_of(model)) for weight in layer.parameters()
    }
    blocks: dict[int, list[str]] = {}
    for name, weight in model.named_parameters():
        blocks.setdefault(layer_of.get(id(weight), len(layer_of)), []).append(name)
    return [blocks[number] for number in sorted(blocks)]
