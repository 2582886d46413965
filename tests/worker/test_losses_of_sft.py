"""Whole runs with each loss of supervised fine-tuning learn the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from watching import in_process

from llmtune_kernel.runs.events import Evaluation, Metrics, Payload

ROWS = [{"prompt": f"What is {n} plus {n}?", "completion": f"It is {2 * n}."} for n in range(8)]


@pytest.fixture
def tune(tmp_path: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def run(name: str, objective: dict[str, Any]) -> list[Payload]:
        return in_process(
            tmp_path / name,
            model={"name_or_path": tiny_model, "dtype": "float32"},
            data={"train": "rows.jsonl", "eval": "rows.jsonl"},
            method="full",
            objective={"type": "sft", **objective},
            training={"max_steps": 40, "per_device_train_batch_size": 8, "learning_rate": 0.02},
        )

    return run


def of_kind(told: list[Payload], kind: type[Any]) -> list[Any]:
    return [payload for payload in told if isinstance(payload, kind)]


@pytest.mark.parametrize(
    "objective",
    [{"loss": "dft"}, {"loss": "eaft"}, {"loss": "asft", "asft_alpha": 0.01}, {"label_smoothing": 0.1}],
    ids=str,
)
def test_a_loss_makes_the_answers_likely(tune: Any, objective: dict[str, Any]) -> None:
    told = tune("run", objective)
    assert of_kind(told, Metrics)[0].measures["nll"] > 10
    assert of_kind(told, Evaluation)[-1].measures["nll"] < 2


def test_asft_holds_the_model_to_that_of_before_training(tune: Any) -> None:
    free, held = (
        of_kind(tune(f"run-{alpha}", {"loss": "asft", "asft_alpha": alpha}), Metrics) for alpha in (0.0, 10.0)
    )
    assert free[0].measures["kl"] == held[0].measures["kl"] == pytest.approx(0, abs=1e-5)
    assert 0 < 5 * held[-1].measures["kl"] < free[-1].measures["kl"]


def test_noise_on_the_embeddings_changes_the_training_and_no_evaluation(tune: Any) -> None:
    told = tune("run", {"neftune_noise_alpha": 5.0})
    losses = [payload.loss for payload in of_kind(told, Metrics)]
    plain = [payload.loss for payload in of_kind(tune("plain", {}), Metrics)]
    assert losses[1] != pytest.approx(plain[1], rel=1e-4)
    assert losses[-1] == pytest.approx(plain[-1], abs=0.5)
    assert of_kind(told, Evaluation)[-1].loss < 1
