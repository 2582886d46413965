"""Settings for a purpose, to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A part of a configuration with a name: what defines it, and nothing more."""

    name: str
    title: str
    description: str
    values: dict[str, Any]


PRESETS = (
    Preset(
        "beginner",
        "Beginner",
        "LoRA with settings that suit most data and models.",
        {
            "method": {"type": "lora", "r": 8, "lora_alpha": 16, "use_rslora": False},
            "training": {"learning_rate": "auto"},
        },
    ),
    Preset(
        "quick",
        "Quick try",
        "20 steps on short examples: does it run, and does the loss fall?",
        {"data": {"max_length": 512}, "training": {"max_steps": 20}},
    ),
    Preset(
        "low-memory",
        "Low memory",
        "One short example at a time; slower, for machines where memory is tight.",
        {
            "data": {"max_length": 512},
            "training": {
                "per_device_train_batch_size": 1,
                "gradient_accumulation_steps": 8,
                "gradient_checkpointing": True,
            },
        },
    ),
    Preset(
        "quality",
        "Quality",
        "More trainable weights, more passes, and an evaluation on rows set aside.",
        {
            "data": {"eval_fraction": 0.05},
            "method": {"type": "lora", "r": 64, "lora_alpha": 16, "use_rslora": True},
            "training": {"num_train_epochs": 4.0},
        },
    ),
)
