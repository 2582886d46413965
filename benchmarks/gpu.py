"""How fast does the engine train on an NVIDIA GPU, and does it take the memory that was estimated?

SmolLM2-135M and a Llama of 1.2 billion random weights train on batches of 4 sequences of 512 tokens: with LoRA, with
QLoRA, in full, and with Unsloth's backend where that is installed, each in a worker of its own. The speed is the median
over the steps after the first few, in which kernels are chosen. The memory is the most that tensors took, as torch
counts it; it is compared with the estimate less its constant for the runtime, which is not among them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from figure import Figure, Measured, Skipped
from memory import random_llama

from llmtune_kernel.config import ModelConfig, RunConfig, config_from_dict
from llmtune_kernel.models.sources import find_model
from llmtune_kernel.runs.events import MetricsEvent
from llmtune_kernel.runs.launch import launch
from llmtune_kernel.runs.run import Run, RunFailed
from llmtune_kernel.worker.estimating import Estimator, longest_batch, this_machine

LENGTH, BATCH, STEPS, FIRST = 512, 4, 20, 5
# Hidden units, layers and key-value heads of the random Llama.
LARGE = (2048, 22, 8)
WAYS: dict[str, dict[str, Any]] = {
    "LoRA": {"method": "lora"},
    "QLoRA": {"method": "lora", "model": {"quantization": "nf4"}},
    "full": {"method": "full"},
    "LoRA, Unsloth": {"method": "lora", "model": {"backend": "unsloth"}},
    "QLoRA, Unsloth": {"method": "lora", "model": {"backend": "unsloth", "quantization": "nf4"}},
}
NEEDS = {"nf4": "bitsandbytes", "unsloth": "unsloth"}


def measure() -> Measured:
    """Each model in each way.

    Raises:
        Skipped: there is no NVIDIA GPU.
    """
    if not torch.cuda.is_available():
        raise Skipped("There is no NVIDIA GPU.")
    with tempfile.TemporaryDirectory() as folder:
        models = {
            "SmolLM2-135M": Path(find_model(ModelConfig()).name_or_path),
            "Llama 1.2B": random_llama(Path(folder) / "large", *LARGE),
        }
        return measured(models, Path(folder))


def measured(models: dict[str, Path], folder: Path) -> Measured:
    """Each of some models in each way that can be tried here; `folder` is for the data."""
    rows = folder / "rows.jsonl"
    rows.write_text((json.dumps({"text": "word " * 2 * LENGTH}) + "\n") * BATCH * STEPS)
    found = [
        {"model": name, "way": way, **trained(configured(model, rows, settings))}
        for name, model in models.items()
        for way, settings in WAYS.items()
        if all(map(importlib.util.find_spec, needed(settings)))
    ]
    return Measured([figure for one in found for figure in figures(one)], found)


def needed(settings: dict[str, Any]) -> list[str]:
    """The packages that a way needs besides ours."""
    return [NEEDS[value] for value in settings.get("model", {}).values()]


def configured(model: Path, rows: Path, settings: dict[str, Any]) -> RunConfig:
    return config_from_dict(
        {
            "model": {"name_or_path": str(model), **settings.get("model", {})},
            "data": {"train": str(rows), "max_length": LENGTH},
            "method": settings["method"],
            "objective": "pretrain",
            "training": {
                "max_steps": STEPS,
                "per_device_train_batch_size": BATCH,
                "gradient_checkpointing": False,
            },
        }
    )


def trained(config: RunConfig) -> dict[str, Any]:
    """What a run was estimated to take, and what it did: memory in bytes, tokens a second; or why it `failed`."""
    estimator = Estimator(find_model(config.model), longest_batch(config))
    estimate = estimator.estimate(config, this_machine(config))
    expected = {"parts": estimate.parts, "estimate": estimate.total - estimate.overhead}
    with tempfile.TemporaryDirectory() as home:
        os.environ["LLMTUNE_HOME"] = home
        try:
            return {**expected, **of_run(launch(config).wait())}
        except RunFailed as failure:
            return {**expected, "failed": str(failure)}


def of_run(run: Run) -> dict[str, Any]:
    steps = [event.payload for event in run.events() if isinstance(event, MetricsEvent)]
    return {
        "tokens_per_second": [step.tokens_per_second for step in steps],
        "measured": max(step.memory for step in steps),
        "loss_first": steps[0].loss,
        "loss_last": steps[-1].loss,
    }


def figures(one: dict[str, Any]) -> list[Figure]:
    """Of one model and way: speed, and memory in MB and as a ratio."""
    what, estimate = f"{one['model']}, {one['way']}", one["estimate"]
    expected = Figure(f"{what}: estimate", round(estimate / 1e6), "MB", one.get("failed", ""))
    if "failed" in one:
        return [expected]
    return [
        Figure(f"{what}: speed", round(statistics.median(one["tokens_per_second"][FIRST:])), "tokens/s"),
        expected,
        Figure(f"{what}: most memory", round(one["measured"] / 1e6), "MB"),
        Figure(f"{what}: estimate / measured", round(estimate / one["measured"], 2), "", "0.9 to 1.1"),
    ]
