"""What a view of a run shows at first."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from written import CONFIG, append, metrics, write_run

from llmtune_kernel.config import UserError
from llmtune_kernel.notebook.viewing import view_run
from llmtune_kernel.runs.events import Answer, Checkpoint, Error, Evaluation, EventReader, Log, Sample, State


def evaluation(step: int, loss: float | None = 1.5) -> Evaluation:
    return Evaluation(step=step, epoch=0.1, loss=loss, tokens=10, seconds=0.1)


def sample(step: int) -> Sample:
    return Sample(step=step, answers=[Answer(prompt=[], answer=f"answer {step}")])


def test_a_view_of_a_run_that_is_queued(runs_home: Path) -> None:
    run = write_run("new", State(state="queued"))
    view = view_run(run)
    assert view.text == CONFIG
    assert view.config is None
    assert view.directory == str(run.path)
    assert view.train == {"step": [], "loss": [], "learning_rate": [], "grad_norm": []}
    assert view.eval == {"step": [], "loss": []}
    assert [event.type for event in view.events] == ["state"]
    assert view.summary.model == "some/model"


def test_curves_have_the_measures_of_training_and_of_evaluation(runs_home: Path) -> None:
    trained = [metrics(1), metrics(2).model_copy(update={"measures": {"reward": 0.5, "entropy": 2.0}})]
    evaluated = evaluation(2, None).model_copy(update={"measures": {"reward": 0.75}})
    view = view_run(write_run("rewarded", State(state="queued"), *trained, evaluated))
    assert view.train["reward"] == [None, 0.5]
    assert view.train["entropy"] == [None, 2.0]
    assert view.eval == {"step": [2], "loss": [None], "reward": [0.75]}


def test_curves_of_a_long_run_are_thinned_and_keep_their_ends(runs_home: Path) -> None:
    steps = [metrics(step, loss=float(step) / 8, max_steps=10_000) for step in range(1, 10_001)]
    view = view_run(write_run("long", State(state="queued"), *steps, evaluation(10_000, None)))
    assert {len(column) for column in view.train.values()} == {2000}
    assert (view.train["step"][0], view.train["step"][-1]) == (1, 10_000)
    assert view.train["loss"][-1] == 1250
    assert view.train["learning_rate"][7] == 2e-4
    assert view.eval == {"step": [10_000], "loss": [None]}
    assert len(view.model_dump_json()) < 200_000


def test_steps_that_are_repeated_after_continuing_replace_those_before(runs_home: Path) -> None:
    first = [metrics(1, 1.0), metrics(2, 2.0), metrics(3, 3.0), State(state="stopped")]
    view = view_run(write_run("again", *first, State(state="queued"), metrics(2, 20.0)))
    assert view.train["step"] == [1, 2]
    assert view.train["loss"] == [1, 20]


def test_of_the_events_the_last_ones_are_shown_in_order(runs_home: Path) -> None:
    run = write_run("full", State(state="queued"))
    append(run, Checkpoint(step=1, path="checkpoints/step-000001", kind="checkpoint"), Error(what="Lost."))
    append(run, State(state="failed"), State(state="queued"), State(state="training"))
    append(run, *(sample(step) for step in range(30)), *(Log(message=f"line {n}") for n in range(300)))
    append(run, metrics(1), evaluation(1), metrics(2), evaluation(2))
    append(run, Checkpoint(step=2, path="checkpoints/step-000002", kind="checkpoint"), Error(what="Broken."))
    append(run, State(state="failed"))
    view = view_run(run)
    kinds = [event.type for event in view.events]
    assert [event.seq for event in view.events] == sorted(event.seq for event in view.events)
    counts = {kind: kinds.count(kind) for kind in kinds}
    assert counts == {
        "sample": 20,
        "log": 200,
        "metrics": 1,
        "evaluation": 1,
        "checkpoint": 1,
        "error": 1,
        "state": 1,
    }
    last = {event.type: event.payload for event in view.events}
    assert last["metrics"] == metrics(2)
    assert last["error"] == Error(what="Broken.")
    assert last["log"] == Log(message="line 299")
    assert last["sample"] == sample(29)


def test_what_comes_after_the_view_is_read_from_its_offset(runs_home: Path) -> None:
    run = write_run("live", State(state="queued"), metrics(1))
    with run.events.open("ab") as file:
        file.write(b'{"seq": 2, "ti')
    view = view_run(run)
    append(run, metrics(2))
    later = list(EventReader(run.events, view.offset).read())
    assert [event.payload for event in later] == [metrics(2)]


def test_files_are_listed_by_relative_path_and_links_are_not_followed(
    runs_home: Path, tmp_path: Path
) -> None:
    run = write_run("files")
    (run.checkpoints / "step-000002").mkdir()
    (run.checkpoints / "step-000002" / "weights").write_bytes(b"x" * 1000)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").touch()
    (run.path / "folder-link").symlink_to(tmp_path / "elsewhere")
    (run.path / "file-link").symlink_to(tmp_path / "elsewhere" / "secret")
    files = {file.path: file.size for file in view_run(run).files}
    assert files == {
        "checkpoints/step-000002/weights": 1000,
        "config.yaml": len(CONFIG),
        "events.jsonl": run.events.stat().st_size,
    }
    assert list(files) == sorted(files)


def test_every_value_is_shown_once_the_worker_resolved_it(runs_home: Path) -> None:
    run = write_run("resolved")
    run.resolved.write_text(
        json.dumps({"config": {"model": {"name_or_path": "m"}, "training": {"seed": 42}}})
    )
    config = view_run(run).config
    assert config is not None
    assert config["training"] == {"seed": 42}


def test_what_cannot_be_read_is_said(runs_home: Path) -> None:
    newer = write_run("newer")
    with newer.events.open("a") as file:
        file.write('{"seq": 3, "time": 1.0, "type": "weather", "payload": {}}\n')
    with pytest.raises(UserError, match="event of the run 'newer' cannot be read") as refused:
        view_run(newer)
    assert refused.value.where == str(newer.events)
    broken = write_run("broken")
    os.mkdir(broken.resolved)
    with pytest.raises(UserError, match="'broken' cannot be read: Is a directory"):
        view_run(broken)
