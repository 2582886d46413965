"""A function of the notebook goes with the run, with its source beside it."""

from __future__ import annotations

import functools
import inspect
import pickle
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from llmtune_kernel import finetune
from llmtune_kernel.config import RunConfig, UserError, config_from_dict
from llmtune_kernel.notebook.rewards import reward_writer
from llmtune_kernel.runs.directory import RunDirectory


def config(reward: str = "$score", **more: Any) -> RunConfig:
    return config_from_dict({"data": "unused", "objective": {"type": "ppo", "reward": reward}, **more})


def length(prompts: list[str], answers: list[str]) -> list[float]:
    """As many as letters."""
    return [float(len(answer)) for answer in answers]


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path)
    made.data.mkdir()
    return made


def test_a_function_is_kept_with_its_source(directory: RunDirectory) -> None:
    write = reward_writer(config(), {"score": length})
    assert write is not None
    write(directory)
    assert directory.reward_source.read_text().startswith("def length(prompts")
    assert pickle.loads(directory.reward.read_bytes())(["?"], ["four"]) == [4.0]


def test_a_function_keeps_what_it_refers_to(directory: RunDirectory) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(
        "liked = {'yes': 1.0}\ndef score(prompts, answers): return [liked.get(one, 0.0) for one in answers]",
        names,
    )
    write = reward_writer(config(), names)
    assert write is not None
    write(directory)
    names["liked"].clear()
    assert pickle.loads(directory.reward.read_bytes())(["?", "?"], ["yes", "no"]) == [1.0, 0.0]
    assert directory.reward_source.read_text() == ""


def test_other_rewards_are_no_variables() -> None:
    for reward in ("my-run", "./folder", "http://localhost:8000/score"):
        assert reward_writer(config(reward), {}) is None
    assert reward_writer(config_from_dict({"data": "unused"}), {}) is None


def test_a_run_to_continue_has_its_own_function_where_the_notebook_has_none() -> None:
    for namespace in ({}, {"score": [1.0]}):
        assert reward_writer(config(resume="before"), namespace) is None


def test_the_function_of_before_is_kept_beside_another(directory: RunDirectory) -> None:
    def shorter(prompts: list[str], answers: list[str]) -> list[float]:
        return [-float(len(answer)) for answer in answers]

    def write(function: Any) -> Path | None:
        writer = reward_writer(config(resume="before"), {"score": function})
        assert writer is not None
        return writer(directory)

    assert write(length) is None
    assert write(length) is None
    assert write(shorter) == directory.data / "reward-1.py"
    assert write(length) == directory.data / "reward-2.py"
    for number, value in (("", 4.0), ("-1", 4.0), ("-2", -4.0)):
        kept = directory.data / f"reward{number}.pickle"
        assert pickle.loads(kept.read_bytes())(["?"], ["four"]) == [value]
        source = kept.with_suffix(".py").read_text()
        assert source.strip().startswith("def length(" if value > 0 else "def shorter(")


def halved(function: Any) -> Any:
    @functools.wraps(function)
    def half(prompts: list[str], answers: list[str]) -> list[float]:
        return [score / 2 for score in function(prompts, answers)]

    return half


class Length:
    """Scores by a factor."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, prompts: list[str], answers: list[str]) -> list[float]:
        return [self.factor * len(answer) for answer in answers]


@pytest.mark.parametrize(
    ("function", "source"),
    [
        (functools.partial(length, answers=["one"]), length),
        (halved(length), length),
        (Length(0.5), Length),
        (Length(0.5).__call__, Length.__call__),
    ],
    ids=["partial", "decorated", "object", "method"],
)
def test_what_is_no_plain_function_is_kept_with_its_source_too(
    directory: RunDirectory, function: Any, source: Any
) -> None:
    write = reward_writer(config(), {"score": function})
    assert write is not None
    write(directory)
    assert directory.reward_source.read_text() == inspect.getsource(source)


@pytest.mark.parametrize(
    ("namespace", "said", "fix"),
    [
        ({}, "no variable named 'score'", "def score(prompts, answers)"),
        ({"scores": length}, "no variable named 'score'", r"Did you mean \$scores\?"),
        ({"score": [1.0]}, r"\$score is of type list, not a function", "def score(prompts, answers)"),
        ({"score": None}, r"\$score is of type NoneType, not a function", "def score(prompts, answers)"),
    ],
)
def test_what_is_no_function_is_told(namespace: dict[str, Any], said: str, fix: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        reward_writer(config(), namespace)
    assert caught.value.where == "objective.reward: $score"
    assert fix.replace("\\", "") in caught.value.fix
    assert [change.value for change in caught.value.changes] == (["$scores"] if "scores" in namespace else [])


def test_what_cannot_be_kept_is_told(directory: RunDirectory) -> None:
    lock = Lock()

    def score(prompts: list[str], answers: list[str]) -> list[float]:
        with lock:
            return [0.0 for _ in answers]

    write = reward_writer(config(), {"score": score})
    assert write is not None
    with pytest.raises(UserError, match="cannot be kept with the run: cannot pickle") as caught:
        write(directory)
    assert "Make inside of it what it uses" in caught.value.fix


def test_a_function_may_be_given_as_it_is(runs_home: Path, tiny_model: str) -> None:
    rows = [{"prompt": f"Say {n}."} for n in range(2)]
    objective = {"type": "ppo", "reward": length, "response_length": 2}
    run = finetune(
        model=tiny_model, data=rows, objective=objective, training={"max_steps": 1}, show=False, wait=True
    )
    assert run.state == "finished"
    assert "As many as letters." in run.paths.reward_source.read_text()
