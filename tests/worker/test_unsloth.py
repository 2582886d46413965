"""Unsloth trains as transformers does, in a worker of its own; what it leaves is an ordinary run."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from polite import write
from unsloth_place import PLACE, needs_unsloth, path_with_unsloth
from watching import Start, inspected, losses, losses_of, saved, until
from ways import METHODS, QUESTIONS, ROWS

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.config.places import cache_directory
from llmtune_kernel.runs.events import EvaluationEvent, LogEvent, SampleEvent
from llmtune_kernel.runs.run import Run, RunFailed
from llmtune_kernel.runs.workers import pool

# Dropout, evaluation and answers in between: all that draws random numbers, or leaves training for a moment.
SETTINGS: dict[str, Any] = {
    "data": {"train": "rows.jsonl", "eval": "rows.jsonl"},
    "method": {"type": "lora", "r": 4, "lora_dropout": 0.1},
    "training": {"max_steps": 4, "eval_steps": 2, "save_steps": 2, "gradient_checkpointing": True},
    "samples": {"prompts": ["Hello"], "max_new_tokens": 4, "every_steps": 2},
}
TOLERANCE = 1e-5


@pytest.fixture
def with_unsloth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that start now find it."""
    monkeypatch.setenv("PYTHONPATH", path_with_unsloth())


def unsloth(start: Start, name: str | None = None, **settings: Any) -> Run:
    return start(name, **{**SETTINGS, "model": {"backend": "unsloth"}, **settings})


@pytest.fixture(scope="module")
def plain(start: Start) -> Run:
    """The run by transformers."""
    return start("plain", **SETTINGS).wait()


@pytest.fixture(scope="module")
def fast(start: Start, workplace: Path) -> dict[str, Any]:
    """The same run by Unsloth, while a worker waits; with the processes, and what is new in the folder."""
    before = set(workplace.iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path_with_unsloth())
        others = children()
        pool().prepare()
        waiting = children() - others
        run = unsloth(start, "fast")
        working = children() - others - waiting
        run.wait()
    still = children() & waiting
    return {
        "run": run,
        "waiting": waiting,
        "working": working,
        "still": still,
        "new": set(workplace.iterdir()) - before,
    }


def children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


@needs_unsloth
def test_the_losses_are_those_of_transformers(plain: Run, fast: dict[str, Any]) -> None:
    run: Run = fast["run"]
    assert list(losses(run)) == [1, 2, 3, 4]
    assert losses(run) == pytest.approx(losses(plain), abs=TOLERANCE)
    assert evaluations(run) == pytest.approx(evaluations(plain), abs=TOLERANCE)
    assert answers(run) == answers(plain)
    assert told(run) == told(plain)


def told(run: Run) -> list[str]:
    """What the log says, but for how much memory was free at its moment."""
    messages = [event.payload.message for event in run.events() if isinstance(event, LogEvent)]
    return [re.sub(r"[\d.]+ GB are free", "", message) for message in messages]


def evaluations(run: Run) -> list[float | None]:
    return [event.payload.loss for event in run.events() if isinstance(event, EvaluationEvent)]


def answers(run: Run) -> list[str]:
    found = [event.payload for event in run.events() if isinstance(event, SampleEvent)]
    return [answer.answer for sample in found for answer in sample.answers]


@needs_unsloth
def test_it_has_a_worker_of_its_own_and_leaves_nothing_in_the_folder_of_the_user(
    fast: dict[str, Any],
) -> None:
    run: Run = fast["run"]
    assert len(fast["working"]) == len(fast["waiting"]) == 1
    assert fast["still"] == fast["waiting"]
    assert fast["new"] == set()
    assert "Unsloth" in run.paths.log.read_text()
    assert run.resolved()["versions"]["unsloth"]
    assert not list((cache_directory() / "unsloth").glob("buffers-*"))
    assert "unsloth" not in sys.modules


@needs_unsloth
def test_its_result_is_an_ordinary_adapter(fast: dict[str, Any]) -> None:
    run: Run = fast["run"]
    assert saved(run) == [2, 4]
    tuned, _tokenizer = run.load()
    assert tuned.peft_config["default"].r == 4
    assert "unsloth" not in sys.modules
    assert run.sample() == answers(run)[-1:]


@needs_unsloth
@pytest.mark.parametrize("backend", ["unsloth", "transformers"])
def test_a_run_goes_on_where_it_stood(
    start: Start, fast: dict[str, Any], with_unsloth: None, backend: str
) -> None:
    if backend == "unsloth":
        cut = unsloth(start, "cut")
        cut.pause()
        until(lambda: cut.state == "paused")
        cut.stop()
        cut.wait()
        done = len(losses(cut))
        assert 0 < done < 4
    model = {"backend": backend}
    rest = start(f"rest-{backend}", resume="cut", **{**SETTINGS, "model": model}).wait()
    later = {step: loss for step, loss in losses(fast["run"]).items() if step in losses(rest)}
    assert 4 in later
    assert losses(rest) == pytest.approx(later, abs=TOLERANCE)


LORA = METHODS["lora"]
WAYS: dict[str, dict[str, Any]] = {
    "pretrain-pissa": {"objective": {"type": "pretrain"}, "method": METHODS["pissa"]},
    "dpo-full": {"objective": {"type": "dpo"}, "method": METHODS["full"]},
    "kto-head-yarn": {
        "objective": {"type": "kto"},
        "method": METHODS["lora-and-head"],
        "model": {"rope_scaling": "yarn", "rope_factor": 2.0},
    },
    "ppo-rslora": {
        "objective": {"type": "ppo", "reward": "$vowels", "response_length": 8},
        "method": METHODS["rslora"],
    },
    "grpo-nf4": {
        "objective": {"type": "grpo", "reward": "$vowels", "max_completion_length": 8, "beta": 0.1},
        "model": {"quantization": "nf4"},
    },
    "loftq": {"method": METHODS["loftq"], "model": {"quantization": "nf4"}},
    "dora-nf4": {"method": METHODS["dora"], "model": {"quantization": "nf4"}},
    "olora-8-bit-optimizer": {"method": METHODS["olora"], "training": {"optim": "adamw_8bit"}},
    "full-new-tokens": {"method": METHODS["full"], "model": {"add_tokens": [" plus ", "<sum>"]}},
    "norm-orthogonal-bfloat16": {
        "method": {**METHODS["orthogonal"], "modules_to_save": ["norm"]},
        "model": {"dtype": "bfloat16"},
    },
}


def whole(name: str, folder: str, backend: str) -> dict[str, Any]:
    """The configuration of a way to train, on the rows of its objective."""
    way = WAYS[name]
    return {
        "method": LORA,
        **way,
        "model": {"name_or_path": folder, "dtype": "float32", "backend": backend, **way.get("model", {})},
        "data": f"{way.get('objective', {'type': 'sft'})['type']}.jsonl",
        "training": {
            "max_steps": 2,
            "learning_rate": 0.01,
            "per_device_train_batch_size": 4,
            **way.get("training", {}),
        },
    }


@pytest.fixture(scope="module")
def by_unsloth(quick_model: str, workplace: Path) -> dict[str, list[float]]:
    """The losses of each way to train, all in one process, which has imported Unsloth first."""
    prompts = [{"prompt": row["prompt"]} for row in QUESTIONS]
    for objective, rows in {**ROWS, "ppo": prompts, "grpo": prompts}.items():
        write(workplace / f"{objective}.jsonl", rows)
    jobs = [(str(workplace / f"{name}-fast"), whole(name, quick_model, "unsloth")) for name in WAYS]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("unsloth_losses.py")],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        cwd=workplace,
        env={**os.environ, "PYTHONPATH": path_with_unsloth()},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(WAYS, json.loads(done.stdout), strict=True))


@needs_unsloth
@pytest.mark.parametrize("name", WAYS)
def test_each_way_to_train_tells_the_losses_of_transformers(
    workplace: Path, quick_model: str, by_unsloth: dict[str, list[float]], name: str
) -> None:
    losses_here = losses_of(workplace / name, whole(name, quick_model, "transformers"))
    assert by_unsloth[name] == pytest.approx(losses_here, abs=TOLERANCE)


@pytest.fixture
def found_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found in this process, where nothing imports it."""
    monkeypatch.syspath_prepend(str(PLACE))


def refused(model: dict[str, Any], **settings: Any) -> UserError:
    """What is told before a run, when its data are looked at."""
    config = config_from_dict({"model": {"backend": "unsloth", **model}, "data": "rows.jsonl", **settings})
    with pytest.raises(UserError) as mistake:
        inspected(config)
    return mistake.value


@needs_unsloth
def test_what_depends_on_the_model_or_the_machine_is_refused_before_it_is_loaded(
    workplace: Path, tiny_model: str, small_model: str, found_here: None, tmp_path: Path
) -> None:
    said = refused({"name_or_path": tiny_model, "quantization": "int8"})
    assert "int8 on a CPU" in said.what
    write(tmp_path / "long.jsonl", [{"text": "word " * 600}])
    said = refused({"name_or_path": tiny_model}, data=str(tmp_path / "long.jsonl"))
    assert "512 tokens that the model was made for; the longest has 6" in said.what
    assert said.changes[0].path == ("data", "max_length")
    config = json.loads((Path(small_model) / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8"}
    quantized = tmp_path / "quantized"
    quantized.mkdir()
    (quantized / "config.json").write_text(json.dumps(config))
    assert "quantized already by fp8" in refused({"name_or_path": str(quantized)}).what


@pytest.mark.skipif(importlib.util.find_spec("unsloth") is not None, reason="Unsloth is installed")
def test_without_the_package_a_run_says_how_to_install_it(
    start: Start, tiny_model: str, workplace: Path
) -> None:
    run = unsloth(start, "absent")
    with pytest.raises(RunFailed) as failed:
        run.wait()
    said = refused({"name_or_path": tiny_model})
    for mistake in (failed.value, said):
        assert mistake.what == "The package unsloth is not installed."
        assert mistake.fix == "Install it: %pip install 'jupyterlab-llmtune[unsloth]'"
