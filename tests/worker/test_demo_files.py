"""LLaMA-Factory's demo files, as they are: looked at, and trained on with the objective that they are made for."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from watching import Start, losses

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.notebook.looking import inspect_data

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
OBJECTIVES = {
    "alpaca_en_demo": "sft",
    "c4_demo": "sft",
    "dpo_en_demo": "dpo",
    "glaive_toolcall_en_demo": "sft",
    "identity": "sft",
    "kto_en_demo": "kto",
}

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_demo_file_is_inspected_and_trains_two_steps(name: str, start: Start, tiny_model: str) -> None:
    sections = {
        "model": {"name_or_path": tiny_model},
        "data": {
            "train": name,
            "dataset_dir": str(SHARED),
            "max_length": 1024,
            "template": "chatml",
            "on_bad_row": "skip",  # some are longer
        },
        "objective": OBJECTIVES[name],
    }
    seen = inspect_data(config_from_dict(sections), {}, 2)
    assert seen["rows"] >= 90
    assert len({one["row"] for one in seen["preview"]}) == 2
    run = start(name.replace("_", "-"), **sections, training={"max_steps": 2})
    run.wait()
    assert run.state == "finished"
    assert [math.isfinite(loss or math.nan) for loss in losses(run).values()] == [True, True]
