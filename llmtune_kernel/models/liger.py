"""Liger's kernels: norms, rotation of positions and gated layers, each computed in one go on an NVIDIA GPU."""

from __future__ import annotations

import importlib.util
from typing import Any

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import device


def check_liger(config: ModelConfig) -> None:
    """Raise UserError if Liger's kernels are asked for and cannot run here."""
    if not config.liger_kernel:
        return
    if device().type != "cuda":
        raise _refused(_("{name} needs an NVIDIA GPU.", name="liger_kernel"), _("Leave it out."))
    if not importlib.util.find_spec("liger_kernel"):
        install = _("Install it: {command}", command="%pip install 'jupyterlab-llmtune[liger]'")
        raise _refused(_("The package {package} is not installed.", package="liger-kernel"), install)


def use_liger(model: Any) -> None:
    """Replace what a loaded model computes by Liger's kernels; its logits and its loss stay ours.

    Liger's own loss would compute logits at every token, and ours are only there where something is to be learned.

    Raises:
        UserError: Liger has none for the architecture.
    """
    from liger_kernel.transformers import monkey_patch

    name = model.config.model_type
    refused = _refused(
        _("Liger has no kernels for this architecture ({name}).", name=name), _("Leave it out.")
    )
    if name not in monkey_patch.MODEL_TYPE_TO_APPLY_LIGER_FN:
        raise refused
    without_loss = {"cross_entropy": False, "fused_linear_cross_entropy": False}
    try:
        monkey_patch._apply_liger_kernel_to_instance(model=model, **without_loss)
    except TypeError as error:  # of this architecture it knows models with other heads
        raise refused from error


def _refused(what: str, fix: str) -> UserError:
    return UserError(what, "model.liger_kernel", fix, [leave_out("model.liger_kernel")])
