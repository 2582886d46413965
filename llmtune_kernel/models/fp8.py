"""Training in FP8: linear layers multiply matrices as torchao does, and their weights are kept as they are."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import torch

from llmtune_kernel.config import TrainingConfig, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.config.quantizations import QUANTIZATIONS
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import device
from llmtune_kernel.models.scoring import head_of

# From this compute capability on (Ada, Hopper) NVIDIA's GPUs multiply matrices in FP8, if their sizes are multiples.
_CAPABILITY, _MULTIPLE = (8, 9), 16
# How architectures name the layer that chooses experts, where it is a linear one: a choice that is rounded is another.
_ROUTERS = ("classifier", "gate", "router", "router_gate")


def check_fp8(config: TrainingConfig) -> None:
    """Raise UserError if FP8 is asked for and cannot be had here."""
    if not config.fp8:
        return
    if device().type not in ("cuda", "cpu"):
        raise _refused(_("{name} needs an NVIDIA GPU or a CPU.", name="fp8"), _("Leave it out."))
    _check_installed()


def _check_installed() -> None:
    if not importlib.util.find_spec("torchao"):
        install = _(
            "Install it: {command}", command=f"%pip install {QUANTIZATIONS['torchao_float8'].install}"
        )
        raise _refused(_("The package {package} is not installed.", package="torchao"), install)


def multiplies_fp8() -> bool:
    """Whether the hardware multiplies matrices in FP8; elsewhere that is emulated."""
    return device().type == "cuda" and torch.cuda.get_device_capability() >= _CAPABILITY


def use_fp8(model: Any, *, emulated: bool) -> int:
    """Let linear layers compute their outputs, and the gradients of their inputs and weights, in FP8.

    What they multiply is rounded to float8_e4m3fn, each row or column with a scale of its own, a power of two
    (`rowwise` of torchao), so that what becomes of a token does not depend on others. The head of the model and what
    chooses experts stay as they are; so do the weights, and all that is saved.

    Args:
        model: As loaded; adapters that are put in later compute in their own precision.
        emulated: Whether numbers that are rounded so are multiplied in float32.

    Returns:
        How many layers compute so.

    Raises:
        UserError: none can; torchao is not installed.
    """
    _check_installed()
    from torchao.float8 import Float8LinearConfig, convert_to_float8_training
    from torchao.float8.float8_linear import Float8Linear

    head = head_of(model)

    def suits(layer: torch.nn.Module, name: str) -> bool:
        # A class of an architecture's own may be more than a product.
        if type(layer) is not torch.nn.Linear or layer is head:
            return False
        return name.rsplit(".", 1)[-1] not in _ROUTERS and not any(
            size % _MULTIPLE for size in layer.weight.shape
        )

    rowwise = Float8LinearConfig.from_recipe_name("rowwise")
    # A batch has any number of tokens, over which the product goes that gives the gradients of weights.
    recipe = dataclasses.replace(rowwise, pad_inner_dim=True, emulate=emulated)
    convert_to_float8_training(model, module_filter_fn=suits, config=recipe)
    converted = [part for part in model.modules() if type(part) is Float8Linear]
    if not converted:
        raise _refused(
            _("No linear layer of this model has sizes that are multiples of {count}.", count=_MULTIPLE),
            _("Leave it out."),
        )
    for layer in converted:
        layer.register_forward_hook(_as_of_its_own)
    return len(converted)


def _as_of_its_own(layer: Any, given: Any, output: torch.Tensor) -> torch.Tensor:
    """The output, no longer a view of what was made without gradients: some adapters add to it in place."""
    result: torch.Tensor = torch.ops.aten._unsafe_view(output, output.shape)
    return result


def _refused(what: str, fix: str) -> UserError:
    return UserError(what, "training.fp8", fix, [leave_out("training.fp8")])
