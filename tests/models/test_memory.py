"""What the estimate of memory counts."""

from __future__ import annotations

from typing import Any

import torch

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.loading import load_skeleton
from llmtune_kernel.models.memory import training_bytes
from llmtune_kernel.models.sources import ModelSource


def estimate(folder: str, **sections: Any) -> int:
    config = config_from_dict({"data": "unused", "training": {"gradient_checkpointing": False}, **sections})
    model = prepare_for_training(load_skeleton(ModelSource(folder, None)), config.method)
    return training_bytes(config, model, 64, 32, torch.float32, free=2**40)


def test_a_copy_of_the_model_before_training_is_counted(tiny_model: str) -> None:
    weights = 4 * sum(weight.numel() for weight in load_skeleton(ModelSource(tiny_model, None)).parameters())
    compared: dict[str, Any] = {"objective": {"type": "sft", "loss": "asft"}}
    assert estimate(tiny_model, method="full", **compared) == estimate(tiny_model, method="full") + weights
    # Adapters are switched off instead.
    assert estimate(tiny_model, method="lora", **compared) == estimate(tiny_model, method="lora")
