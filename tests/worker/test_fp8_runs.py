"""Runs that compute in FP8 learn, are compared with themselves, go on, and leave what any run leaves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from watching import in_process, losses_of
from ways import METHODS, ROWS, last_loss, loss_of, other_kind

from llmtune_kernel.models.attention import register_packed_attention
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Log, Metrics
from llmtune_kernel.runs.run import Run

pytest.importorskip("torchao", reason="torchao is not installed")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for objective, rows in ROWS.items():
        Path(f"{objective}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def values(model: str, objective: str, method: dict[str, Any], **training: Any) -> dict[str, Any]:
    return {
        "model": {"name_or_path": model, "dtype": "float32"},
        "data": {"train": f"{objective}.jsonl", "eval": f"{objective}.jsonl"},
        "method": method,
        "objective": objective,
        "training": {
            "max_steps": 2,
            "learning_rate": 0.01,
            "lr_scheduler_type": "constant",
            "fp8": True,
            **training,
        },
    }


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(
    "method", ["full", "lora", "dora", "pissa", "new-block", "expanded-blocks", "prompts"]
)
def test_what_was_trained_in_fp8_is_saved_as_ever(
    place: Path, small_model: str, method: str, checkpointing: bool
) -> None:
    chosen = METHODS.get(method) or other_kind("PROMPT_TUNING")
    settings = values(small_model, "sft", chosen, gradient_checkpointing=checkpointing)
    told, run = in_process(place / "run", **settings), Run(RunDirectory(place / "run"))
    said = {payload.message: payload.level for payload in told if isinstance(payload, Log)}
    [count] = [message for message in said if message.endswith("linear layers compute in FP8.")]
    assert count.startswith("21 " if method == "new-block" else "14 ")  # a new block has seven
    assert next(level for message, level in said.items() if message.startswith("FP8 is emul")) == "warning"
    losses = [payload.loss for payload in told if isinstance(payload, Metrics)]
    assert losses[1] != losses[0]
    register_packed_attention()
    tuned, _ = run.load()
    assert not any(type(part).__module__.startswith("torchao") for part in tuned.modules())
    plain = loss_of(tuned, "sft")
    assert plain == pytest.approx(last_loss(told), abs=0.05)
    assert plain != pytest.approx(last_loss(told), abs=1e-5)
    if chosen["type"] == "lora":
        merged = AutoModelForCausalLM.from_pretrained(small_model, dtype=torch.float32)
        merged = PeftModel.from_pretrained(merged, str(run.paths.adapter)).merge_and_unload()
        assert loss_of(merged, "sft") == pytest.approx(plain, abs=1e-4)
    result = run.paths.model if run.paths.model.exists() else run.paths.adapter
    assert "torchao" not in "".join(file.read_text() for file in result.glob("*.json"))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_in_fp8_goes_on_where_it_stood(place: Path, small_model: str, method: str) -> None:
    settings = values(small_model, "sft", METHODS[method], max_steps=3, save_steps=2)
    whole = losses_of(place / "whole", settings)
    second = place / "whole" / "checkpoints" / "step-000002"
    assert losses_of(place / "again", settings, second) == whole[2:]
    settings["training"]["fp8"] = False
    [plain] = losses_of(place / "plain", settings, second)
    assert plain != whole[2]
    assert plain == pytest.approx(whole[2], abs=0.05)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_what_it_is_compared_with_computes_in_fp8_too(place: Path, small_model: str, method: str) -> None:
    first, second = losses_of(place / "run", values(small_model, "dpo", METHODS[method]))
    # Other batches round other numbers up and down.
    assert first == pytest.approx(math.log(2), abs=1e-6 if method == "lora" else 0.02)
    assert second != first


def test_it_goes_with_attention_in_groups(place: Path, small_model: str) -> None:
    settings = values(small_model, "sft", METHODS["lora"])
    settings["model"]["shift_attn"] = True
    first, second = losses_of(place / "run", settings)
    assert first != second
