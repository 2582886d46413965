"""Models by Unsloth, in a worker that has imported it before all else."""

from __future__ import annotations

import atexit
import dataclasses
import shutil
import tempfile
import traceback
from collections.abc import Mapping
from typing import Any

import torch

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.errors import first_line
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import cannot_load, device, load_configuration
from llmtune_kernel.models.prequantized import prequantized
from llmtune_kernel.models.rope import most_positions
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.models.unsloth_import import LEAVE, WHERE, check_installed, folder

# Of PEFT's configuration: what Unsloth sets by itself, and what says where an adapter is from.
_NOT_GIVEN = frozenset(
    {
        "task_type",
        "peft_type",
        "peft_version",
        "auto_mapping",
        "base_model_name_or_path",
        "revision",
        "inference_mode",
    }
)


def check_loadable(config: ModelConfig, of_model: Any, *, on_top: bool) -> None:
    """Raise UserError if Unsloth is not there, or does not load these weights so.

    Args:
        of_model: The configuration of the model, of transformers.
        on_top: Whether other adapters stay beneath the one that is trained.
    """
    check_installed()
    if on_top:  # its layers read one
        raise UserError(
            _("Unsloth trains no adapter on top of others."),
            WHERE,
            _("Merge them, or leave model.backend out."),
            [LEAVE],
        )
    found = prequantized(of_model)
    if found and not (found.name == "bitsandbytes" and found.settings.get("load_in_4bit")):
        raise UserError(
            _(
                "Unsloth is not used here on weights that are quantized already by {kind}.",
                kind=found.name,
            ),
            f"model.name_or_path: {config.name_or_path}",
            _("Name the model that it was made from, or leave model.backend out."),
            [LEAVE],
        )
    if config.quantization == "int8" and device().type == "cpu":
        raise UserError(
            _("Unsloth does not quantize to int8 on a CPU."),
            f"model.quantization: {config.quantization}",
            _("Take nf4, or leave model.backend out."),
            [change_to("model.quantization", "nf4"), LEAVE],
        )


def check_length(config: ModelConfig, of_model: Any, longest: int) -> None:
    """Raise UserError if a row of so many tokens is longer than the model was made for: elsewhere it is trained on all
    the same; Unsloth would stretch the positions of the model without being told to, or cut the row."""
    positions = most_positions(of_model)
    if config.rope_scaling == "none" and positions and longest > positions:
        raise UserError(
            _(
                "With Unsloth no row is longer than the {positions:,} tokens that the model was made for; the longest "
                "has {longest:,}.",
                positions=positions,
                longest=longest,
            ),
            "data.max_length",
            _("Lower it, set model.rope_scaling, or leave model.backend out."),
            [change_to("data.max_length", positions), LEAVE],
        )


def load_by_unsloth(
    source: ModelSource,
    config: ModelConfig,
    dtype: torch.dtype,
    positions: Mapping[str, Any],
    *,
    longest: int,
    full: bool,
    checkpointing: bool,
) -> Any:
    """Load the model for training, in evaluation mode; arguments that are not named here as of `load_model`.

    Args:
        longest: Tokens for which there is to be room in a row, within what the model was made for.
        full: Whether all weights will be trained.
        checkpointing: As of `with_adapters`.

    Raises:
        UserError: it cannot be loaded so; says why.
    """
    from unsloth import DEVICE_TYPE, FastLanguageModel

    of_model = load_configuration(source)
    in_4_bits = config.quantization == "nf4" or prequantized(of_model) is not None
    stretched = dict(positions)
    if DEVICE_TYPE != "cpu":  # where it sets them by `max_seq_length`
        stretched.pop("max_position_embeddings", None)
    if not positions:  # those of the model, which it would stretch for more
        longest = min(longest, most_positions(of_model) or longest)
    try:
        model, _tokenizer = FastLanguageModel.from_pretrained(
            source.name_or_path,
            max_seq_length=longest,
            dtype=dtype,
            load_in_4bit=in_4_bits,
            load_in_8bit=config.quantization == "int8",
            full_finetuning=full,
            revision=source.revision,
            use_gradient_checkpointing="unsloth" if checkpointing else False,
            use_exact_model_name=True,  # and no other repository in its place
            fix_tokenizer=False,
            use_safetensors=True,
            **stretched,
        )
    except Exception as error:
        raise cannot_load("model", source, error) from error
    if in_4_bits and not getattr(model, "is_loaded_in_4bit", False):  # it says so to its log only
        raise UserError(
            _("Unsloth could not quantize the model."),
            f"model.quantization: {config.quantization}",
            _("Leave it out, or leave model.backend out."),
            [leave_out("model.quantization"), LEAVE],
        )
    return model.eval()


def with_adapters(model: Any, config: Any, *, seed: int, checkpointing: bool) -> Any:
    """Put adapters of LoRA into a model.

    Args:
        model: From `load_by_unsloth`.
        config: The `LoraConfig` of PEFT.
        seed: Of their initial weights.
        checkpointing: Whether activations are computed anew in the backward pass; on a GPU what is kept of them goes to
            main memory meanwhile.

    Raises:
        UserError: Unsloth does not put them there; says why.
    """
    from unsloth import FastLanguageModel

    # All of them: what it takes where nothing is said is not what PEFT takes.
    names = {field.name for field in dataclasses.fields(config)} - _NOT_GIVEN
    given = {name: getattr(config, name) for name in names}
    try:
        return FastLanguageModel.get_peft_model(
            model,
            **given,
            random_state=seed,
            use_gradient_checkpointing="unsloth" if checkpointing else False,
            temporary_location=_buffers(),
        )
    except (NotImplementedError, TypeError) as error:
        traceback.print_exc()
        raise UserError(
            _("Unsloth puts no such adapters into this model: {reason}", reason=first_line(error)),
            WHERE,
            _("Change method, or leave model.backend out."),
            [LEAVE],
        ) from error


@torch.no_grad()
def computes_where_told(model: Any, dtype: torch.dtype) -> bool:
    """Whether a model computes logits only at the positions that it is told; Unsloth's own on a GPU computes all.

    Args:
        dtype: Precision of matrix products.
    """
    places = torch.tensor([0, 2], device=model.device)
    ids = torch.zeros(1, 4, dtype=torch.long, device=model.device)
    with torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32):
        logits = model(input_ids=ids, logits_to_keep=places, use_cache=False).logits
    return bool(logits.shape[1] == len(places))


def _buffers() -> str:
    """A folder, until this process ends, for the weights of before of embeddings that are trained whole."""
    made = tempfile.mkdtemp(prefix="buffers-", dir=folder())
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
