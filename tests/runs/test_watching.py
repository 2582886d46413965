"""Watching the runs folder: all runs at first, then what changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from written import append, metrics, write_run

from llmtune_kernel.runs.directory import Meta
from llmtune_kernel.runs.editing import delete_runs, edit_run
from llmtune_kernel.runs.events import State
from llmtune_kernel.runs.watching import RunsChange, RunsWatch

NOTHING = RunsChange([], [])


def names(change: RunsChange) -> list[str]:
    return [summary.name for summary in change.runs]


def test_the_first_look_finds_all_runs_and_the_next_nothing(runs_home: Path) -> None:
    watch = RunsWatch()
    assert watch.look() == NOTHING
    write_run("one")
    write_run("two")
    assert sorted(names(watch.look())) == ["one", "two"]
    assert watch.look() == NOTHING


def test_a_run_that_goes_on_changes_until_it_is_over(runs_home: Path) -> None:
    run = write_run("live", State(state="queued"))
    write_run("over")
    lock = run.acquire_lock()
    watch = RunsWatch()
    watch.look()
    append(run, State(state="training"), metrics(7, 2.5))
    (found,) = watch.look().runs
    assert (found.name, found.state, found.step, found.curve) == ("live", "training", 7, [2.5])
    os.close(lock)
    assert watch.look().runs[0].state == "failed"
    assert watch.look() == NOTHING


def test_a_run_that_is_continued_is_seen(runs_home: Path) -> None:
    run = write_run("again")
    watch = RunsWatch()
    watch.look()
    append(run, State(state="queued"))
    lock = run.acquire_lock()
    assert watch.look().runs[0].state == "queued"
    os.close(lock)


def test_new_renamed_tagged_and_deleted_runs_are_seen(runs_home: Path) -> None:
    watch = RunsWatch()
    run, other = write_run("first"), write_run("other")
    watch.look()
    run = edit_run(run, name="second")
    renamed = watch.look()
    assert (names(renamed), renamed.removed) == (["second"], ["first"])
    edit_run(run, tags=["good"])
    (found,) = watch.look().runs
    assert found.tags == ["good"]
    delete_runs([run])
    shutil.rmtree(other.path)
    assert watch.look() == RunsChange([], ["other", "second"])


def test_a_run_that_becomes_readable_again_is_seen(runs_home: Path) -> None:
    run = write_run("damaged")
    events = run.events.read_bytes()
    run.events.write_text("no event\n")
    watch = RunsWatch()
    assert "cannot be read" in watch.look().runs[0].note
    assert watch.look() == NOTHING
    run.events.write_bytes(events)
    assert watch.look().runs[0].state == "finished"


def test_a_runs_folder_that_cannot_be_read_is_told_and_its_runs_are_still_known_after(
    runs_home: Path,
) -> None:
    write_run("kept")
    watch = RunsWatch()
    watch.look()
    away = runs_home.rename(runs_home.with_name("away"))
    runs_home.write_text("no folder")
    runs, removed, fault = watch.look()
    assert (runs, removed) == ([], [])
    assert fault is not None
    assert "runs folder cannot be read" in fault.what
    assert fault.where == str(runs_home)
    runs_home.unlink()
    away.rename(runs_home)
    assert watch.look() == NOTHING


def test_only_what_is_written_makes_a_change(runs_home: Path) -> None:
    run = write_run("noted")
    watch = RunsWatch()
    watch.look()
    run.write_meta(Meta())
    assert watch.look() == NOTHING
