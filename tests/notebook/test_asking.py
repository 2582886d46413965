"""Questions of the Playground, answered by real workers and a run that trains meanwhile."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.notebook.asking import Questions
from llmtune_kernel.notebook.cancelling import Cancellations
from llmtune_kernel.notebook.protocol import Answer, AskedModel, Question
from llmtune_kernel.runs.events import MetricsEvent, SampleEvent
from llmtune_kernel.runs.launch import launch
from llmtune_kernel.runs.run import Run, sample
from llmtune_kernel.runs.workers import pool

Ask = Callable[..., "tuple[list[str], list[str]]"]
MESSAGES = [{"role": "user", "content": "Say something in 한국어."}]
# A random model at a high temperature says all kinds of bytes.
WILD = {"max_new_tokens": 40, "temperature": 2.0, "top_k": 0}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("playground")
    rows = [{"prompt": f"{n}?", "completion": f"{n}!"} for n in range(8)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMTUNE_HOME", str(folder / "runs"))
        patch.chdir(folder)
        yield folder


def begin(model: str, name: str, steps: int, learning_rate: float) -> Run:
    values = {
        "model": {"name_or_path": model, "dtype": "float32"},
        "data": "rows.jsonl",
        "training": {"max_steps": steps, "learning_rate": learning_rate},
    }
    return launch(config_from_dict(values), name=name)


@pytest.fixture(scope="module")
def over(workplace: Path, tiny_model: str) -> Run:
    return begin(tiny_model, "over", 4, 1e-2).wait()


@pytest.fixture(scope="module")
def live(workplace: Path, tiny_model: str) -> Iterator[Run]:
    """A run that trains until the tests of this file are done, so little that it never learns to end an answer."""
    run = begin(tiny_model, "live", 1_000_000, 1e-7)
    yield run
    run.stop()
    run.wait()


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Ask the columns; the answers, and the joined pieces, column by column."""
    cancellations = Cancellations()
    questions = Questions(cancellations)
    numbers = itertools.count()

    def put(*columns: AskedModel, **settings: Any) -> tuple[list[str], list[str]]:
        pieces: list[list[str]] = [[] for _ in columns]
        question = Question(columns=list(columns), messages=MESSAGES, settings=settings)
        answers = questions.ask(
            str(next(numbers)), question, lambda column, text: pieces[column].append(text)
        )
        assert [answer.column for answer in answers] == list(range(len(columns)))
        assert settings != WILD or all(len(heard) > 1 for heard in pieces)
        return [answer.text for answer in answers], ["".join(heard) for heard in pieces]

    yield put
    cancellations.cancel_all()


class Asked:
    """A question that is asked on a thread of its own, so that it can be cancelled."""

    def __init__(self, questions: Questions, *columns: AskedModel, **settings: Any) -> None:
        self._questions = questions
        self._question = Question(columns=list(columns), messages=MESSAGES, settings=settings)
        self.heard = threading.Event()
        self.error: UserError | None = None
        self.answers: list[Answer] = []
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self.answers = self._questions.ask("long", self._question, lambda column, text: self.heard.set())
        except UserError as error:
            self.error = error

    def wait(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


def workers() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


def steps(run: Run) -> int:
    return max((event.payload.step for event in run.events() if isinstance(event, MetricsEvent)), default=0)


def requests_answered(run: Run) -> int:
    return sum(isinstance(event, SampleEvent) for event in run.events())


def test_pieces_of_a_base_model_and_of_a_run_join_to_their_answers(
    ask: Ask, over: Run, tiny_model: str
) -> None:
    answers, joined = ask(AskedModel(model=tiny_model), AskedModel(run="over"), **WILD)
    assert joined == answers
    assert answers[0] != answers[1]


def test_streamed_answers_are_those_that_come_at_once(ask: Ask, over: Run, tiny_model: str) -> None:
    answers, _ = ask(AskedModel(run="over"), max_new_tokens=12)
    [at_once] = sample({"over": over}, [MESSAGES], {"max_new_tokens": 12})["over"]
    assert answers == [at_once.text]


def test_a_live_run_answers_while_it_trains_and_keeps_it_to_itself(ask: Ask, live: Run) -> None:
    answered, before = requests_answered(live), steps(live)
    answers, joined = ask(AskedModel(run="live"), **WILD)
    assert joined == answers
    assert requests_answered(live) == answered, "the chat is no part of the run"
    while steps(live) < before + 5:
        assert live.paths.alive


def test_live_runs_and_others_answer_one_question(ask: Ask, over: Run, live: Run, tiny_model: str) -> None:
    columns = [AskedModel(run="live"), AskedModel(model=tiny_model), AskedModel(run="over")]
    answers, joined = ask(*columns, AskedModel(run="live"), **WILD)
    assert len(answers) == 4
    assert joined == answers


def test_the_next_question_finds_the_model_loaded_unless_its_files_changed(
    ask: Ask, over: Run, tiny_model: str
) -> None:
    first = ask(AskedModel(model=tiny_model), max_new_tokens=4)
    before = workers()
    weights = Path(tiny_model) / "model.safetensors"
    hidden = weights.rename(Path(tiny_model).parent / "hidden")
    try:
        # What is not on the disk can only come from the memory of the worker.
        assert ask(AskedModel(model=tiny_model), max_new_tokens=4) == first
        (Path(tiny_model) / "config.json").touch()
        with pytest.raises(UserError, match="cannot be loaded"):
            ask(AskedModel(model=tiny_model), max_new_tokens=4)
    finally:
        hidden.rename(weights)
    assert ask(AskedModel(model=tiny_model), max_new_tokens=4) == first
    assert workers() == before


@pytest.mark.parametrize("column", [AskedModel(run="over"), AskedModel(run="live")])
def test_a_cancelled_question_ends_and_the_next_works(
    ask: Ask, over: Run, live: Run, column: AskedModel
) -> None:
    ask(column, max_new_tokens=4)
    before, answered = workers(), requests_answered(live)
    cancellations = Cancellations()
    asked = Asked(Questions(cancellations), column, max_new_tokens=100_000, temperature=2.0)
    assert asked.heard.wait(60)
    cancellations.cancel("long")
    asked.wait()
    assert asked.error is not None
    assert "cancelled" in asked.error.what
    answers, joined = ask(column, **WILD)
    assert joined == answers
    assert workers() == before  # the worker heeded it, and was there for the next
    assert requests_answered(live) == answered
    assert live.paths.alive


def test_a_page_that_goes_ends_its_questions(over: Run, live: Run) -> None:
    cancellations = Cancellations()
    asked = Asked(
        Questions(cancellations),
        AskedModel(run="over"),
        AskedModel(run="live"),
        max_new_tokens=100_000,
        temperature=2.0,
    )
    assert asked.heard.wait(60)
    cancellations.cancel_all()
    asked.wait()
    assert asked.error is not None


def test_a_run_takes_orders_while_it_answers(over: Run, live: Run) -> None:
    cancellations = Cancellations()
    asked = Asked(Questions(cancellations), AskedModel(run="live"), max_new_tokens=100_000, temperature=2.0)
    assert asked.heard.wait(60)
    live.pause()
    assert live.state == "pausing"
    cancellations.cancel_all()
    asked.wait()
    while live.state != "paused":
        assert live.paths.alive
    live.resume()


def test_a_mistake_in_one_column_ends_the_others(over: Run, live: Run, tiny_model: str) -> None:
    asked = Asked(
        Questions(Cancellations()),
        AskedModel(run="live"),
        AskedModel(model="./nowhere"),
        max_new_tokens=100_000,
        temperature=2.0,
    )
    asked.wait()
    assert asked.error is not None
    assert "no model at this path" in asked.error.what
    assert asked.error.where
    assert asked.error.fix


def test_a_run_that_does_not_exist(workplace: Path) -> None:
    with pytest.raises(UserError, match="no run named 'nobody'"):
        Questions(Cancellations()).ask(
            "q", Question(columns=[AskedModel(run="nobody")], messages=MESSAGES), lambda column, text: None
        )


@pytest.mark.parametrize("name", ["over", "live"])
def test_a_setting_that_is_wrong(over: Run, live: Run, name: str) -> None:
    question = Question(columns=[AskedModel(run=name)], messages=MESSAGES, settings={"temperature": 9})
    with pytest.raises(UserError, match="temperature"):
        Questions(Cancellations()).ask("q", question, lambda column, text: None)


def test_no_worker_stays_behind(over: Run) -> None:
    pool().close()
    alive = [psutil.Process(pid) for pid in workers()]
    assert all(process.status() != psutil.STATUS_ZOMBIE for process in alive)
