"""Quick runs that learn from how answers of their own are scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rewards
from watching import in_process

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.notebook.rewards import reward_writer
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Payload

# Few tokens, by what each objective calls them.
SHORT: dict[str, dict[str, Any]] = {
    "ppo": {"response_length": 6},
    "grpo": {"max_completion_length": 6, "num_generations": 4},
}


def settings(folder: str, prompts: str, reward: str, **more: Any) -> dict[str, Any]:
    """Of ppo where no type is given; sections are added, and keys of objective, training and data to its own."""
    given = more.pop("objective", {})
    type_ = given.get("type", "ppo")
    quick: dict[str, Any] = {
        "model": {"name_or_path": folder, "dtype": "float32"},
        "data": {"train": prompts, **more.pop("data", {})},
        "method": "full",
        "objective": {"type": type_, "reward": reward, "top_k": 20, **SHORT[type_], **given},
        "training": {
            "learning_rate": 1e-2,
            "per_device_train_batch_size": 16,
            "lr_scheduler_type": "constant",
            **more.pop("training", {}),
        },
    }
    return {**quick, **more}


def train_here(folder: Path, base: str, prompts: str, reward: Any, /, **more: Any) -> list[Payload]:
    """Two steps in this process; `reward` is a function of `rewards.py` or the name of what scores."""
    name = reward if isinstance(reward, str) else f"${reward.__name__}"
    values = settings(base, prompts, name, **{"training": {"max_steps": 2}, **more})
    directory = RunDirectory(folder)

    def prepare() -> None:
        writer = reward_writer(config_from_dict(values), vars(rewards))
        if writer:
            writer(directory)

    return in_process(directory.path, prepare=prepare, **values)
