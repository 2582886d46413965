"""Mistakes of the user: one clear message on stderr, exit code 2, nothing started."""

from __future__ import annotations

import subprocess

import pytest
from workplace import Workplace

Done = subprocess.CompletedProcess[str]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "nowhere.yaml"], ["nowhere.yaml", "No such file"]),
        (["train", "typo.yaml"], ["line 2", "learning_rat", "learning_rate"]),
        (["train", "variable.yaml"], ["$df", "there is no notebook here"]),
        (["train", "run.yaml", "--set", "training.max_steps=many"], ["--set training.max_steps=many"]),
        (["train", "--set", "training.max_step=3", "run.yaml"], ["--set training.max_step=3", "max_steps"]),
        (["train", "run.yaml", "--name", "a b"], ["'a b'"]),
        (["train", "rows.jsonl"], ["rows.jsonl", "data, not a configuration", "data: rows.jsonl"]),
        (["train", "run.yaml", "--set", "data.train=rowz.jsonl"], ["no file rowz.jsonl", "rows.jsonl?"]),
        (
            ["train", "run.yaml", "--set", "data.train=empty-folder"],
            ["empty-folder has no file that is read"],
        ),
        (["sample", "first", "Hello?", "--max-new-tokens", "0"], ["max_new_tokens", "of at least 1; got 0"]),
        (["train"], ["There is no configuration", "FILE.yaml"]),
        (["train", "--resume", "nobody"], ["no run named 'nobody'"]),
        (["attach", "nobody"], ["no run named 'nobody'"]),
        (["sample", "nobody", "Hello?"], ["no run or model named 'nobody'"]),
        (["inspect", "$df"], ["$df", "there is no notebook here"]),
        (["bogus"], ["invalid choice: 'bogus'"]),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(
    workplace: Workplace, finished: Done, arguments: list[str], said: list[str]
) -> None:
    (workplace.folder / "empty-folder").mkdir(exist_ok=True)
    (workplace.folder / "typo.yaml").write_text("data: rows.jsonl\ntraining: {learning_rat: 1}\n")
    (workplace.folder / "variable.yaml").write_text("data: $df\n")
    before = _runs(workplace)
    done = workplace.llmtune(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr
    assert _runs(workplace) == before


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model=./nomodel", "no model at this path"),
        ("method.target_modules=[nope]", "named 'nope'"),
        ("data.max_length=8", "max_length"),
    ],
)
def test_a_mistake_that_only_the_worker_finds_has_exit_code_2_too(
    workplace: Workplace, override: str, said: str
) -> None:
    done = workplace.llmtune("train", "run.yaml", "--name", "mistaken", "--set", override)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_failed_before_its_first_step_costs_no_name(workplace: Workplace) -> None:
    model = workplace.folder / "elsewhere"
    again = ["train", "run.yaml", "--name", "typo"]
    assert workplace.llmtune(*again, "--set", f"model={model}").returncode == 2
    for order in (["stop", "typo"], ["train", "--resume", "typo"]):
        refused = workplace.llmtune(*order)
        assert refused.returncode == 2
        assert "Start it again" in refused.stderr
        assert "--resume" not in refused.stderr
    done = workplace.llmtune(*again)
    assert done.returncode == 0, done.stderr
    kept = list((workplace.folder / "llmtune-runs" / ".trash").glob("typo-*/config.yaml"))
    assert [str(model) in config.read_text() for config in kept] == [True]
    assert "'typo' exists already" in workplace.llmtune(*again).stderr


def test_a_used_name_and_a_run_that_is_over_are_named(workplace: Workplace, finished: Done) -> None:
    again = workplace.llmtune("train", "run.yaml", "--name", "first")
    assert again.returncode == 2
    assert "'first' exists already" in again.stderr
    stopping = workplace.llmtune("stop", "first")
    assert stopping.returncode == 2
    assert "not running" in stopping.stderr
    more = workplace.llmtune("train", "--resume", "first")
    assert more.returncode != 0
    assert "steps already" in more.stderr


def _runs(workplace: Workplace) -> list[str]:
    folder = workplace.folder / "llmtune-runs"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
