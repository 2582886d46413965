"""The model that takes the place of the one before training, where a configuration names another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.attention import PACKED, packing_works
from llmtune_kernel.models.loading import device, load_configuration, load_model, load_tokenizer
from llmtune_kernel.models.merging import merged
from llmtune_kernel.models.prequantized import prequantized, unmergeable
from llmtune_kernel.models.quantization import quantization_config
from llmtune_kernel.models.rope import stretched
from llmtune_kernel.models.sources import find_model
from llmtune_kernel.worker.earlier import find_adapters

_ADAPTERS = "objective.reference_adapters"


def load_reference(
    config: RunConfig, tokenizer: Any, dtype: torch.dtype, packed: bool, loading: Callable[[str], None]
) -> tuple[Any, bool]:
    """The reference model, frozen, or None where none is named; and whether both models can be packed.

    Args:
        tokenizer: Of the model that is trained.
        dtype: Of the weights and of the computations.
        packed: Whether the model that is trained can be packed.
        loading: Told what is done; may raise to interrupt.

    Raises:
        UserError: it cannot be loaded, or reads other tokens.
    """
    wanted = config.reference_model
    if wanted is None or config.reference is None:
        return None, packed
    loading(_("loading the reference model"))
    folders = find_adapters(wanted.adapters, _ADAPTERS)
    source = find_model(wanted, loading)
    if load_tokenizer(source).get_vocab() != tokenizer.get_vocab():
        raise UserError(
            _("The reference model reads other tokens than the model that is trained."),
            f"objective.reference_model: {wanted.name_or_path}",
            _("Name a model with the same tokenizer, or leave model.add_tokens out."),
            [leave_out("objective.reference_model")],
        )
    positions = stretched(wanted, source, config.data.max_length)
    of_model = load_configuration(source)
    found = prequantized(of_model)
    if folders and found is not None and found.way is not None:
        raise unmergeable(found, _ADAPTERS, _("Leave it out."))
    quantization = quantization_config(wanted, dtype, of_model)
    model = load_model(source, dtype, wanted.attention, quantization, positions)
    model = merged(model, folders, _ADAPTERS).requires_grad_(False)
    ordinary = model.config._attn_implementation
    if packed and wanted.attention == "auto" and device().type == "cpu":
        model.set_attn_implementation(PACKED)
    if packed and not packing_works(model):
        model.set_attn_implementation(ordinary)
        packed = packing_works(model)
    return model, packed
