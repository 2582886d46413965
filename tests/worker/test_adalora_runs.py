"""Runs with AdaLoRA: what they save, and how they go on."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from watching import in_process
from ways import QUESTIONS

from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Evaluation, Metrics, Payload
from llmtune_kernel.runs.run import Run


def told_by(folder: Path, model: str, dtype: str, checkpoint: Path | None = None) -> list[Payload]:
    settings: dict[str, Any] = {
        "model": {"name_or_path": model, "dtype": dtype},
        "data": {"train": "rows.jsonl", "eval": "rows.jsonl"},
        "method": {"type": "adalora", "init_r": 6, "target_r": 3, "tinit": 2, "tfinal": 3},
        "training": {"max_steps": 8, "save_steps": 1, "learning_rate": 0.01},
    }
    return in_process(folder, checkpoint=checkpoint, **settings)


def learned(told: list[Payload]) -> list[tuple[float | None, dict[str, float]]]:
    return [(one.loss, one.measures) for one in told if isinstance(one, Metrics | Evaluation)]


@pytest.mark.parametrize(("dtype", "steps"), [("float32", (1, 3, 6)), ("bfloat16", (3,))])
def test_a_run_goes_on_in_each_phase_and_saves_the_ranks_that_are_left(
    tmp_path: Path, small_model: str, monkeypatch: pytest.MonkeyPatch, dtype: str, steps: tuple[int, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    whole = told_by(tmp_path / "run", small_model, dtype)
    first = next(one for one in whole if isinstance(one, Metrics))
    assert first.measures["orthogonality"] > 0
    saved = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    assert sum(len(weight) for name, weight in saved.items() if name.endswith("lora_E")) == 3 * 14
    for step in steps:
        checkpoint = tmp_path / "run" / "checkpoints" / f"step-{step:06d}"
        again = learned(told_by(tmp_path / "again", small_model, dtype, checkpoint))
        assert again == learned(whole)[-len(again) :]
        weights = load_file(tmp_path / "again" / "adapter" / "adapter_model.safetensors")
        assert all(weight.equal(saved[name]) for name, weight in weights.items())
        shutil.rmtree(tmp_path / "again")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        Run(RunDirectory(tmp_path / "run")).load()
