"""Positions stretched, so that a model reads longer texts than it was made for (RoPE scaling)."""

from __future__ import annotations

import math
from typing import Any

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import load_configuration
from llmtune_kernel.models.sources import ModelSource

# As Llama 3.1 sets them: positions of frequencies between the two are stretched in part.
_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0}


def stretched(config: ModelConfig, source: ModelSource, max_length: int) -> dict[str, Any]:
    """What `from_pretrained` is told of the positions; empty where they stay.

    Args:
        max_length: Longest text, in tokens, for which `rope_factor: auto` makes room.

    Returns:
        `rope_parameters` and `max_position_embeddings`.

    Raises:
        UserError: the model has no such positions, or needs no stretching.
    """
    if config.rope_scaling == "none":
        return {}
    where = f"model.rope_scaling: {config.rope_scaling}"
    of_model = load_configuration(source)
    before = getattr(of_model, "rope_parameters", None) or {}
    context = getattr(of_model, "max_position_embeddings", None)
    if "rope_theta" not in before or not context:
        raise UserError(
            _("The positions of this model cannot be scaled."), where, _("Leave model.rope_scaling out.")
        )
    # A model that was stretched before goes on from where it was made for.
    original = before.get("original_max_position_embeddings", context)
    factor = float(math.ceil(max_length / original)) if config.rope_factor == "auto" else config.rope_factor
    if factor <= 1:
        raise UserError(
            _(
                "The model is made for {context:,} tokens and data.max_length is {length:,}: nothing is to be scaled.",
                context=original,
                length=max_length,
            ),
            where,
            _("Leave it out, raise data.max_length, or set model.rope_factor."),
        )
    parameters = {"rope_type": config.rope_scaling, "rope_theta": before["rope_theta"], "factor": factor}
    if "partial_rotary_factor" in before:
        parameters["partial_rotary_factor"] = before["partial_rotary_factor"]
    if config.rope_scaling in ("yarn", "llama3"):
        parameters["original_max_position_embeddings"] = original
    if config.rope_scaling == "llama3":
        parameters |= _LLAMA3
    # Dynamic scaling begins beyond this many.
    positions = original if config.rope_scaling == "dynamic" else int(original * factor)
    return {"rope_parameters": parameters, "max_position_embeddings": positions}


def most_positions(config: Any) -> int | None:
    """The longest text that a model is made for, in tokens; None if its configuration does not say."""
    text = config.get_text_config()
    positions: int | None = getattr(text, "max_position_embeddings", None)
    rope = getattr(text, "rope_parameters", None) or {}
    if positions and rope.get("rope_type") == "dynamic":
        return int(positions * rope["factor"])
    return positions
