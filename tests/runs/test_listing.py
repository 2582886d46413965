"""The list of runs: where each stands, and what keeps one from being read hides no other."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from written import append, metrics, no_right_to, write_run

from llmtune_kernel.config import UserError
from llmtune_kernel.notebook.progress import Progress
from llmtune_kernel.runs.directory import Meta, RunDirectory, list_runs
from llmtune_kernel.runs.events import EventReader, State
from llmtune_kernel.runs.listing import SummaryReader, summaries, summary_of, table


@pytest.fixture
def open_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runs folder below folders that everybody may look into, as pytest's are not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        monkeypatch.setenv("LLMTUNE_HOME", folder)
        yield Path(folder)


def test_the_model_is_known_from_the_start_and_as_the_worker_resolved_it(runs_home: Path) -> None:
    assert summary_of(write_run("queued", State(state="queued"))).model == "some/model"
    assert summary_of(write_run("resolved", resolved="other/model")).model == "other/model"
    assert summary_of(write_run("default", config="data: $df")).model == "smollm2-135m"
    assert summary_of(write_run("broken", config="data: [")).model == ""


def test_a_run_says_whether_it_can_be_continued_and_asked(runs_home: Path) -> None:
    run = write_run("short", State(state="stopped"))
    found = summary_of(run)
    assert (found.has_checkpoint, found.has_result) == (False, False)
    (run.checkpoints / "step-000010").mkdir(parents=True)
    run.adapter.mkdir()
    found = summary_of(run)
    assert (found.has_checkpoint, found.has_result) == (True, True)


def test_a_run_says_whether_it_has_prompts_from_the_start_and_as_the_worker_resolved_them(
    runs_home: Path,
) -> None:
    assert summary_of(write_run("asked", config="data: $df\nsamples: Hello?")).has_prompts
    run = write_run("silent", config="data: $df")
    assert not summary_of(run).has_prompts
    config = {"model": {"name_or_path": "some/model"}, "samples": {"prompts": ["Hello?"]}}
    run.resolved.write_text(json.dumps({"config": config}))
    assert summary_of(run).has_prompts


def test_a_long_run_has_a_curve_of_forty_values_with_both_ends(runs_home: Path) -> None:
    losses = [metrics(step, loss=10 - step / 2000, max_steps=10_000) for step in range(1, 10_001)]
    summary = summary_of(write_run("long", State(state="queued"), *losses))
    assert len(summary.curve) == 40
    assert summary.curve[0] == pytest.approx(10, abs=1e-3)
    assert summary.curve[-1] == 5.0
    assert summary.curve == sorted(summary.curve, reverse=True)


def test_steps_that_a_continued_run_repeats_are_in_its_curve_once(runs_home: Path) -> None:
    first = [metrics(step, loss=float(step)) for step in (1, 2, 3, 4)]
    again = [metrics(step, loss=step * 10.0) for step in (3, 4)]
    run = write_run("twice", *first, State(state="stopped"), State(state="queued"), *again, metrics(5, None))
    assert summary_of(run).curve == [1, 2, 30, 40, None]


def test_a_reader_asked_again_reads_only_what_was_added(runs_home: Path) -> None:
    run = write_run("grows", State(state="queued"), State(state="training"), metrics(1, 3.0))
    reader = SummaryReader(run)
    assert reader.summary().curve == [3.0]
    read = run.events.read_bytes()
    run.events.write_bytes(b"#" * len(read) + b'{"seq": 3, "time": 2e9, "type": "metr')
    assert reader.summary().curve == [3.0]  # what was read is not read again, and a torn line not yet
    run.events.write_bytes(read)
    append(run, metrics(2, 2.0), State(state="finished"))
    assert reader.summary() == summary_of(run)
    assert reader.summary().curve == [3.0, 2.0]


def test_a_run_of_the_same_name_that_is_another_is_read_anew(runs_home: Path) -> None:
    run = write_run("again", State(state="queued"), metrics(1, 3.0), metrics(2, 2.0), State(state="finished"))
    reader = SummaryReader(run)
    assert reader.summary().curve == [3.0, 2.0]
    run.path.rename(runs_home / ".old")
    run = write_run("again", State(state="queued"), *(metrics(step) for step in range(1, 9)))
    assert reader.summary().curve == [1.0] * 8
    run.events.unlink()
    append(run, State(state="queued"), metrics(1, 9.0))
    assert reader.summary().curve == [9.0]


def test_a_run_that_has_written_nothing_yet_began_just_now(runs_home: Path) -> None:
    run = write_run("new")
    run.events.write_text("")
    lock = run.acquire_lock()
    summary = summary_of(run)
    os.close(lock)
    assert summary.state == "queued"
    assert summary.duration == 0


def times(run: RunDirectory, *moments: float) -> None:
    """Give the events of a run other times, of seconds after a fixed moment."""
    records = [json.loads(line) for line in run.events.read_text().splitlines()]
    for record, moment in zip(records, moments, strict=True):
        record["time"] = 1.7e9 + moment
    run.events.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_the_duration_is_the_time_in_which_the_run_worked(runs_home: Path) -> None:
    session = [State(state="queued"), State(state="training"), metrics(1)]
    paused = [State(state="pausing"), State(state="paused"), State(state="training")]
    run = write_run("halting", *session, *paused, State(state="stopped"), *session, *session, metrics(2))
    times(run, 0, 1, 3, 4, 5, 105, 108, 1000, 1001, 1010, 5000, 5001, 5002, 5007)
    worked = 8 + 10 + 7  # the second session ended without a word
    assert summary_of(run).duration == pytest.approx(worked)
    progress = Progress("halting")
    progress.take(EventReader(run.events).read())
    assert progress.worked.seconds == pytest.approx(worked)


def test_the_duration_read_bit_by_bit_is_that_of_the_whole(runs_home: Path) -> None:
    run = write_run("bits", State(state="queued"), metrics(1), State(state="paused"), State(state="training"))
    times(run, 0, 2, 3, 10)
    lines = run.events.read_bytes().splitlines(keepends=True)
    run.events.write_bytes(lines[0])
    reader = SummaryReader(run)
    for line in lines[1:]:
        reader.summary()
        with run.events.open("ab") as file:
            file.write(line)
    assert reader.summary().duration == pytest.approx(3)


def test_a_paused_run_does_not_grow_older(runs_home: Path) -> None:
    run = write_run("resting", State(state="queued"), State(state="paused"))
    times(run, 0, 2)
    lock = run.acquire_lock()
    try:
        assert summary_of(run).duration == pytest.approx(2)
    finally:
        os.close(lock)


def test_newest_first_stays_so_when_an_older_run_is_edited(runs_home: Path) -> None:
    older = write_run("older")
    write_run("newer")
    older.events.write_text(older.events.read_text().replace('"time": 1', '"time": 0', 1))
    older.write_meta(Meta(note="mine"))
    assert [summary.name for summary in summaries()] == ["newer", "older"]
    assert [directory.name for directory in list_runs()] == ["newer", "older"]


def test_a_run_that_cannot_be_read_says_so_and_hides_no_other(open_home: Path) -> None:
    good, locked, damaged = write_run("good"), write_run("locked"), write_run("damaged")
    damaged.events.write_text("no event\n")
    with no_right_to(locked.path, good.path, damaged.path):
        found = {summary.name: summary for summary in summaries()}
    assert found["good"].state == "finished"
    assert found["locked"].note == "This run cannot be read: Permission denied."
    assert found["damaged"].note == "This run cannot be read: its files are damaged."


def test_a_runs_folder_that_cannot_be_read_is_said(open_home: Path) -> None:
    write_run("hidden")
    with (
        no_right_to(open_home),
        pytest.raises(UserError, match="runs folder cannot be read: Perm") as refused,
    ):
        summaries()
    assert refused.value.where == str(open_home)
    assert "LLMTUNE_HOME" in refused.value.fix


def test_damaged_tags_are_said_and_the_run_stays_listed(runs_home: Path) -> None:
    run = write_run("tagged")
    run.meta.write_text("{")
    summary = summary_of(run)
    assert summary.state == "finished"
    assert "cannot be read" in summary.note


def test_the_table_has_a_column_of_tags_only_where_there_are_any(runs_home: Path) -> None:
    write_run("plain")
    header, rows = table(summaries())
    assert "tags" not in header
    write_run("marked").write_meta(Meta(tags=["good", "[long]"]))
    header, rows = table(summaries())
    assert header[-1] == "tags"
    assert {row[0]: row[-1] for row in rows} == {"plain": "", "marked": "good, [long]"}
