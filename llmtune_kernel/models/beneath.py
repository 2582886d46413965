"""Adapters that stay as they are beneath the one that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmtune_kernel.config import UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.refusals import refusals
from llmtune_kernel.stacking import lay_beneath


def with_beneath(tuned: Any, folders: Sequence[Path], start: Path | None = None) -> Any:
    """The model with adapters beneath the one that it has.

    Args:
        tuned: A `PeftModel` with an adapter of LoRA.
        folders: Of adapters, the one at the bottom first.
        start: The folder that its own comes from, where it is not a new one.

    Raises:
        UserError: one cannot stay beneath another, or does not fit.
    """
    for number, folder in enumerate(folders):
        if reason := _reason(folder, bottom=number == 0, top=False):
            raise _unfit(f"model.adapters: {folder}", reason)
    if folders and start is not None and (reason := _reason(start, bottom=False, top=True)):
        raise _unfit(f"method.adapter: {start}", reason)
    with refusals(lambda reason: _unfit("model.adapters", reason)):
        return lay_beneath(tuned, folders)


def _reason(folder: Path, *, bottom: bool, top: bool) -> str:
    """Why an adapter cannot be with others, at the bottom of them, on top or between; empty if it can."""
    from peft import PeftConfig

    config: Any = PeftConfig.from_pretrained(str(folder))
    if config.peft_type != "LORA":
        return _("it is of the kind {name}, not of LoRA", name=config.peft_type.value)
    if config.trainable_token_indices:
        return _("it has new tokens")
    if config.modules_to_save and not top:
        return _("it has whole modules: {names}", names=", ".join(sorted(config.modules_to_save)))
    if config.use_dora and not bottom:
        return _("it is of DoRA, which looks at all of the weights, and does not see the adapters beneath it")
    return ""


def _unfit(where: str, reason: str) -> UserError:
    return UserError(
        _("These adapters cannot stay as they are, one on top of the other: {reason}.", reason=reason),
        where,
        _("Merge them, with model.merge_adapters: true, or name others."),
        [change_to("model.merge_adapters", True), leave_out("model.adapters")],
    )
