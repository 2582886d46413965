"""What a `Run` says of a run directory; the events are written here, no worker is needed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmtune_kernel.config import UserError
from llmtune_kernel.runs.comparing import ask
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Error, Evaluation, EventWriter, Metrics, Payload, State
from llmtune_kernel.runs.run import Run, RunFailed, attach
from llmtune_kernel.runs.workers import pool

Write = Callable[..., Run]


@pytest.fixture
def write(runs_home: Path) -> Write:
    """A run whose worker has gone after these events."""

    def begin(*payloads: Payload) -> Run:
        directory = RunDirectory.create("lesson")
        events = EventWriter(directory.events)
        for payload in payloads:
            events.write(payload)
        events.close()
        return attach("lesson")

    return begin


def metrics(step: int, loss: float) -> Metrics:
    return Metrics(
        step=step,
        max_steps=9,
        epoch=step / 3,
        loss=loss,
        learning_rate=1e-3,
        grad_norm=1.0,
        tokens=10 * step,
        tokens_per_second=5.0,
        memory=1,
        eta=1.0,
    )


def test_a_run_lives_as_long_as_its_lock_is_held_and_has_failed_if_it_ended_without_a_word(
    write: Write,
) -> None:
    run = write(State(state="queued"), State(state="training"))
    assert run.state == "failed"
    lock = run.paths.acquire_lock()
    assert run.state == "training"
    os.close(lock)
    assert run.state == "failed"
    run.paths.log.write_text("line 1\nKilled\n")
    with pytest.raises(RunFailed, match=r"without a word(.|\n)*  [|] Killed") as failed:
        run.wait()
    assert failed.value.where == str(run.paths.log)
    assert failed.value.fix.startswith("Start it again.")
    assert "gradient_checkpointing" in failed.value.fix
    (run.paths.checkpoints / "step-000001").mkdir()
    assert run.failure().fix.startswith("Continue it with --resume lesson.")


def test_the_failure_is_that_of_the_last_session(write: Write) -> None:
    first = Error(what="The model cannot be loaded.", where="model", fix="Name another.")
    run = write(State(state="queued"), first, State(state="failed"))
    failure = run.failure()
    assert (failure.what, failure.where, failure.fix) == (first.what, first.where, first.fix)
    events = EventWriter(run.paths.events)
    events.write(State(state="queued"))
    assert "without a word" in run.failure().what
    fault = Error(what="The worker failed: KeyError: 'x'", log=str(run.paths.log), tail=["KeyError: 'x'"])
    events.write(fault)
    events.close()
    assert run.failure().what == "The worker failed: KeyError: 'x'\n  | KeyError: 'x'"
    assert run.failure().where == str(run.paths.log)


def test_metrics_are_one_row_a_step_and_steps_done_again_count_once(write: Write) -> None:
    run = write(
        metrics(1, 3.0),
        metrics(2, 9.9),
        State(state="queued"),
        metrics(2, 2.0),
        Evaluation(step=2, epoch=0.5, loss=2.5, tokens=4, seconds=0.1),
        Evaluation(step=3, epoch=1.0, loss=1.5, tokens=4, seconds=0.1),
    )
    table = run.metrics
    assert table["step"].tolist() == [1, 2, 3]
    assert table["loss"].tolist()[:2] == [3.0, 2.0]
    assert table["eval_loss"].tolist()[1:] == [2.5, 1.5]
    assert list(table.columns)[:4] == ["step", "epoch", "loss", "eval_loss"]


def test_steps_after_the_checkpoint_that_a_run_was_continued_from_are_lost(write: Write) -> None:
    run = write(
        metrics(1, 3.0),
        Evaluation(step=1, epoch=0.5, loss=2.5, tokens=4, seconds=0.1),
        *(metrics(step, 2.0) for step in range(2, 9)),
        Evaluation(step=8, epoch=0.5, loss=2.5, tokens=4, seconds=0.1),
        State(state="queued"),
        metrics(2, 1.5),
        metrics(3, 1.0),
        State(state="stopped"),
    )
    assert run.metrics["step"].tolist() == [1, 2, 3]
    assert run.metrics["loss"].tolist() == [3.0, 1.5, 1.0]
    assert run.metrics["eval_loss"].notna().tolist() == [True, False, False]


def test_the_configuration_is_known_before_the_worker_has_resolved_it(write: Write) -> None:
    run = write(State(state="queued"))
    run.paths.config.write_text("model: some/model\ndata: rows.jsonl\n")
    assert run.config.model.name_or_path == "some/model"
    assert run.config.training.per_device_train_batch_size == 4


def test_a_run_without_a_result_says_so_at_once_and_why(write: Write) -> None:
    run = write(State(state="queued"))
    run.paths.config.write_text("data: rows.jsonl\n")
    before = pool()._idle
    for ask_for_it in (run.load, functools.partial(run.sample, "Who?"), functools.partial(_ask_both, run)):
        with pytest.raises(UserError, match="'lesson' failed and has no result") as refused:
            ask_for_it()
        assert refused.value.fix == "Start it again."
    assert pool()._idle is before, "no worker was needed to know"
    lock = run.paths.acquire_lock()
    with pytest.raises(UserError, match="has no result yet; it is queued"):
        run.load()
    os.close(lock)
    (run.paths.checkpoints / "step-000001").mkdir()
    with pytest.raises(UserError) as refused:
        run.load()
    assert refused.value.fix == "Continue it with --resume lesson."


def _ask_both(run: Run) -> dict[str, list[str]]:
    return ask([run], ["Who?"], {}, base=True)


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        (3, "not a prompt: 3"),
        (["Hi", 3], "not a prompt: 3"),
        ("", "prompt is empty"),
        ([], "prompt is empty"),
        (["Hi", ""], "prompt is empty"),
    ],
)
def test_what_is_no_prompt_is_refused(write: Write, prompts: Any, said: str) -> None:
    run = write(State(state="finished"))
    run.paths.config.write_text("data: rows.jsonl\nsamples: Who are you?\n")
    with pytest.raises(UserError, match=said) as refused:
        run.sample(prompts)
    assert refused.value.fix


def test_any_number_of_handles_see_the_same(write: Write) -> None:
    run = write(State(state="queued"))
    early, late = attach("lesson"), attach("lesson")
    assert len(early.events()) == 1
    events = EventWriter(run.paths.events)
    events.write(State(state="finished"))
    events.close()
    assert [len(handle.events()) for handle in (run, early, late)] == [2, 2, 2]
    assert {handle.state for handle in (run, early, late)} == {"finished"}
    assert repr(late) == "Run('lesson', finished)"


def test_an_order_to_a_run_that_is_over_names_what_can_be_done_instead(write: Write) -> None:
    run = write(State(state="queued"), State(state="finished"))
    with pytest.raises(UserError, match="'lesson' is not running: it is finished") as refused:
        run.stop()
    assert "--resume" not in refused.value.fix
    events = EventWriter(run.paths.events)
    events.write(State(state="queued"))  # continued, and killed
    events.close()
    with pytest.raises(UserError, match="Start it again"):
        run.pause()
    (run.paths.checkpoints / "step-000001").mkdir()
    with pytest.raises(UserError, match="--resume lesson"):
        run.pause()
