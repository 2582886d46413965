"""How many tokens a second does our engine train, against LLaMA-Factory on the same job?

The job: LoRA r 8 on all linear layers, 4 sequences a step, cut-off 512 tokens, constant learning rate 1e-4, the first
200 rows, seed 42, 12 steps. The peer is a script outside this project, named by LLMTUNE_PEER; it prints one JSON line.
Both count tokens without padding, over the seconds of the training loop: no imports, no loading of the model.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from figure import Figure, Measured, Skipped

from llmtune_kernel.config import ModelConfig, config_from_dict
from llmtune_kernel.models.sources import find_model
from llmtune_kernel.runs.events import MetricsEvent, StateEvent
from llmtune_kernel.runs.launch import launch
from llmtune_kernel.runs.run import Run

ROOT = Path(__file__).parents[1]
PEER = Path(os.environ.get("LLMTUNE_PEER") or ROOT.parent / "shared" / "bench" / "llamafactory.sh")
PEER_VENV = ROOT / "build" / "peer"
STEPS = 12
ROUNDS = 2
LATEST_START = 300  # seconds: after these a busy machine starts no further job
FASTEST_PEER = ["bf16=true", "disable_gradient_checkpointing=true"]

Results = dict[str, dict[str, Any]]


def measure() -> Measured:
    """Run ours and the peer in turns.

    Raises:
        Skipped: there is no peer, or it does not work here.
    """
    if not PEER.exists():
        raise Skipped(f"There is no {PEER.name} to compare with; LLMTUNE_PEER may name one.")
    data = PEER.parents[1] / "data"
    model = find_model(ModelConfig()).name_or_path
    jobs = {
        "ours, float32": lambda: ours(model, data, "float32"),
        "peer, fastest": lambda: peer(model, data, FASTEST_PEER),
        "ours, auto": lambda: ours(model, data, "auto"),
        "peer, as it is": lambda: peer(model, data, []),
    }
    rounds: list[Results] = []
    began = time.monotonic()
    # In turns: other work on the machine then slows all alike.
    for number, (name, job) in itertools.product(range(ROUNDS), jobs.items()):
        if time.monotonic() - began < LATEST_START:
            if number == len(rounds):
                rounds.append({})
            rounds[number][name] = job()
    return Measured(figures(rounds), rounds)


def figures(rounds: list[Results]) -> list[Figure]:
    """Median speeds, and medians over the rounds of the ratios within a round."""
    found = []
    for name in rounds[0]:
        speeds = [each[name]["tokens_per_second"] for each in rounds if name in each]
        found.append(Figure(f"{name}: speed", round(statistics.median(speeds), 1), "tokens/s"))
    for mine, other in itertools.product(
        ("ours, auto", "ours, float32"), ("peer, fastest", "peer, as it is")
    ):
        ratios = [
            each[mine]["tokens_per_second"] / each[other]["tokens_per_second"]
            for each in rounds
            if mine in each and other in each
        ]
        if ratios:
            found.append(Figure(f"{mine} / {other}", round(statistics.median(ratios), 2), "times"))
    return found


def ours(model: str, data: Path, dtype: str) -> dict[str, Any]:
    """Train the job in a worker of its own."""
    config = config_from_dict(
        {
            "model": {"name_or_path": model, "dtype": dtype},
            "data": {"train": str(data / "alpaca_en_demo.json"), "limit": 200, "max_length": 512},
            "method": {"type": "lora", "r": 8},
            "training": {
                "max_steps": STEPS,
                "per_device_train_batch_size": 4,
                "learning_rate": 1e-4,
                "lr_scheduler_type": "constant",
                "warmup_ratio": 0.0,
                "seed": 42,
            },
        }
    )
    with tempfile.TemporaryDirectory() as home:
        os.environ["LLMTUNE_HOME"] = home
        return {"load": os.getloadavg()[0], "settings": f"dtype={dtype}", **of_run(launch(config).wait())}


def of_run(run: Run) -> dict[str, Any]:
    """Tokens a second from the start of the training loop to the end of its last step."""
    steps = [event for event in run.events() if isinstance(event, MetricsEvent)]
    [began] = [
        event.time
        for event in run.events()
        if isinstance(event, StateEvent) and event.payload.state == "training"
    ]
    seconds = steps[-1].time - began
    return {
        "steps": len(steps),
        "train_seconds": round(seconds, 2),
        "samples_per_second": round(4 * len(steps) / seconds, 3),
        "tokens_per_second": round(steps[-1].payload.tokens / seconds, 1),
        "loss_first": steps[0].payload.loss,
        "loss_last": steps[-1].payload.loss,
    }


def peer(model: str, data: Path, settings: list[str]) -> dict[str, Any]:
    """Run the peer's script; its first run makes its environment, which takes minutes."""
    load = os.getloadavg()[0]
    command = ["bash", str(PEER), str(PEER_VENV), model, str(data), str(STEPS), *settings]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Skipped(f"{PEER.name} failed: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {"load": load, **result}
