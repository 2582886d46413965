"""How close is the estimate of memory to what a worker takes?

Random Llamas of three sizes train two steps, in full, with LoRA and with QLoRA, each in a worker of its own on the CPU,
on a batch as large as the configuration allows. Measured is the most resident memory of the worker less what it had
when its libraries were imported: both include the libraries' own pages, so what is left are weights and tensors. It is
compared with the estimate less its constant for libraries and runtime.

Each is measured twice. First with an allocator that gives every large tensor back to the system: then resident memory
is what the tensors take. Then as runs are: the worker's allocator keeps what was freed, in pieces that may not fit what
comes next, as that is faster; the second ratio says how much more a worker holds for it.
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
from llmtune_kernel.runs.events import MetricsEvent, StateEvent
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
# Chunks from 64 kB on are mapped one by one, and gone when they are freed.
GIVES_BACK = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_TOP_PAD_": "131072",
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
    """Of one size and method, in MB and as ratios."""
    what = f"{one['method']}, {one['parameters'] / 1e6:.0f} M parameters"
    tensors, held = one["measured"], one["as_run"]
    return [
        Figure(f"{what}: estimate", round(one["estimate"] / 1e6), "MB"),
        Figure(f"{what}: measured", round(tensors / 1e6), "MB"),
        Figure(f"{what}: estimate / measured", round(one["estimate"] / tensors, 2), "", "0.9 to 1.1"),
        Figure(f"{what}: estimate / worker as it runs", round(one["estimate"] / held, 2), ""),
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
    """Bytes without those of the libraries: `estimate`, `measured`, and `as_run` with the allocator of runs."""
    dtype = compute_dtype(config.model)
    estimator = Estimator(ModelSource(str(model), None), longest_batch(config))
    hardware = Hardware("CPU", 2**50, dtype, is_gpu=False)
    estimate = estimator.estimate(config, hardware)
    weights = estimator.model(config, hardware).parameters()
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "parts": estimate.parts,
        "estimate": estimate.total - estimate.overhead,
        "measured": peak(config, GIVES_BACK),
        "as_run": peak(config, {}),
    }


def peak(config: RunConfig, environment: dict[str, str]) -> int:
    """The most resident memory of a worker, less that after its imports, in bytes."""
    with tempfile.TemporaryDirectory() as home:
        before = {key: os.environ.get(key) for key in environment}
        os.environ |= {"LLMTUNE_HOME": home, **environment}
        run = launch(config)
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})
        worker = max(psutil.Process().children(), key=lambda child: child.create_time())
        looks, most = [], 0
        try:
            while run.paths.alive:
                looks.append((time.time(), worker.memory_info().rss))
                most = max(most, high_water_mark(worker.pid))
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except (psutil.Error, OSError):  # it has ended
            pass
        run.wait()
        assert any(isinstance(event, MetricsEvent) for event in run.events())
        states = [event for event in run.events() if isinstance(event, StateEvent)]
        ready = states[[state.payload.detail for state in states].index("finding the model")].time
        return most - min(looks, key=lambda look: abs(look[0] - ready))[1]


def high_water_mark(pid: int) -> int:
    """The most resident memory that a process ever had, in bytes; 0 if it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
