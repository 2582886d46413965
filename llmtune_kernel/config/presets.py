"""Settings for a purpose, to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A part of a configuration with a name; all presets set the same keys, so that one leaves nothing of another."""

    name: str
    title: str
    description: str
    values: dict[str, Any]


def _preset(
    name: str,
    title: str,
    description: str,
    *,
    r: int = 8,
    lora_alpha: int = 16,
    use_rslora: bool = False,
    epochs: float = 3.0,
    max_steps: int | None = None,
    batch: int = 4,
    accumulation: int = 1,
    gradient_checkpointing: bool | str = "auto",
    max_length: int = 1024,
    eval_fraction: float = 0.0,
) -> Preset:
    values = {
        "data": {"max_length": max_length, "eval_fraction": eval_fraction},
        "method": {"type": "lora", "r": r, "lora_alpha": lora_alpha, "use_rslora": use_rslora},
        "training": {
            "num_train_epochs": epochs,
            "max_steps": max_steps,
            "per_device_train_batch_size": batch,
            "gradient_accumulation_steps": accumulation,
            "learning_rate": "auto",
            "gradient_checkpointing": gradient_checkpointing,
        },
    }
    return Preset(name, title, description, values)


PRESETS = (
    _preset("beginner", "Beginner", "LoRA with settings that suit most data and models."),
    _preset(
        "quick",
        "Quick try",
        "20 steps on short examples: does it run, and does the loss fall?",
        epochs=1.0,
        max_steps=20,
        max_length=512,
    ),
    _preset(
        "low-memory",
        "Low memory",
        "One short example at a time; slower, for machines where memory is tight.",
        batch=1,
        accumulation=8,
        gradient_checkpointing=True,
        max_length=512,
    ),
    _preset(
        "quality",
        "Quality",
        "More trainable weights, more passes, and an evaluation on rows set aside.",
        r=64,
        lora_alpha=16,
        use_rslora=True,
        epochs=4.0,
        batch=4,
        accumulation=4,
        max_length=2048,
        eval_fraction=0.05,
    ),
)
