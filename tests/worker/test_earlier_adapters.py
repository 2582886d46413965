"""Adapters that a model has before training: merged, trained on, and wherever the result is loaded."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from watching import in_process
from ways import LORA, METHODS, PAIRS, base_weights, last_loss, loss_of, other_kind

from llmtune_kernel.config import UserError
from llmtune_kernel.models.quantization import keep_layout
from llmtune_kernel.runs.comparing import bases_of
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Metrics
from llmtune_kernel.runs.run import Run
from llmtune_kernel.worker.sample import Loader, sample


@pytest.fixture
def earlier(tune: Any, tmp_path: Path) -> Any:
    """Trains an adapter and gives its folder, moved to a place of its own, and its last loss."""

    def train(name: str, **sections: Any) -> tuple[str, float]:
        told, run = tune("sft", **sections)
        shutil.move(run.paths.adapter, tmp_path / name)
        return name, last_loss(told)

    return train


@pytest.mark.parametrize("method", ["lora", "dora", "last-layer", "full"])
def test_adapters_are_merged_before_training_and_wherever_the_result_is_loaded(
    tune: Any, earlier: Any, small_model: str, tmp_path: Path, method: str
) -> None:
    first, _ = earlier("first", method=LORA)
    second, _ = earlier("second", method=other_kind("LOHA"), model={"adapters": [first]})
    told, run = tune("sft", method=METHODS[method], model={"adapters": [first, second]})
    shutil.rmtree(tmp_path / first)  # the run has what it needs
    tuned, _ = run.load()
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-4)
    if METHODS[method]["type"] == "lora":
        before = base_weights(small_model)["model.layers.0.mlp.up_proj.weight"]
        merged = dict(tuned.named_parameters())[
            "base_model.model.model.layers.0.mlp.up_proj.base_layer.weight"
        ]
        assert not torch.equal(merged, before)
    said: list[dict[str, Any]] = []
    sources = [{"column": "run", "directory": str(run.paths.path)}]
    job = {"sources": sources, "prompts": ["1"], "settings": {"max_new_tokens": 2}, "stream": False}
    sample(job, said.append, Loader(), lambda: None)
    assert len(said) == 1
    # The base model that a run is compared with is the one that it was trained on.
    [base] = bases_of([run]).values()
    assert base.adapters == list(map(str, run.paths.earlier()))
    assert len(base.adapters) == 2
    job["sources"] = [{"column": "base", "model": base.model_dump(mode="json")}]
    sample(job, said.append, Loader(), lambda: None)
    assert len(said) == 2


@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        ("lora", "none"),
        ("pissa", "none"),
        ("lora-and-head", "none"),
        ("lora", "nf4"),
        ("dora", "nf4"),
        ("eva", "nf4"),
        ("lora-and-head", "nf4"),
    ],
)
def test_an_adapter_is_trained_on_from_where_it_stood(
    tune: Any, earlier: Any, method: str, quantization: str
) -> None:
    model = {"quantization": quantization}
    first, before = earlier("first", method=METHODS[method], model=model)
    told, run = tune("dpo", method={"type": "lora", "adapter": first}, model=model)
    # What is compared with is the adapter as it was.
    [start, *_] = [payload for payload in told if isinstance(payload, Metrics)]
    assert start.loss == pytest.approx(math.log(2), abs=1e-3)
    told, run = tune("sft", method={"type": "lora", "adapter": first}, model=model)
    [start, *_] = [payload for payload in told if isinstance(payload, Metrics)]
    assert start.loss is not None
    assert start.loss < before + 0.5
    tuned, _ = run.load()
    keep_layout(tuned)
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-4)


def test_a_run_goes_on_without_the_adapters_that_it_began_with(
    tune: Any, earlier: Any, small_model: str, tmp_path: Path
) -> None:
    first, _ = earlier("first", method=LORA)
    second, _ = earlier("second", method=LORA, model={"adapters": [first]})
    model, method = {"adapters": [first]}, {"type": "lora", "adapter": second}
    _, run = tune("sft", method=method, model=model)
    shutil.rmtree(tmp_path / first)
    shutil.rmtree(tmp_path / second)
    told = in_process(
        tmp_path / "further",
        checkpoint=run.paths.last_checkpoint(),
        model={"name_or_path": small_model, "dtype": "float32", **model},
        data={"train": "rows.jsonl", "eval": "rows.jsonl"},
        method=method,
        training={"max_steps": 3, "learning_rate": 0.01, "lr_scheduler_type": "constant"},
    )
    assert [payload.step for payload in told if isinstance(payload, Metrics)] == [3]
    tuned, _ = Run(RunDirectory(tmp_path / "further")).load()
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-4)


@pytest.mark.parametrize("start", ["adapter", "loftq", "eva"])
def test_a_run_goes_on_against_the_model_that_it_began_with(
    tune: Any, earlier: Any, tmp_path: Path, small_model: str, start: str
) -> None:
    model = {"quantization": "nf4"}
    first, _ = earlier("first", method=LORA, model=model)
    method = {"type": "lora", "adapter": first} if start == "adapter" else METHODS[start]
    shared: dict[str, Any] = {
        "model": {"name_or_path": small_model, "dtype": "float32", **model},
        "data": {"train": "pairs.jsonl"},
        "objective": "dpo",
        "method": method,
        "training": {"max_steps": 3, "save_steps": 1, "learning_rate": 0.01},
    }
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    steps = [one.loss for one in in_process(tmp_path / "whole", **shared) if isinstance(one, Metrics)]
    assert steps[0] == pytest.approx(math.log(2), abs=1e-3)
    second = tmp_path / "whole" / "checkpoints" / "step-000002"
    shutil.rmtree(tmp_path / first)
    told = in_process(tmp_path / "again", checkpoint=second, **shared)
    assert [one.loss for one in told if isinstance(one, Metrics)] == pytest.approx(steps[2:], abs=1e-6)
    assert (tmp_path / "again" / "adapter-initial").is_dir()


def test_an_adapter_keeps_its_new_tokens_while_it_is_trained_on(tune: Any, earlier: Any) -> None:
    model = {"add_tokens": ["<a>"]}
    first, _ = earlier("first", method=LORA, model=model)
    told, run = tune("sft", method={"type": "lora", "adapter": first}, model=model)
    tuned, tokenizer = run.load()
    assert loss_of(tuned, "sft", tokenizer) == pytest.approx(last_loss(told), abs=1e-4)
    with pytest.raises(UserError, match="was trained with other new tokens"):
        tune("sft", method={"type": "lora", "adapter": first}, model={"add_tokens": ["<b>", "<c>"]})
    with pytest.raises(UserError, match="cannot be merged: it has new tokens"):
        tune("sft", method=LORA, model={"adapters": [first]})


def test_an_adapter_that_does_not_fit_is_told(tune: Any, earlier: Any, tmp_path: Path) -> None:
    first, _ = earlier("first", method=LORA)
    other, _ = earlier("other", method=other_kind("LOHA"))
    weights = tmp_path / first / "adapter_model.safetensors"
    save_file({name: weight[:, :2].contiguous() for name, weight in load_file(weights).items()}, weights)
    for method, said in [
        ({"type": "lora", "adapter": first}, "This adapter does not fit the model: "),
        ({"type": "lora", "adapter": other}, "This adapter is of the kind LOHA"),
        ({"type": "lora", "adapter": "nowhere"}, "There is no run and no folder named 'nowhere'"),
        ({"type": "lora", "adapter": "."}, "This folder holds no adapter: it has no adapter_config.json"),
    ]:
        with pytest.raises(UserError, match=said):
            tune("sft", method=method)
    with pytest.raises(UserError, match="This adapter cannot be merged: "):
        tune("sft", method=LORA, model={"adapters": [first]})


def test_a_run_is_no_model_and_how_to_name_what_it_trained_is_told(
    tune: Any, small_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    for name, method in (("whole", "full"), ("adapted", "lora")):
        _, run = tune("sft", method=METHODS[method])
        run.paths.events.touch()  # what was told of it went to the test
        shutil.move(run.paths.path, tmp_path / "runs" / name)
        with pytest.raises(UserError, match=f"{name} is a run, not a model") as told:
            tune("sft", method=LORA, model={"name_or_path": name})
        if method == "full":
            [change] = told.value.changes
            tune("sft", method=LORA, model={"name_or_path": change.value})
        else:
            assert told.value.fix == f"Name its base model, {small_model}, and the run in model.adapters."


def test_a_reward_model_begins_with_what_an_adapter_learned(tune: Any, earlier: Any) -> None:
    first, _ = earlier("first", method=LORA)
    for method, adapters in (("full", [first]), ("lora", [first]), ("lora", [])):
        chosen = METHODS[method] if adapters else {"type": "lora", "adapter": first}
        told, run = tune("reward", method=chosen, model={"adapters": adapters})
        scorer, _tokenizer = run.load()
        assert math.isfinite(last_loss(told))
        assert scorer.config.num_labels == 1
