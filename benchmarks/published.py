"""The page docs/memory-compared.md: our estimates beside the table that LLaMA-Factory publishes.

`python benchmarks/published.py > docs/memory-compared.md`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, PreTrainedConfig, Qwen2Config

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.worker.estimating import Estimator, Hardware, longest_batch

LENGTH = 1024
GPU = Hardware("GPU", 2**50, torch.bfloat16, is_gpu=True)

# The published sizes, and the sizes of models that have them.
_QWEN = {"hidden_size": 5120, "num_attention_heads": 40, "num_key_value_heads": 8, "vocab_size": 152064}
MODELS: dict[str, PreTrainedConfig] = {
    "7B": LlamaConfig(),
    "14B": Qwen2Config(**_QWEN, intermediate_size=13824, num_hidden_layers=48),
    "30B": Qwen2Config(**_QWEN, intermediate_size=27648, num_hidden_layers=64),
    "70B": LlamaConfig(
        hidden_size=8192,
        intermediate_size=28672,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=8,
    ),
}
NAMES = ("Llama 2 7B", "Qwen2.5 14B", "Qwen2.5 32B", "Llama 2 70B")
# Its rows, in GB for each size, and of ours those that do the same.
PUBLISHED: dict[str, tuple[int, ...]] = {
    "full, bf16 or fp16": (120, 240, 600, 1200),
    "full, pure bf16": (60, 120, 300, 600),
    "freeze, LoRA, GaLore, APOLLO, BAdam, OFT, 16 bits": (16, 32, 64, 160),
    "QLoRA, QOFT, 8 bits": (10, 20, 40, 80),
    "QLoRA, QOFT, 4 bits": (6, 12, 24, 48),
    "QLoRA, QOFT, 2 bits": (4, 8, 16, 24),
}
_PURE = {"method": "full", "model": {"dtype": "bfloat16", "pure_bf16": True}}
OURS: dict[str, dict[str, dict[str, Any]]] = {
    "full, bf16 or fp16": {"full": {"method": "full"}},
    "full, pure bf16": {"full, pure bfloat16": _PURE},
    "freeze, LoRA, GaLore, APOLLO, BAdam, OFT, 16 bits": {
        "freeze, last 2 layers": {"method": "freeze"},
        "LoRA": {"method": "lora"},
        "OFT": {"method": {"type": "peft", "peft_type": "OFT"}},
        **{
            f"{name}, pure bfloat16": {**_PURE, "training": {"optim": optim}}
            for name, optim in (
                ("GaLore", "galore_adamw"),
                ("GaLore, layer by layer", "galore_adamw_layerwise"),
                ("APOLLO", "apollo_adamw"),
                ("APOLLO, layer by layer", "apollo_adamw_layerwise"),
                ("BAdam", "badam"),
            )
        },
    },
    "QLoRA, QOFT, 8 bits": {"QLoRA int8": {"method": "lora", "model": {"quantization": "int8"}}},
    "QLoRA, QOFT, 4 bits": {"QLoRA nf4": {"method": "lora", "model": {"quantization": "nf4"}}},
    "QLoRA, QOFT, 2 bits": {"QLoRA hqq2": {"method": "lora", "model": {"quantization": "hqq2"}}},
}

PAGE = f"""# Our estimates beside LLaMA-Factory's

LLaMA-Factory's README has a table of hardware requirements, which it calls estimated and which gives no batch and no
length. Ours are for one example of {LENGTH:,} tokens, all of them trained, with gradient checkpointing, on a GPU that
multiplies bfloat16; the models are {", ".join(NAMES)}. All in GB of 10⁹ bytes; neither side was measured on GPUs.

| | {" | ".join(MODELS)} |
| --- | {" | ".join("---" for _ in MODELS)} |
"""
NOTES = """
- `full` keeps weights, gradients and the two moments of Adam in float32, 16 bytes a weight; on a GPU torch's Adam computes
  another 4 bytes a weight in passing.
- With GaLore, APOLLO and BAdam all weights are trained. Without `pure_bf16` they are float32 and take twice as much.
- Where an optimizer works layer by layer, gradients are gone when it is the next layer's turn.

Written by `python benchmarks/published.py > docs/memory-compared.md`.
"""  # noqa: E501


def main() -> None:
    """Print the page."""
    with tempfile.TemporaryDirectory() as folder:
        estimators = list(made(Path(folder)))
        lines = []
        for theirs, published in PUBLISHED.items():
            lines.append(row(f"**LLaMA-Factory: {theirs}**", published))
            for name, sections in OURS.get(theirs, {}).items():
                lines.append(row(name, [gigabytes(estimator, sections) for estimator in estimators]))
    sys.stdout.write(PAGE + "".join(lines) + NOTES)


def row(name: str, values: Any) -> str:
    return f"| {name} | {' | '.join(map(str, values))} |\n"


def made(folder: Path) -> Iterator[Estimator]:
    """An estimator of each model, of which there is a configuration alone."""
    for size, model in MODELS.items():
        model.architectures = ["LlamaForCausalLM" if isinstance(model, LlamaConfig) else "Qwen2ForCausalLM"]
        model.save_pretrained(folder / size)
        yield Estimator(ModelSource(str(folder / size), None), longest_batch(configured({})))


def configured(sections: dict[str, Any]) -> Any:
    training = {
        "per_device_train_batch_size": 1,
        "gradient_checkpointing": True,
        **sections.get("training", {}),
    }
    return config_from_dict(
        {"data": {"train": "unused", "max_length": LENGTH}, **sections, "training": training}
    )


def gigabytes(estimator: Estimator, sections: dict[str, Any]) -> int:
    return round(estimator.estimate(configured(sections), GPU).total / 1e9)


if __name__ == "__main__":
    main()
