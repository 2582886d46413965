"""Continuing a run: exactly where it stood, or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from watching import Start, losses, saved, states, until, worker_of

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.data.files import fingerprint_file
from llmtune_kernel.notebook.variables import data_writers
from llmtune_kernel.runs.launch import launch
from llmtune_kernel.runs.run import Run, RunFailed

# Dropout, shuffling and a schedule: all must go on as if nothing had happened. Two steps an epoch.
SETTINGS: dict[str, Any] = {
    "method": {"type": "lora", "r": 4, "lora_dropout": 0.2},
    "training": {
        "num_train_epochs": 5,
        "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 2,
        "learning_rate": 1e-2,
        "warmup_ratio": 0.2,
    },
}
STEPS = 10


def stop_at_next_step(run: Run) -> None:
    """Orders that come before the first step of a session are taken at its end."""
    run.pause()
    until(lambda: run.state == "paused")
    run.stop()
    run.wait()


@pytest.fixture(scope="module")
def uninterrupted(start: Start) -> Run:
    return start("uninterrupted", **SETTINGS).wait()


@pytest.fixture(scope="module")
def parts(start: Start) -> dict[str, Any]:
    """One training in four sessions: stopped within an epoch, at the end of one, then finished under a new name."""
    cut = start("cut", **SETTINGS)
    stop_at_next_step(cut)
    first = {"state": cut.state, "losses": losses(cut), "saved": saved(cut), "result": saved(cut, "result")}
    again = start(resume="cut", **SETTINGS)
    stop_at_next_step(again)
    other = start("other", resume="cut", **SETTINGS).wait()
    return {"first": first, "cut": again, "other": other}


def test_stop_saves_a_checkpoint_and_a_result(parts: dict[str, Any]) -> None:
    assert parts["first"]["state"] == "stopped"
    assert list(parts["first"]["losses"]) == [1]
    assert parts["first"]["saved"] == parts["first"]["result"] == [1]
    assert (parts["cut"].directory / "checkpoints" / "step-000001" / "optimizer.pt").exists()
    assert (parts["cut"].paths.adapter / "adapter_model.safetensors").exists()


def test_losses_of_a_continued_run_are_those_of_an_uninterrupted_one(
    uninterrupted: Run, parts: dict[str, Any]
) -> None:
    assert list(losses(parts["cut"])) == [1, 2]
    assert list(losses(parts["other"])) == list(range(3, STEPS + 1))
    continued = {**losses(parts["cut"]), **losses(parts["other"])}
    assert continued == losses(uninterrupted)
    rates = [run.metrics.set_index("step")["learning_rate"] for run in (uninterrupted, parts["other"])]
    assert rates[1].to_dict() == rates[0].loc[3:].to_dict()


def test_a_run_continued_in_place_is_one_run(parts: dict[str, Any]) -> None:
    cut = parts["cut"]
    assert cut.name == "cut"
    told = [state for state in states(cut) if state not in ("loading", "pausing")]
    assert told == ["queued", "training", "paused", "stopping", "stopped"] * 2
    assert [event.seq for event in cut.events()] == list(range(len(cut.events())))
    assert saved(cut) == saved(cut, "result") == [1, 2]


def test_tokens_are_counted_over_all_sessions(uninterrupted: Run, parts: dict[str, Any]) -> None:
    assert parts["other"].metrics["tokens"].iloc[-1] == uninterrupted.metrics["tokens"].iloc[-1]


def test_a_finished_run_goes_on_when_epochs_are_raised(start: Start, parts: dict[str, Any]) -> None:
    more = {**SETTINGS, "training": {**SETTINGS["training"], "num_train_epochs": 6}}
    run = start(resume="other", **more).wait()
    assert run.state == "finished"
    assert list(losses(run)) == list(range(3, STEPS + 3))
    assert saved(run, "result") == [STEPS, STEPS + 2]
    # The schedule is that of 12 steps, of which 2 are warm-up: no step is wasted at the end of the one of before.
    rate = run.metrics.set_index("step")["learning_rate"][STEPS + 1]
    assert rate == pytest.approx(1e-2 * 0.5 * (1 + math.cos(math.pi * 8 / 10)))


def test_what_cannot_be_continued_is_refused_and_left_as_it_was(start: Start, uninterrupted: Run) -> None:
    before = uninterrupted.paths.config.read_text(), len(uninterrupted.events())
    with pytest.raises(UserError, match="has done 5 of 5 epochs already"):
        start(resume="uninterrupted", **SETTINGS)
    with pytest.raises(UserError, match="has done 10 of 10 steps already"):
        start(resume="uninterrupted", **{**SETTINGS, "training": {"max_steps": 10}})
    with pytest.raises(UserError) as other_rank:
        start("fork", resume="uninterrupted", **{**SETTINGS, "method": {"type": "lora", "r": 8}})
    assert "method.r: 4 then, 8 now" in other_rank.value.where
    with pytest.raises(UserError, match="no run named 'uninterupted'") as unknown:
        start(resume="uninterupted", **SETTINGS)
    assert unknown.value.fix == "Did you mean uninterrupted?"
    assert (uninterrupted.paths.config.read_text(), len(uninterrupted.events())) == before
    assert uninterrupted.state == "finished"
    assert not (uninterrupted.directory.parent / "fork").exists()


def test_a_running_run_and_one_without_a_checkpoint_are_not_continued(start: Start) -> None:
    run = start("early", **{**SETTINGS, "training": {"max_steps": 100_000}})
    with pytest.raises(UserError, match="'early' is running"):
        start(resume="early", **SETTINGS)
    worker_of(run).kill()
    until(lambda: not run.paths.alive)
    with pytest.raises(UserError, match="'early' has no checkpoint to continue from"):
        start(resume="early", **SETTINGS)


def test_a_run_goes_on_with_its_own_rows_or_says_that_they_are_others(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [{"prompt": f"Count {number}", "completion": "one two"} for number in range(12)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    few = {"data": {"train": "own.jsonl"}, "training": {"max_steps": 2, "save_steps": 1}}
    more = {"data": {"train": "own.jsonl"}, "training": {"max_steps": 3}}
    first = start("moved", **few).wait()

    # From another folder, where a file of that name is another.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    Path("own.jsonl").write_text(json.dumps({"prompt": "Hi", "completion": "ho"}) + "\n")
    again = start(resume="moved", **more).wait()
    assert (again.state, list(losses(again))) == ("finished", [1, 2, 3])

    (tmp_path / "own.jsonl").write_text(json.dumps(rows[0]) + "\n")
    last = {**more, "training": {"max_steps": 4}}
    failed = start(resume="moved", **last)
    with pytest.raises(RunFailed, match="12 rows then, 1 now"):
        failed.wait()
    assert first.paths.last_checkpoint() is not None
    other = start("fork", resume="moved", **last).wait()
    warnings = [event.payload.message for event in other.events() if event.type == "log"]
    assert any("12 rows then, 1 now" in message for message in warnings)


def test_other_rows_in_a_variable_do_not_replace_those_of_the_run(workplace: Path, tiny_model: str) -> None:
    rows = [{"prompt": f"Count {number}", "completion": "one two"} for number in range(12)]

    def go(rows: list[dict[str, str]], **more: Any) -> Run:
        sections = {"model": tiny_model, "data": "$rows", "training": {"max_steps": 2, "save_steps": 1}}
        config = config_from_dict({**sections, **more})
        name = None if config.resume else "held"
        return launch(config, name=name, variables=data_writers(config, {"rows": rows}))

    held = go(rows).wait()
    kept = fingerprint_file(held.paths.data / "train.arrow")
    more: dict[str, Any] = {"resume": "held", "training": {"max_steps": 3}}
    with pytest.raises(UserError, match="12 rows then, 1 now") as refused:
        go(rows[:1], **more)
    assert "%finetune --resume held" in refused.value.fix
    assert [path.name for path in held.paths.data.iterdir()] == ["train.arrow"]
    assert fingerprint_file(held.paths.data / "train.arrow") == kept
    assert go(rows, **more).wait().state == "finished"
