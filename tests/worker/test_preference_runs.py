"""Whole runs on preference pairs: they learn, go on after a stop, evaluate, and take the data of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from polite import polite_rows, write
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForCausalLM, AutoTokenizer
from watching import Start, assert_goes_on_where_it_stood, in_process, measured

from llmtune_kernel.config import DpoObjective, config_from_dict
from llmtune_kernel.data.encoding import encode_rows
from llmtune_kernel.models.attention import register_packed_attention
from llmtune_kernel.runs.events import Log, Metrics
from llmtune_kernel.training.collation import Item, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.preference import PreferenceOptimization
from llmtune_kernel.training.reference import no_reference

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def pairs(workplace: Path) -> dict[str, Any]:
    """What is to be learned: the section data."""
    write(workplace / "pairs.jsonl", polite_rows(64, seed=1))
    write(workplace / "held-out.jsonl", polite_rows(40, seed=2))
    return {"train": "pairs.jsonl", "eval": "held-out.jsonl"}


def preferred(folder: str, rows: list[dict[str, str]], adapter: Path | None = None) -> float:
    """Of how many pairs a model finds the better answer the likelier."""
    register_packed_attention()
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(adapter))
    data = config_from_dict({"data": "unused"}).data
    encoded = encode_rows(rows, AutoTokenizer.from_pretrained(folder), data)
    items = [Item(encoded.example(number)) for number in range(len(encoded))]
    objective = PreferenceOptimization(DpoObjective(), Forward(torch.float32, False), no_reference)
    with torch.no_grad():
        sums = objective.ask(model.eval(), collate_padded(items)).view(-1, 2)
    return (sums[:, 0] > sums[:, 1]).float().mean().item()


def test_a_run_learns_which_answers_are_preferred(
    start: Start, tiny_model: str, pairs: dict[str, Any]
) -> None:
    objective = {"type": "dpo", "beta": 0.5}
    training = {"max_steps": 30, "per_device_train_batch_size": 8, "eval_steps": 10}
    run = start("polite", data=pairs, objective=objective, training=training, tracking="tensorboard").wait()
    metrics, evaluations = measured(run)
    held_out = polite_rows(40, seed=2)
    before = preferred(tiny_model, held_out)
    assert 0.25 <= before <= 0.75
    assert preferred(tiny_model, held_out, run.paths.adapter) > 0.9
    assert evaluations[-1].measures["rewards/accuracies"] > 0.9
    assert evaluations[-1].loss is not None
    assert evaluations[-1].loss < 0.3
    assert metrics[0].measures["rewards/margins"] == pytest.approx(0, abs=1e-5)
    assert metrics[-1].measures["rewards/margins"] > 1
    logged = EventAccumulator(str(run.paths.tensorboard)).Reload()
    [*_, last] = logged.Scalars("eval/rewards/accuracies")
    assert last.value == pytest.approx(evaluations[-1].measures["rewards/accuracies"])
    assert len(logged.Scalars("train/rewards/margins")) == len(metrics)
    frame = run.metrics
    assert frame["rewards/margins"].iloc[-1] == metrics[-1].measures["rewards/margins"]
    assert frame["eval_rewards/accuracies"].iloc[-1] == evaluations[-1].measures["rewards/accuracies"]


def test_a_run_learns_from_answers_judged_one_by_one(start: Start, workplace: Path, tiny_model: str) -> None:
    judged = [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for row in polite_rows(64, seed=1)
        for side in ("chosen", "rejected")
    ]
    write(workplace / "judged.jsonl", judged)
    run = start(
        "judged",
        data={"train": "judged.jsonl", "eval_fraction": 0.2},
        objective={"type": "kto", "beta": 0.5},
        training={"max_steps": 30, "per_device_train_batch_size": 16},
    ).wait()
    _, evaluations = measured(run)
    held_out = polite_rows(40, seed=2)
    assert 0.25 <= preferred(tiny_model, held_out) <= 0.75
    assert preferred(tiny_model, held_out, run.paths.adapter) > 0.9
    measures = evaluations[-1].measures
    assert measures["rewards/margins"] == measures["rewards/chosen"] - measures["rewards/rejected"]
    assert measures["rewards/margins"] > 1
    assert measures["kl"] >= 0


def test_judged_answers_one_by_one_are_said_to_estimate_the_divergence_badly(
    workplace: Path, tmp_path: Path, tiny_model: str
) -> None:
    write(
        workplace / "few.jsonl", [{"prompt": "Hi", "completion": f"Ho {n}", "label": True} for n in range(2)]
    )

    def warnings(size: int) -> list[str]:
        training = {"max_steps": 1, "per_device_train_batch_size": size}
        folder = tmp_path / str(size)
        told = in_process(folder, model=tiny_model, data="few.jsonl", objective="kto", training=training)
        return [one.message for one in told if isinstance(one, Log) and one.level == "warning"]

    said = "kto estimates the divergence from the model before training in each batch"
    assert any(one.startswith(said) for one in warnings(1))
    assert not any(one.startswith(said) for one in warnings(2))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_stopped_run_goes_on_exactly_where_it_stood(
    start: Start, pairs: dict[str, Any], method: str
) -> None:
    training = {"learning_rate": 1e-3}
    assert_goes_on_where_it_stood(
        start, f"-{method}", data=pairs, method=method, objective="dpo", training=training
    )


def test_an_adapter_of_another_objective_is_not_continued(start: Start, pairs: dict[str, Any]) -> None:
    start("answers", training={"max_steps": 1}).wait()
    with pytest.raises(Exception, match="its objective is another"):
        start("preferred", resume="answers", data=pairs, objective="dpo", training={"max_steps": 2})


@pytest.mark.skipif(not SHARED.exists(), reason="the demonstration data of LLaMA-Factory are not here")
@pytest.mark.parametrize(
    ("name", "objective", "method"),
    [
        ("dpo_en_demo", {"type": "dpo"}, "lora"),
        ("dpo_en_demo", {"type": "dpo", "loss": "orpo"}, "lora"),
        ("kto_en_demo", {"type": "kto"}, "lora"),
        ("kto_en_demo", {"type": "kto"}, "full"),
    ],
)
def test_the_preferences_of_llama_factory_train(
    tmp_path: Path, tiny_model: str, name: str, objective: dict[str, Any], method: str
) -> None:
    told = in_process(
        tmp_path / "run",
        model=tiny_model,
        data={
            "train": name,
            "dataset_dir": str(SHARED),
            "limit": 12,
            "max_length": 512,
            "on_bad_row": "skip",
        },
        objective=objective,
        method=method,
        training={"max_steps": 2, "per_device_train_batch_size": 2},
    )
    metrics = [payload for payload in told if isinstance(payload, Metrics)]
    assert [one.step for one in metrics] == [1, 2]
    assert all(one.loss and one.grad_norm for one in metrics)
