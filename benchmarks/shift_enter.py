"""How long from Shift-Enter in a `%%finetune` cell to the prompt, and to the first loss?

Warm: `%load_ext` has started a worker, which has done its imports. Cold: there is no worker. Each time is of the first
cell of a fresh kernel that tunes the embedded model on the data set that is shipped.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

import psutil
from figure import Figure, Measured
from live_kernel import Kernel, fresh_kernel

from llmtune_kernel.config import ModelConfig
from llmtune_kernel.examples import dataset_path
from llmtune_kernel.models.sources import find_model
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import EventReader, MetricsEvent

ROUNDS = 2
CELL = f"%%finetune run\nmodel: smollm2-135m\ndata: {dataset_path()}\ntraining: {{max_steps: 1}}"


def measure() -> Measured:
    """Cold and warm, in turns."""
    find_model(ModelConfig())  # the embedded model is converted once in the life of an installation
    rounds = [{"cold": one_cell(warm=False), "warm": one_cell(warm=True)} for _ in range(ROUNDS)]
    prompts = [each[kind]["prompt_seconds"] for each in rounds for kind in each]
    cold = [each["cold"]["first_loss_seconds"] for each in rounds]
    warm = [each["warm"]["first_loss_seconds"] for each in rounds]
    ratios = [one / other for one, other in zip(cold, warm, strict=True)]
    figures = [
        Figure("Shift-Enter to prompt, best", min(prompts), "s"),
        Figure("Shift-Enter to prompt, median", round(statistics.median(prompts), 3), "s"),
        Figure("Shift-Enter to first loss, no warm worker, median", statistics.median(cold), "s"),
        Figure("Shift-Enter to first loss, warm worker, median", statistics.median(warm), "s"),
        Figure("first loss, cold / warm, median", round(statistics.median(ratios), 2), "times"),
    ]
    return Measured(figures, rounds)


def one_cell(*, warm: bool) -> dict[str, float]:
    """Seconds from the request to the idle status, by the kernel's clock, and to the first metrics event."""
    with fresh_kernel() as kernel:
        if warm:
            wait_until_warm(kernel)
        else:
            kernel.run("from llmtune_kernel.runs.workers import pool; pool().close()")
        load, began = os.getloadavg()[0], time.time()
        cell = kernel.run(CELL)
        [idle] = [m for m in kernel.of(cell, "status") if m["content"]["execution_state"] == "idle"]
        if errors := kernel.of(cell, "error", "stream"):
            raise RuntimeError(errors[0]["content"])
        reader = EventReader(RunDirectory(kernel.home / "runs" / "run").events)

        def first_metrics() -> Any:
            return next((event for event in reader.read() if isinstance(event, MetricsEvent)), None)

        first = kernel.wait(first_metrics, timeout=300)
        kernel.run("run.wait()")
        return {
            "load": load,
            "prompt_seconds": round(idle["header"]["date"].timestamp() - began, 3),
            "first_loss_seconds": round(first.time - began, 2),
        }


def wait_until_warm(kernel: Kernel) -> None:
    """Wait until the kernel's worker has done its imports: it worked for seconds, and now it does nothing."""
    pid = kernel.run("import os; print(os.getpid())")
    [worker] = psutil.Process(int(kernel.text(pid))).children()
    used = -1.0
    while (now := sum(worker.cpu_times()[:2])) < 1 or now - used > 0.02:
        used = now
        time.sleep(2)
