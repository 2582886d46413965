"""Adapters that become part of the weights of a model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llmtune_kernel.config import UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.config.errors import first_line
from llmtune_kernel.locale import _
from llmtune_kernel.models.out_of_memory import out_of_memory


def merged(model: Any, folders: Iterable[Path], key: str = "model.adapters") -> Any:
    """The model with adapters merged into its weights, one after the other.

    Args:
        key: The setting that names them.

    Raises:
        UserError: one cannot be merged, or does not fit.
    """
    from peft import PeftConfig, PeftModel

    for folder in folders:
        config: Any = PeftConfig.from_pretrained(str(folder))
        if getattr(config, "trainable_token_indices", None):
            raise _unmergeable(folder, _("it has new tokens"), key)
        if config.is_prompt_learning:
            raise _unmergeable(folder, _("it puts tokens in front"), key)
        try:
            model = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
        except (RuntimeError, ValueError, NotImplementedError) as error:
            # By these PEFT says that sizes or layers are others, or that a kind cannot be merged.
            if out_of_memory(error):
                raise
            raise _unmergeable(folder, first_line(error), key) from error
    return model


def _unmergeable(folder: Path, reason: str, key: str) -> UserError:
    return UserError(
        _("This adapter cannot be merged: {reason}", reason=reason),
        f"{key}: {folder}",
        _("Name adapters that were trained on this model, in the order in which they were."),
        [leave_out(key)],
    )
