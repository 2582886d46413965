"""Renaming, tagging and deleting runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from written import write_run

from llmtune_kernel.config import UserError
from llmtune_kernel.runs.directory import RunDirectory, list_runs
from llmtune_kernel.runs.editing import delete_runs, edit_run
from llmtune_kernel.runs.listing import summaries


def test_a_run_that_is_over_gets_another_name_and_keeps_its_files(runs_home: Path) -> None:
    run = write_run("run-1")
    events = run.events.read_bytes()
    renamed = edit_run(run, name="lesson")
    assert renamed.path == runs_home / "lesson"
    assert renamed.events.read_bytes() == events
    assert [directory.name for directory in list_runs()] == ["lesson"]
    os.close(renamed.acquire_lock())


@pytest.mark.parametrize(
    ("name", "why"), [("../up", "not usable"), ("", "not usable"), ("taken", "exists already")]
)
def test_a_name_that_is_not_usable_or_used_changes_nothing(runs_home: Path, name: str, why: str) -> None:
    run = write_run("run-1")
    write_run("taken")
    with pytest.raises(UserError, match=why):
        edit_run(run, name=name, tags=["new"])
    assert run.read_meta().tags == []
    assert sorted(directory.name for directory in list_runs()) == ["run-1", "taken"]


@pytest.mark.parametrize("is_live", [False, True])
def test_for_a_used_name_another_name_is_the_only_advice(runs_home: Path, is_live: bool) -> None:
    run, taken = write_run("run-1"), write_run("taken")
    lock = taken.acquire_lock() if is_live else None
    with pytest.raises(UserError, match="exists already") as refused:
        edit_run(run, name="taken")
    if lock is not None:
        os.close(lock)
    assert refused.value.fix == "Choose another name."


def test_a_live_run_can_be_tagged_but_neither_renamed_nor_deleted(runs_home: Path) -> None:
    run, over = write_run("live"), write_run("over")
    lock = run.acquire_lock()
    edit_run(run, tags=["now"], note="looks good")
    with pytest.raises(UserError, match="only a run that is over can be renamed") as refused:
        edit_run(run, name="other")
    assert "run.stop()" in refused.value.fix
    assert "llmtune stop live" in refused.value.fix
    with pytest.raises(UserError, match="only a run that is over can be deleted"):
        delete_runs([over, run])
    os.close(lock)
    assert sorted(directory.name for directory in list_runs()) == ["live", "over"]
    assert run.read_meta().tags == ["now"]


def test_tags_are_trimmed_and_not_repeated_and_what_is_left_out_stays(runs_home: Path) -> None:
    run = write_run("run-1")
    edit_run(run, tags=["  good ", "long  run", "good", "", " "], note="  first\nsecond ")
    assert run.read_meta().tags == ["good", "long run"]
    assert run.read_meta().note == "first\nsecond"
    edit_run(run, note="")
    (summary,) = summaries()
    assert (summary.tags, summary.note) == (["good", "long run"], "")
    with pytest.raises(UserError, match="at most 40 characters"):
        edit_run(run, tags=["x" * 41])
    assert run.read_meta().tags == ["good", "long run"]


def test_damaged_tags_are_not_overwritten(runs_home: Path) -> None:
    run = write_run("run-1")
    run.meta.write_text('{"tags": ["mine"')
    with pytest.raises(UserError, match="damaged") as refused:
        edit_run(run, note="new")
    assert refused.value.where == str(run.meta)
    assert run.meta.read_text() == '{"tags": ["mine"'


def test_deleted_runs_are_in_the_trash_whole_and_not_listed(runs_home: Path) -> None:
    first = write_run("run-1")
    events = first.events.read_bytes()
    (kept,) = delete_runs([first, first])
    (again,) = delete_runs([write_run("run-1")])  # the name is free, and the trash keeps both
    assert list_runs() == []
    assert kept != again
    assert kept.parent == again.parent == runs_home / ".trash"
    assert kept.name.startswith("run-1-")
    assert (kept / "events.jsonl").read_bytes() == events
    assert (runs_home / ".trash").stat().st_mode & 0o777 == 0o700
    assert edit_run(RunDirectory(kept), note="back").read_meta().note == "back"
