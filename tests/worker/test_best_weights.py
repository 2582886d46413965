"""A run may end with the weights that did best on the evaluation data, and early, when they get no better."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from watching import Start, losses, saved, states

from llmtune_kernel.runs.events import EvaluationEvent, LogEvent
from llmtune_kernel.runs.run import Run
from llmtune_kernel.training.best import BEST, Best


@pytest.fixture(scope="module")
def run(start: Start, workplace: Path) -> Run:
    """One that learns fast what is wrong of the rows that it is evaluated on."""
    asked = [{"prompt": f"What is {n} plus 1?", "completion": "It is nothing at all."} for n in range(4)]
    (workplace / "others.jsonl").write_text("\n".join(map(json.dumps, asked)))
    run = start(
        "best",
        data={"eval": "others.jsonl"},
        training={
            "max_steps": 40,
            "eval_steps": 1,
            "save_steps": 1,
            "learning_rate": 0.05,
            "load_best_model_at_end": True,
            "early_stopping_patience": 3,
        },
    )
    run.wait()
    return run


def best_step(run: Run) -> int:
    found = [event.payload for event in run.events() if isinstance(event, EvaluationEvent)]
    return min(found, key=lambda one: one.loss or 0.0).step


def test_a_run_ends_when_its_evaluation_gets_no_better(run: Run) -> None:
    assert states(run)[-1] == "finished"
    assert max(losses(run)) == best_step(run) + 3 < 40
    told = [event.payload.message for event in run.events() if isinstance(event, LogEvent)]
    assert any(f"evaluation loss of step {best_step(run)} is the lowest" in one for one in told)


def test_its_result_has_the_weights_of_the_best_step(run: Run) -> None:
    result = load_file(run.paths.adapter / "adapter_model.safetensors")
    steps = [
        load_file(path / "adapter_model.safetensors") for path in sorted(run.paths.checkpoints.glob("step-*"))
    ]
    same = [
        number
        for number, step in enumerate(steps, 1)
        if all(step[name].equal(result[name]) for name in result)
    ]
    assert same == [best_step(run)]
    assert saved(run)[-1] == max(losses(run)), "what it goes on from is the last step"
    assert not list(run.directory.glob("best.*"))


def test_a_run_that_goes_on_knows_what_was_best_before(tmp_path: Path) -> None:
    weight = torch.zeros(3)
    first = Best(tmp_path / BEST, [weight], patience=None)
    for step, loss in enumerate([3.0, 2.0, 4.0], 1):
        weight.fill_(step)
        first.seen(loss, step)
    (tmp_path / "later").mkdir()
    later = Best(tmp_path / "later" / BEST, [weight], patience=None)
    later.go_on_from(tmp_path / "checkpoints" / "step-000003")
    later.seen(2.5, 4)
    assert later.put_back()
    assert (later.step, weight.tolist()) == (2, [2, 2, 2])
    anew = Best(tmp_path / "later" / "other", [weight], patience=None)
    anew.go_on_from(tmp_path / "checkpoints" / "step-000001")  # before that, nothing better was known
    assert anew.step == 0
