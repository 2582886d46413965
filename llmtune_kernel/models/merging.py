"""Adapters that become part of the weights of a model."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llmtune_kernel.config import UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.refusals import refusals
from llmtune_kernel.stacking import merge_into


def merged(model: Any, folders: Iterable[Path], key: str = "model.adapters") -> Any:
    """The model with adapters merged into its weights, one after the other.

    Args:
        key: The setting that names them.

    Raises:
        UserError: one cannot be merged, or does not fit.
    """
    from peft import PeftConfig

    for folder in folders:
        if getattr(model, "is_quantized", False):
            raise UserError(
                _("Adapters are merged into weights that are not quantized."),
                f"{key}: {folder}",
                _("Write model.merge_adapters: false, or leave them out."),
                [change_to("model.merge_adapters", False)],
            )
        config: Any = PeftConfig.from_pretrained(str(folder))
        mistake = functools.partial(_unmergeable, folder, key)
        if getattr(config, "trainable_token_indices", None):
            raise mistake(_("it has new tokens"))
        if config.is_prompt_learning:
            raise mistake(_("it puts tokens in front"))
        with refusals(mistake):
            model = merge_into(model, folder)
    return model


def _unmergeable(folder: Path, key: str, reason: str) -> UserError:
    return UserError(
        _("This adapter cannot be merged: {reason}", reason=reason),
        f"{key}: {folder}",
        _("Name adapters that were trained on this model, in the order in which they were."),
        [leave_out(key)],
    )
