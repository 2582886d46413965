"""What a run says of the memory that it takes, before it trains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from llmtune_kernel.config import RunConfig, config_from_dict
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.loading import load_model
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.runs.events import Log, Payload
from llmtune_kernel.worker.estimating import Estimator, Hardware, longest_batch
from llmtune_kernel.worker.room import decide_checkpointing
from llmtune_kernel.worker.telling import Teller


def configured(size: int, **training: Any) -> RunConfig:
    return config_from_dict(
        {
            "data": {"train": "unused", "max_length": 512},
            "method": "lora",
            "training": {"per_device_train_batch_size": size, **training},
        }
    )


def decided(folder: str, config: RunConfig) -> tuple[bool, list[Log]]:
    """Whether activations are computed anew, and what is told, for the longest batch."""
    told: list[Payload] = []
    source = ModelSource(folder, None)
    model = prepare_for_training(load_model(source, torch.float32, "auto"), config.method)
    estimator = Estimator(source, longest_batch(config))
    checkpointing = decide_checkpointing(
        config, model, None, torch.float32, estimator, Teller(told.append, None), lambda _detail: None
    )
    return checkpointing, [payload for payload in told if isinstance(payload, Log)]


def test_a_run_says_what_it_takes_as_the_estimate_does(small_model: str) -> None:
    config = configured(4)
    checkpointing, [said] = decided(small_model, config)
    assert not checkpointing
    [size] = re.findall(r"takes about ([\d.]+) GB of memory; [\d.]+ GB are free\.$", said.message)
    here = Hardware("CPU", 2**40, torch.float32, is_gpu=False)
    counted = Estimator(ModelSource(small_model, None), longest_batch(config)).estimate(config, here)
    assert float(size) == pytest.approx(counted.total / 1e9, rel=0.2)


def test_where_it_does_not_fit_a_warning_says_what_would(small_model: str) -> None:
    # Its logits alone are larger than what machines have.
    checkpointing, told = decided(small_model, configured(20_000))
    assert checkpointing
    assert [log.level for log in told] == ["info", "warning"]
    assert re.search(
        r"The run needs about [\d,.]+ GB, and [\d.]+ GB are free: memory may run out\. It would fit with any of "
        r"these: training\.per_device_train_batch_size: \d+",
        told[1].message,
    )


def test_a_run_that_makes_its_batches_smaller_is_not_warned(small_model: str) -> None:
    _checkpointing, told = decided(small_model, configured(20_000, auto_batch_size=True))
    assert [log.level for log in told] == ["info", "info"]


def test_the_line_is_in_the_log_of_a_run(start: Any, tmp_path: Path) -> None:
    run = start("line", training={"max_steps": 1})
    run.wait()
    lines = [event.payload.message for event in run.events() if event.type == "log"]
    assert sum("of memory;" in line for line in lines) == 1
