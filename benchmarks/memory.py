"""How close is the estimate of memory to what a worker takes?

Random Llamas of three sizes train two steps, in full, with LoRA and with QLoRA, each in a worker of its own on the CPU,
on a batch as large as the configuration allows. Measured is the most resident memory that the worker ever had, as runs
are; it is compared with what `llmtune estimate` says.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from figure import Figure, Measured, Skipped
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from llmtune_kernel.config import ModelConfig, RunConfig, config_from_dict
from llmtune_kernel.models.loading import compute_dtype
from llmtune_kernel.models.sources import ModelSource, find_model
from llmtune_kernel.runs.events import MetricsEvent
from llmtune_kernel.runs.launch import launch
from llmtune_kernel.worker.estimating import Estimator, Hardware, longest_batch

LENGTH, BATCH = 512, 2
# Hidden units, layers and key-value heads.
SIZES = {"small": (256, 6, 2), "medium": (512, 8, 4), "large": (768, 12, 4)}
METHODS: dict[str, dict[str, Any]] = {
    "full": {"method": "full"},
    "LoRA": {"method": "lora"},
    "QLoRA": {"method": "lora", "quantization": "nf4"},
}
SECONDS_BETWEEN_LOOKS = 0.01


def measure() -> Measured:
    """Each size with each method.

    Raises:
        Skipped: resident memory is not told here.
    """
    if not sys.platform.startswith("linux"):
        raise Skipped("The peak of another process is only known on Linux.")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        rows.write_text("".join(json.dumps({"text": "word " * 2 * LENGTH}) + "\n" for _ in range(2 * BATCH)))
        for size, (width, layers, heads) in SIZES.items():
            model = random_llama(Path(folder) / size, width, layers, heads)
            for name, method in METHODS.items():
                config = configured(model, rows, **method)
                found.append({"size": size, "method": name, **compared(config, model)})
    return Measured([figure for one in found for figure in figures(one)], found)


def figures(one: dict[str, Any]) -> list[Figure]:
    """Of one size and method, in MB and as a ratio."""
    what = f"{one['method']}, {one['parameters'] / 1e6:.0f} M parameters"
    return [
        Figure(f"{what}: estimate", round(one["estimate"] / 1e6), "MB"),
        Figure(f"{what}: measured", round(one["measured"] / 1e6), "MB"),
        Figure(f"{what}: estimate / measured", round(one["estimate"] / one["measured"], 2), "", "0.9 to 1.1"),
    ]


def random_llama(folder: Path, width: int, layers: int, heads: int) -> Path:
    """A model of random weights with the tokenizer of the built-in one."""
    tokenizer = AutoTokenizer.from_pretrained(find_model(ModelConfig()).name_or_path)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=round(8 / 3 * width) // 64 * 64,
            num_hidden_layers=layers,
            num_attention_heads=width // 64,
            num_key_value_heads=heads,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def configured(model: Path, rows: Path, method: str, quantization: str = "none") -> RunConfig:
    return config_from_dict(
        {
            "model": {"name_or_path": str(model), "quantization": quantization},
            "data": {"train": str(rows), "max_length": LENGTH},
            "method": method,
            "objective": "pretrain",
            "training": {
                "max_steps": 2,
                "per_device_train_batch_size": BATCH,
                "gradient_checkpointing": False,
            },
        }
    )


def compared(config: RunConfig, model: Path) -> dict[str, Any]:
    """Of a run its number of parameters, and in bytes the `estimate`, by `parts`, and what was `measured`."""
    dtype = compute_dtype(config.model)
    hardware = Hardware("CPU", 2**50, dtype, is_gpu=False)
    estimator = Estimator(ModelSource(str(model), None), longest_batch(config))
    estimate = estimator.estimate(config, hardware)
    weights = estimator.model(config, hardware).parameters()
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "parts": estimate.parts,
        "estimate": estimate.total,
        "measured": peak(config),
    }


def peak(config: RunConfig) -> int:
    """The most resident memory of the worker of a run, in bytes."""
    with tempfile.TemporaryDirectory() as home:
        before = os.environ.get("LLMTUNE_HOME")
        os.environ["LLMTUNE_HOME"] = home
        run = launch(config)
        os.environ.pop("LLMTUNE_HOME") if before is None else os.environ.update(LLMTUNE_HOME=before)
        worker = max(psutil.Process().children(), key=lambda child: child.create_time())
        most = 0
        try:
            while run.paths.alive:
                most = max(most, high_water_mark(worker.pid))
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except (psutil.Error, OSError):  # it has ended
            pass
        run.wait()
        assert any(isinstance(event, MetricsEvent) for event in run.events())
        return most


def high_water_mark(pid: int) -> int:
    """The most resident memory that a process ever had, in bytes; 0 if it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
