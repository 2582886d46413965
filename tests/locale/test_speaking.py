"""What a user reads is in the language of LLMTUNE_LANG, wherever it comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from workplace import Workplace

from llmtune_kernel.config import UserError, config_from_dict, read_config
from llmtune_kernel.data.files import read_rows
from llmtune_kernel.locale import LANGUAGES, _, _n, find_language, look_up
from llmtune_kernel.notebook.listing import runs_bundle
from llmtune_kernel.runs.events import LogEvent, StateEvent
from llmtune_kernel.runs.launch import launch
from llmtune_kernel.runs.run import attach
from llmtune_kernel.runs.wording import duration


@pytest.fixture
def russian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMTUNE_LANG", "ru")


@pytest.mark.parametrize(
    ("name", "language"),
    [
        *((name, "ja_JP") for name in ("ja", "ja_JP", "ja-JP", "JA-jp", "ja_JP.UTF-8")),
        *((name, "zh_CN") for name in ("zh", "zh_CN", "zh-CN")),
        *((name, "en") for name in ("", "en", "en_GB", "en-US", "default")),
        *((name, None) for name in ("fr", "zh_TW", "japanese")),
    ],
)
def test_a_language_has_several_names(name: str, language: str | None) -> None:
    assert find_language(name) == language


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", ["1 mistake", "3 mistakes", "5 mistakes"]),
        ("ja", ["1 件", "3 件", "5 件"]),
        ("ko", ["1개", "3개", "5개"]),
        ("ru", ["1 ошибка", "3 ошибки", "5 ошибок"]),
        ("zh", ["1 个", "3 个", "5 个"]),
    ],
)
def test_each_language_counts_as_it_does(
    language: str, wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTUNE_LANG", language)
    said = [
        _n("The configuration has 1 mistake:", "The configuration has {count} mistakes:", count)
        for count in (1, 3, 5)
    ]
    assert all(want in text for want, text in zip(wanted, said, strict=True))


def test_a_text_that_no_table_has_is_shown_in_english(russian: None) -> None:
    unknown = "Nobody says {this}."
    assert _(unknown, this="that") == "Nobody says that."
    assert look_up(unknown) == unknown
    assert _n("one {this}", "{count} {this}", 2, this="owls") == "2 owls"


def test_the_language_may_change_from_one_call_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for language in ("en", "ru", "fr"):
        monkeypatch.setenv("LLMTUNE_LANG", language)
        said.append(duration(65))
    assert said == ["1 min 05 s", "1 мин 05 с", "1 min 05 s"]


def test_what_is_put_into_a_text_is_no_template(russian: None) -> None:
    with pytest.raises(UserError, match=r"\{0\}"):
        attach("{0}")


def test_a_wrong_configuration_is_told_in_the_language(russian: None) -> None:
    text = "data: rows.jsonl\ntraining:\n  learning_rat: 1\n  max_steps: -3\nsamples: {prompts: 5}\n"
    with pytest.raises(UserError) as caught:
        read_config(text)
    assert str(caught.value).splitlines() == [
        "В конфигурации 3 ошибки:",
        "строка 3: training.learning_rat: неизвестный ключ; может быть, learning_rate?",
        "строка 4: training.max_steps: нужно: целое число не меньше 1; указано: -3",
        "строка 5: samples.prompts: нужно: список, каждый элемент — текст или список реплик "
        '{role: …, content: …}; указано: 5; напишите списком: ["5"]',
        "  где: ячейка",
    ]


def test_a_missing_file_is_told_in_the_language(russian: None, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_rows(tmp_path / "rows.jsonl")
    assert caught.value.what.startswith("Нет файла ")
    assert caught.value.fix.startswith("Проверьте путь")


def test_an_unknown_run_is_told_in_the_language(russian: None, runs_home: Path) -> None:
    with pytest.raises(UserError, match="Нет запуска с именем 'nobody'"):
        attach("nobody")


def test_the_command_speaks_the_language(tmp_path: Path) -> None:
    done = Workplace(tmp_path).llmtune("attach", "nobody", LLMTUNE_LANG="ja-JP")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "'nobody' という名前の実行はありません。"
    helped = Workplace(tmp_path).llmtune("train", "--help", LLMTUNE_LANG="ko").stdout
    assert helped.startswith("사용법: llmtune train")
    assert not {"usage", "options", "positional arguments", "exit codes"} & set(helped.split("\n"))
    wrong = Workplace(tmp_path).llmtune("train", "--json=3", LLMTUNE_LANG="zh").stderr
    assert wrong.splitlines()[-1].startswith("llmtune train：错误：")


def test_an_unknown_language_is_said_once_by_the_command_and_english_is_spoken(tmp_path: Path) -> None:
    done = Workplace(tmp_path).llmtune("runs", LLMTUNE_LANG="fr")
    assert done.stdout == "No runs yet.\n"
    [warning] = done.stderr.splitlines()
    assert all(language in warning for language in ["fr", *LANGUAGES])


def test_an_unknown_language_is_said_when_the_extension_is_loaded(tmp_path: Path) -> None:
    code = (
        "from IPython.testing.globalipapp import start_ipython\n"
        "ip = start_ipython()\n"
        "ip.run_line_magic('load_ext', 'llmtune_kernel')\n"
        "ip.run_line_magic('unload_ext', 'llmtune_kernel')\n"
    )
    environment = {**Workplace(tmp_path).environment, "LLMTUNE_LANG": "fr"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stderr.count("LLMTUNE_LANG is fr") == 1


def test_importing_the_package_reads_no_table() -> None:
    code = "import sys, llmtune_kernel; print([name for name in sys.modules if 'locale.texts' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout == "[]\n"


def test_a_run_speaks_the_language_and_its_states_stay_as_they_are(
    russian: None, runs_home: Path, rows_file: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {
        "model": {"name_or_path": tiny_model, "dtype": "float32"},
        "data": {"train": str(rows_file)},
        "training": {"max_steps": 1},
    }
    run = launch(config_from_dict(config), name="says").wait(200)
    events = run.events()
    said = [event.payload.message for event in events if isinstance(event, LogEvent)]
    assert said[0].startswith("Для обучения 12 строк, формат messages, токенов ")
    states = [event.payload for event in events if isinstance(event, StateEvent)]
    assert {state.state for state in states} >= {"queued", "loading", "training", "finished"}
    assert "чтение данных" in [state.detail for state in states]
    listed = runs_bundle()["text/plain"]
    assert "завершён" in listed
    assert "1 из 1" in listed
    monkeypatch.setenv("LLMTUNE_LANG", "en")
    assert "finished" in runs_bundle()["text/plain"]
