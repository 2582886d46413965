"""The benchmark for NVIDIA GPUs: what it does there, on a tiny model and whatever is here."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the benchmark."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("gpu")


def test_each_way_is_trained_measured_and_compared_with_its_estimate(
    gpu: Any, small_model: str, runs_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "STEPS", 7)
    monkeypatch.setattr(gpu, "LENGTH", 64)
    result = gpu.measured({"tiny": Path(small_model)}, tmp_path)
    ways = [one["way"] for one in result.measurements]
    assert {"LoRA", "full"} <= set(ways)
    assert [one["way"] for one in result.measurements if "failed" in one] == []
    assert all(len(one["tokens_per_second"]) == 7 for one in result.measurements)
    what = [figure.what for figure in result.figures]
    assert what[:4] == [
        f"tiny, LoRA: {of}" for of in ("speed", "estimate", "most memory", "estimate / measured")
    ]
    assert len(what) == 4 * len(ways)
    assert all(figure.value > 0 or figure.unit == "" for figure in result.figures)
    json.dumps(result.measurements)


def test_a_way_that_fails_is_told_beside_its_estimate(gpu: Any) -> None:
    [figure] = gpu.figures({"model": "m", "way": "full", "estimate": 5e6, "failed": "Memory ran out."})
    assert (figure.what, figure.value, figure.goal) == ("m, full: estimate", 5, "Memory ran out.")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an NVIDIA GPU")
def test_without_a_gpu_it_says_so_and_gives_no_result() -> None:
    done = subprocess.run([sys.executable, BENCHMARKS / "run.py", "gpu"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].split(maxsplit=1) == ["gpu", "skipped: There is no NVIDIA GPU."]
    assert not (BENCHMARKS / "results" / "gpu.json").exists()
