"""Run directories: their names, their lock, their place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from llmtune_kernel.config import UserError
from llmtune_kernel.runs.directory import RunDirectory, check_runs_folder, free_name, list_runs, runs_root


def create(name: str) -> RunDirectory:
    """A run directory as `launch` makes it."""
    directory = RunDirectory.create(name)
    directory.events.touch()
    return directory


def test_runs_are_kept_in_the_working_directory_or_where_llmtune_home_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMTUNE_HOME", raising=False)
    assert runs_root() == tmp_path / "llmtune-runs"
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path / "elsewhere"))
    assert runs_root() == tmp_path / "elsewhere"
    assert create("a").path == tmp_path / "elsewhere" / "a"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a b", "-rf", ".hidden", "ä", "x" * 65, "a\n"]
)
def test_names_that_are_not_safe_as_a_folder_are_refused(runs_home: Path, name: str) -> None:
    with pytest.raises(UserError, match="not usable as the name of a run") as refused:
        RunDirectory.create(name)
    assert "begin with a letter" in refused.value.fix
    assert not runs_home.exists()


def test_a_name_that_is_used_is_refused_and_the_run_stays_as_it_was(runs_home: Path) -> None:
    directory = create("lesson")
    directory.config.write_text("mine")
    with pytest.raises(UserError, match="'lesson' exists already") as refused:
        RunDirectory.create("lesson")
    assert "--resume" not in refused.value.fix, "there is no checkpoint to continue from"
    (directory.checkpoints / "step-000001").mkdir()
    with pytest.raises(UserError) as refused:
        RunDirectory.create("lesson")
    assert "--resume lesson" in refused.value.fix
    assert (runs_home / "lesson" / "config.yaml").read_text() == "mine"


def test_the_name_of_a_run_that_goes_on_is_refused_without_advice_that_cannot_be_followed(
    runs_home: Path,
) -> None:
    directory = create("lesson")
    (directory.checkpoints / "step-000001").mkdir()
    lock = directory.acquire_lock()
    try:
        with pytest.raises(UserError, match="'lesson' is running") as refused:
            RunDirectory.create("lesson")
    finally:
        os.close(lock)
    assert "llmtune stop lesson" in refused.value.fix
    assert "--resume" not in refused.value.fix
    assert "delete" not in refused.value.fix


def test_a_folder_that_is_no_run_cannot_be_continued(runs_home: Path) -> None:
    directory = create("lesson")
    (directory.checkpoints / "step-000001").mkdir()
    directory.events.unlink()
    with pytest.raises(UserError, match="exists already") as refused:
        RunDirectory.create("lesson")
    assert "--resume" not in refused.value.fix


def test_runs_without_a_name_are_numbered(runs_home: Path) -> None:
    for expected in ("run-1", "run-2", "run-3"):
        assert create(free_name()).name == expected


def test_a_run_is_found_by_name_or_path_and_a_slip_names_the_closest(runs_home: Path) -> None:
    directory = create("pirate-v2")
    assert RunDirectory.find("pirate-v2").path == directory.path
    assert RunDirectory.find(str(directory.path)).name == "pirate-v2"
    with pytest.raises(UserError, match="no run named 'pirat-v2'") as close:
        RunDirectory.find("pirat-v2")
    assert close.value.fix == "Did you mean pirate-v2?"
    with pytest.raises(UserError) as far:
        RunDirectory.find("xyz")
    assert far.value.fix == "Known runs: pirate-v2."


def test_only_run_directories_are_listed(runs_home: Path) -> None:
    assert list_runs() == []
    create("one")
    (runs_home / "notes").mkdir()
    (runs_home / "file.txt").touch()
    assert [directory.name for directory in list_runs()] == ["one"]


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_run_is_not_begun_without_room_for_its_result(
    runs_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 2**40 - 5 * 2**20, 5 * 2**20))
    with pytest.raises(UserError, match="Not enough disk: 5 MB free") as refused:
        RunDirectory.create("a")
    assert refused.value.where == str(runs_home)
    assert list_runs() == []


def test_a_runs_folder_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path / "file" / "runs"))
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        RunDirectory.create("a")


def test_the_tail_of_the_log_is_that_of_the_last_session(runs_home: Path) -> None:
    directory = create("a")
    assert directory.log_tail() == []
    directory.begin_log()
    with directory.log.open("a") as log:
        log.write("Traceback of before\n")
    assert directory.log_tail() == ["Traceback of before"]
    directory.begin_log()
    assert directory.log_tail() == []


def test_a_run_lives_as_long_as_any_process_holds_its_lock(runs_home: Path) -> None:
    directory = create("a")
    assert not directory.alive
    lock = directory.acquire_lock()
    heir = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=[lock]
    )
    assert directory.alive
    os.close(lock)
    assert directory.alive
    with pytest.raises(UserError, match="'a' is running"):
        directory.acquire_lock()
    heir.communicate()
    assert not directory.alive
    os.close(directory.acquire_lock())


def test_a_file_in_the_place_of_the_runs_folder_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "runs"
    place.write_text("not a folder", encoding="utf-8")
    monkeypatch.setenv("LLMTUNE_HOME", str(place))
    with pytest.raises(UserError) as mistake:
        list_runs()
    assert mistake.value.where == str(place)
    assert mistake.value.fix.startswith("A file stands where the folder should be")
    assert "settings of JupyterLab" in mistake.value.fix
    with pytest.raises(UserError, match="A file stands where the folder should be"):
        RunDirectory.create("first")


@pytest.mark.parametrize("inner", ["", "deeper/still"])
def test_that_no_run_can_be_made_is_known_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    root = tmp_path / "runs" / inner
    monkeypatch.setenv("LLMTUNE_HOME", str(root))
    check_runs_folder()
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UserError, match="cannot be written: Not a directory") as known:
        check_runs_folder()
    assert known.value.where == str(root)
    assert "A file stands where the folder should be" in known.value.fix
    with pytest.raises(UserError) as told:
        RunDirectory.create("lesson")
    assert told.value.fix == known.value.fix
