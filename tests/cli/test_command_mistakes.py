"""Mistakes of the user: one clear message on stderr, exit code 2, nothing started."""

from __future__ import annotations

import subprocess

import pytest
from workplace import Workplace


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "nowhere.yaml"], ["nowhere.yaml", "No such file"]),
        (["train", "typo.yaml"], ["line 2", "learning_rat", "learning_rate"]),
        (["train", "variable.yaml"], ["$df", "there is no notebook here"]),
        (["train", "run.yaml", "--set", "training.max_steps=many"], ["--set training.max_steps=many"]),
        (["train", "--set", "training.max_step=3", "run.yaml"], ["--set training.max_step=3", "max_steps"]),
        (["train", "run.yaml", "--name", "a b"], ["'a b'"]),
        (["train"], ["There is no configuration", "FILE.yaml"]),
        (["train", "--resume", "nobody"], ["no run named 'nobody'"]),
        (["attach", "nobody"], ["no run named 'nobody'"]),
        (["sample", "nobody", "Hello?"], ["no run or model named 'nobody'"]),
        (["inspect", "$df"], ["$df", "there is no notebook here"]),
        (["bogus"], ["invalid choice: 'bogus'"]),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(
    workplace: Workplace, arguments: list[str], said: list[str]
) -> None:
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


def test_a_used_name_and_a_run_that_is_over_are_named(
    workplace: Workplace, finished: subprocess.CompletedProcess[str]
) -> None:
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
