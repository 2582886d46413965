"""What a page prefers reaches the kernel, its commands and its workers; what the user set wins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_kernel import Kernel, WrittenRun
from workplace import LLMTUNE

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.notebook.preferences import Preferences
from llmtune_kernel.notebook.protocol import Greeting
from llmtune_kernel.runs.directory import runs_root
from llmtune_kernel.runs.launch import launch


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLMTUNE_LANG", "LLMTUNE_HOME"):
        monkeypatch.setenv(name, "")  # put back at the end, whatever was set meanwhile
        monkeypatch.delenv(name)


def test_a_later_page_replaces_what_a_page_preferred_and_an_empty_one_takes_it_away() -> None:
    preferences = Preferences()
    for language, folder in (("ja-JP", "here"), ("ru-RU", "there")):
        preferences.take(Greeting(language=language, runs_folder=folder))
        assert (os.environ["LLMTUNE_LANG"], os.environ["LLMTUNE_HOME"]) == (language, folder)
    preferences.take(Greeting())
    assert not {"LLMTUNE_LANG", "LLMTUNE_HOME"} & os.environ.keys()


def test_what_the_user_set_wins_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    preferences = Preferences()
    monkeypatch.setenv("LLMTUNE_LANG", "ko")
    preferences.take(Greeting(language="ja-JP", runs_folder="here"))
    assert os.environ["LLMTUNE_LANG"] == "ko"
    monkeypatch.setenv("LLMTUNE_HOME", "mine")
    preferences.take(Greeting(runs_folder="there"))
    preferences.take(Greeting())
    assert os.environ["LLMTUNE_HOME"] == "mine"


def test_a_language_that_is_not_there_is_no_preference() -> None:
    Preferences().take(Greeting(language="fr-FR"))
    assert "LLMTUNE_LANG" not in os.environ


def test_the_home_of_the_user_may_be_written_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Preferences().take(Greeting(runs_folder=" ~/runs "))
    assert runs_root() == tmp_path / "runs"


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become another")
@pytest.mark.parametrize("name", [None, "a-run"])
def test_a_runs_folder_that_cannot_be_made_is_a_mistake_that_says_so(
    name: str | None, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "closed").mkdir(mode=0o700)
    Preferences().take(Greeting(runs_folder=str(tmp_path / "closed" / "runs")))
    nobody = 65534
    os.seteuid(nobody)
    try:
        with pytest.raises(UserError, match="cannot be written: Permission denied"):
            launch(config_from_dict({"data": "rows.jsonl"}), name=name)
    finally:
        os.seteuid(0)


@pytest.fixture
def unset(kernel: Kernel) -> Iterator[Kernel]:
    """The kernel without a runs folder of its own."""
    kernel.run("import os\nkept_home = os.environ.pop('LLMTUNE_HOME')")
    yield kernel
    kernel.run("os.environ['LLMTUNE_HOME'] = kept_home")


def test_the_runs_folder_of_a_page_is_where_runs_are_listed_and_watched(
    unset: Kernel, monkeypatch: pytest.MonkeyPatch, write_run: Callable[..., WrittenRun]
) -> None:
    monkeypatch.setenv("LLMTUNE_HOME", str(unset.home / "elsewhere"))
    run = write_run()
    page = unset.comm_open("llmtune", {"version": "0.1.0"})
    unset.ask(page, "watch", {})
    assert "error" not in unset.ask(page, "version", {"runs_folder": "elsewhere"})

    def listed() -> bool:
        data = [message["content"]["data"] for message in unset.comm_received(page)]
        return any(run.name in str(each) for each in data if each["type"] == "runs")

    unset.wait(listed)
    assert run.name in unset.text(unset.run("%runs"))
    assert run.name in unset.text(unset.run(f"!{LLMTUNE} runs"))
    unset.ask(page, "version", {})
    assert run.name not in unset.text(unset.run("%runs"))
    unset.comm_close(page)


def test_the_language_of_a_page_is_that_of_cells_and_commands_unless_the_user_set_one(kernel: Kernel) -> None:
    page = kernel.comm_open("llmtune", {"version": "0.1.0"})
    kernel.ask(page, "version", {"language": "ru-RU"})
    for cell in ("%attach nobody", f"!{LLMTUNE} attach nobody"):
        assert "Нет запуска с именем 'nobody'" in kernel.text(kernel.run(cell))
    answer = kernel.ask(page, "view", {"run": "nobody"})
    assert answer["error"]["what"] == "Нет запуска с именем 'nobody'."
    kernel.run("import os; os.environ['LLMTUNE_LANG'] = 'ko'")
    kernel.ask(page, "version", {"language": "ja-JP"})
    assert "이름이 'nobody'인 실행이 없습니다" in kernel.text(kernel.run("%attach nobody"))
    kernel.run("del os.environ['LLMTUNE_LANG']")
    kernel.ask(page, "version", {})
    assert "There is no run named 'nobody'" in kernel.text(kernel.run("%attach nobody"))
    kernel.comm_close(page)
