"""What is said before a run: data, time and memory, and what to change."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from llmtune_kernel.config import UserError, config_from_dict, read_config
from llmtune_kernel.config.mending import changed
from llmtune_kernel.notebook.looking import compare, look
from llmtune_kernel.notebook.notices import notices
from llmtune_kernel.notebook.protocol import DataSeen, Inspection, Look, Notice
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import EventWriter, Metrics, State
from llmtune_kernel.runs.launch import launch

ROWS = [{"prompt": f"What is {n} plus {n}?", "completion": f"It is {2 * n}."} for n in range(12)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("looking")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMTUNE_HOME", str(folder / "runs"))
        patch.chdir(folder)
        yield folder


def text_of(model: str, **sections: Any) -> str:
    values = {"model": {"name_or_path": model, "dtype": "float32"}, "data": {"train": "$rows"}, **sections}
    return json.dumps(values)  # which is YAML


def look_at(model: str, rows: object = ROWS, **sections: Any) -> Inspection:
    return look(Look(text=text_of(model, **sections), first=1), {"rows": rows})


def test_a_look_says_what_the_run_then_does_and_measures(workplace: Path, tiny_model: str) -> None:
    (workplace / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    sections: dict[str, Any] = {
        "data": {"train": "rows.jsonl", "eval_fraction": 0.2},
        "training": {"num_train_epochs": 2.0},
    }
    before = look_at(tiny_model, **sections)
    assert before.seconds is None
    run = launch(read_config(text_of(tiny_model, **sections))).wait()
    measured = run.metrics
    assert before.steps == measured["step"].max()
    assert (before.train_rows, before.eval_rows) == (10, 2)
    assert len(before.preview) == 1
    peak = measured["memory"].max()
    assert 0.5 * peak < before.memory < 2 * peak
    assert before.memory < before.memory_available
    assert before.notices == []

    after = look_at(tiny_model, **sections)
    assert after.seconds == pytest.approx(
        measured["tokens"].max() / measured.loc[measured["step"] > 1, "tokens_per_second"].tail(20).median()
    )
    # Another method has another speed, which nobody measured.
    assert look_at(tiny_model, **sections, method="full").seconds is None


@pytest.mark.parametrize(
    "sections",
    [
        {"method": "full"},
        {"training": {"gradient_checkpointing": True}},
    ],
)
def test_the_estimate_of_memory_is_within_a_factor_of_two(workplace: Path, sections: dict[str, Any]) -> None:
    rows = [{"prompt": f"Count {n}", "completion": " ".join(map(str, range(n, n + 60)))} for n in range(8)]
    (workplace / "counting.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    training = {"max_steps": 2, **sections.get("training", {})}
    config = config_from_dict({"data": "counting.jsonl", **sections, "training": training})
    estimate = look(Look(text=config.model_dump_json(exclude={"resume"}), first=0), {}).memory
    peak = launch(config).wait().metrics["memory"].max()
    assert 0.5 * peak < estimate < 2 * peak


def test_the_time_of_the_whole_run_goes_by_the_newest_run_of_its_kind(
    runs_home: Path, tiny_model: str
) -> None:
    config = read_config(text_of(tiny_model))
    for number, speeds in enumerate([(1.0, 1e6, 1e6), (1.0, 50.0, 50.0), (1.0,)]):
        directory = RunDirectory.create(f"run-{number}")
        directory.resolved.write_text(json.dumps({"config": config.model_dump(mode="json")}))
        events = EventWriter(directory.events)
        events.write(State(state="training"))
        for step, measured in enumerate(speeds, 1):
            events.write(
                Metrics(
                    step=step,
                    max_steps=3,
                    epoch=1.0,
                    loss=1.0,
                    learning_rate=1e-3,
                    grad_norm=1.0,
                    tokens=9,
                    tokens_per_second=measured,
                    memory=1,
                    eta=0.0,
                )
            )
        events.close()
    found = look_at(tiny_model, training={"max_steps": 6})
    # Three steps are one pass over the twelve rows.
    assert found.seconds == pytest.approx(2 * found.tokens / 50)


def test_asked_again_it_answers_without_a_worker_until_the_rows_change(
    workplace: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [dict(row) for row in ROWS]
    first = look_at(tiny_model, rows)
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/nowhere/python")
        patch.setenv("HF_HOME", "/nowhere")  # the worker that waits is of no use any more
        assert look_at(tiny_model, rows).tokens == first.tokens
        with pytest.raises(FileNotFoundError):
            look_at(tiny_model, rows, training={"max_steps": 1})
    rows[0]["completion"] += " And one more."
    assert look_at(tiny_model, rows).tokens > first.tokens


def test_a_newer_look_ends_older_ones_and_they_take_one_worker(workplace: Path, tiny_model: str) -> None:
    many = [{"prompt": f"What is {n}?", "completion": "It is a number. " * 50} for n in range(20_000)]
    look_at(tiny_model)
    before = {process.pid for process in psutil.Process().children()}

    def ask(steps: int, rows: list[dict[str, str]] = many) -> Inspection | UserError:
        try:
            return look_at(tiny_model, rows, training={"max_steps": steps})
        except UserError as error:
            return error

    with ThreadPoolExecutor() as threads:
        asked = []
        for steps in range(1, 5):
            asked.append(threads.submit(ask, steps))
            time.sleep(0.3)
        assert {process.pid for process in psutil.Process().children()} <= before
        *older, newest = [each.result() for each in asked]
    ended = [each for each in older if isinstance(each, UserError)]
    assert len(ended) == len(older)
    assert all("newer look" in each.what for each in ended)
    assert isinstance(newest, Inspection)
    assert newest.steps == 4
    with ThreadPoolExecutor() as threads:
        again = threads.submit(ask, 5, many[::-1])
        time.sleep(0.3)
        assert ask(4) == newest  # it is known still, and wanted now
        assert isinstance(again.result(), UserError)


def mistake_of(text: str, rows: object) -> str:
    try:
        look(Look(text=text, first=1), {"rows": rows})
    except UserError as error:
        return error.what
    return ""


LONG = [{"prompt": "Count", "completion": " ".join(map(str, range(n)))} for n in (5, 300)]
BAD = [*ROWS, {"prompt": "What is left?", "completion": None}]
LABELLED = [{"text": "a b c", "prompt": "a", "completion": f"b {n}", "label": n % 2 == 0} for n in range(8)]
PAIRS = [{"prompt": "a", "chosen": f"b {n}", "rejected": "c", "text": "a b c"} for n in range(8)]


@pytest.mark.parametrize(
    ("rows", "sections", "offered"),
    [
        (BAD, {}, [("data.on_bad_row", "skip")]),
        (ROWS, {"data": {"train": "$rowz"}}, [("data.train", "$rows")]),
        (ROWS, {"data": {"train": "$other"}}, [("data.train", "$rows")]),
        (ROWS, {"data": {"train": "lokd.jsonl"}}, [("data.train", "looked.jsonl")]),
        (ROWS, {"data": {"train": ["looked.jsonl", "lokd.jsonl"]}}, [("data.train.1", "looked.jsonl")]),
        (ROWS, {"data": {"train": "$rows", "format": "alpaca"}}, [("data.format", "prompt_completion")]),
        (ROWS, {"objective": "dpo"}, [("objective.type", "sft")]),
        (
            ROWS,
            {"data": {"train": "$rows", "template": "chatml2"}},
            [("data.template", "chatml"), ("data.template", None)],
        ),
        (ROWS[:1], {"data": {"train": "$rows", "eval_fraction": 0.1}}, [("data.eval_fraction", None)]),
        (PAIRS, {}, [("data.format", "preference"), ("data.format", "text")]),
        (
            PAIRS,
            {"data": {"train": "$rows", "format": "preference"}},
            [("objective.type", "dpo"), ("data.format", "text")],
        ),
        (
            LABELLED,
            {"data": {"train": "$rows", "format": "kto"}},
            [("objective.type", "kto"), ("data.format", "prompt_completion"), ("data.format", "text")],
        ),
        (
            ROWS,
            {"method": {"target_modules": ["q_prj", "v_proj"]}},
            [("method.target_modules", ["q_proj", "v_proj"]), ("method.target_modules", None)],
        ),
    ],
)
def test_each_change_that_a_mistake_in_the_data_offers_mends_it(
    workplace: Path, tiny_model: str, rows: object, sections: dict[str, Any], offered: list[tuple[str, Any]]
) -> None:
    (workplace / "looked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with pytest.raises(UserError) as mistake:
        look_at(tiny_model, rows, **sections)
    given = [(".".join(change.path), change.value) for change in mistake.value.changes]
    assert given == offered
    values = json.loads(text_of(tiny_model, **sections))
    for change in mistake.value.changes:
        assert mistake_of(json.dumps(changed(values, change)), rows) != mistake.value.what


def test_rows_that_are_too_long_can_be_allowed_cut_or_left_out(workplace: Path, tiny_model: str) -> None:
    values = {"train": "$rows", "truncation": "error", "max_length": 64}
    with pytest.raises(UserError) as mistake:
        look_at(tiny_model, LONG, data=values)
    longer, *shorter = mistake.value.changes
    assert longer.path == ("data", "max_length")
    assert look_at(tiny_model, LONG, data={**values, "max_length": longer.value}).lengths.max == longer.value
    assert [change.value for change in shorter] == ["right", "left", "drop"]
    for change in shorter:
        found = look_at(tiny_model, LONG, data={**values, "truncation": change.value})
        assert found.truncated + found.dropped == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("data: [", ""),
        ("data: $rowz", "no variable named 'rowz'"),
        ("data: $rows\nmethod: {type: lora, target_modules: [query]}", "named 'query'"),
        ("data: nowhere.jsonl", "nowhere.jsonl"),
    ],
)
def test_mistakes_are_told_as_before_a_run(workplace: Path, text: str, what: str) -> None:
    with pytest.raises(UserError) as mistake:
        look(Look(text=text), {"rows": ROWS})
    assert what in str(mistake.value)


def summary(**figures: Any) -> dict[str, Any]:
    return {
        "rows": 200,
        "train_rows": 180,
        "eval_rows": 20,
        "truncated": 0,
        "columns": ["text"],
        "endless": "",
        "skipped": 0,
        "dropped": 0,
        "lengths": {"p99": 900, "max": 950},
        "max_positions": 8192,
        "quantized": "",
        "gradient_checkpointing": True,
        "memory": 10**9,
        "memory_available": 2 * 10**9,
        **figures,
    }


def told(config: dict[str, Any], **figures: Any) -> list[Notice]:
    return notices(config_from_dict({"data": "rows.jsonl", **config}), summary(**figures))


def changes(notice: Notice) -> list[tuple[str, Any]]:
    return [(".".join(change.path), change.value) for change in notice.changes]


def test_an_ordinary_run_gets_no_notice() -> None:
    assert told({}) == []


def test_that_weights_are_quantized_already_is_told() -> None:
    [notice] = told({}, quantized="The weights are quantized already (gptq, 4 bits) and stay so.")
    assert notice.message == "The weights are quantized already (gptq, 4 bits) and stay so."


def test_too_little_memory() -> None:
    smaller = {"training.per_device_train_batch_size": 2, "training.gradient_accumulation_steps": 2}
    ways = [
        {"settings": smaller, "memory": 18 * 10**8},
        {"settings": {"training.gradient_checkpointing": True}, "memory": 10**9},
        {"settings": {"training.optim": "adamw_8bit"}, "memory": 15 * 10**8},
    ]
    [notice] = told({}, memory=3 * 10**9, memory_changes=ways)
    assert notice.message == (
        "The run may need 3.0 GB of memory; 2.0 GB are free. It would fit with any of these: "
        "training.per_device_train_batch_size: 2, training.gradient_accumulation_steps: 2 (1.8 GB); "
        "training.gradient_checkpointing: true (1.0 GB); training.optim: adamw_8bit (1.5 GB)"
    )
    assert changes(notice) == [
        ("training.per_device_train_batch_size", 2),
        ("training.gradient_checkpointing", True),
        ("training.optim", "adamw_8bit"),
    ]
    [notice] = told({}, memory=3 * 10**9, memory_changes=[])
    assert notice.message.endswith("No change makes it fit: take a smaller model.")
    assert changes(notice) == []


def test_many_rows_that_are_cut() -> None:
    assert told({}, truncated=10) == []
    [notice] = told({}, truncated=50, lengths={"p99": 1500})
    assert notice.message == "25% of the rows are longer than 1,024 tokens and are cut."
    assert changes(notice) == [("data.max_length", 1536)]
    [notice] = told({}, truncated=50, lengths={"p99": 1500}, max_positions=1024)
    assert changes(notice) == [("data.truncation", "drop")]
    assert notice.message.endswith("The model reads no more at once: split these rows.")


def test_rows_that_are_left_out_are_told_with_the_length_that_keeps_them() -> None:
    drop = {"data": {"train": "rows.jsonl", "truncation": "drop"}}
    [notice] = told(drop, dropped=50, lengths={"p99": 1500})
    assert notice.message == "25% of the rows are longer than 1,024 tokens and are left out."
    assert changes(notice) == [("data.max_length", 1536)]
    [notice] = told({}, skipped=1)
    assert notice.message == "1 row cannot be trained on and is skipped."
    assert changes(notice) == [("data.on_bad_row", "error")]


def test_few_rows_and_a_batch_larger_than_they_are() -> None:
    few, batch = told({"training": {"per_device_train_batch_size": 8}}, train_rows=3, rows=3, eval_rows=0)
    assert few.message == "There are only 3 rows to train on: the model will learn them by heart."
    assert changes(few) == []
    assert changes(batch) == [("training.per_device_train_batch_size", 3)]


def test_few_rows_of_many_come_with_the_setting_that_gives_more() -> None:
    limited = {"data": {"train": "rows.jsonl", "limit": 6}}
    [few] = told(limited, train_rows=6, eval_rows=0)
    assert changes(few) == [("data.limit", None)]
    split = {"data": {"train": "rows.jsonl", "eval_fraction": 0.5}}
    [few] = told(split, train_rows=6, eval_rows=6)
    assert changes(few) == [("data.eval_fraction", 0)]


@pytest.mark.parametrize(
    ("method", "fine", "high", "low"), [("lora", 1e-3, 1e-2, 1e-5), ("full", 1e-5, 1e-3, 1e-6)]
)
def test_an_unusual_learning_rate(method: str, fine: float, high: float, low: float) -> None:
    def at(rate: float) -> list[Notice]:
        return told({"method": method, "training": {"learning_rate": rate}})

    assert at(fine) == []
    for rate, word in ((high, "is high"), (low, "is low")):
        [notice] = at(rate)
        assert word in notice.message
        assert changes(notice) == [("training.learning_rate", "auto")]


def test_a_runs_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").write_text("a file")
    monkeypatch.setenv("LLMTUNE_HOME", str(tmp_path / "runs"))
    [notice] = told({})
    assert notice.message.startswith(f"{tmp_path / 'runs'}: ")
    assert "A file stands where the folder should be" in notice.message


def test_no_rows_to_evaluate_on() -> None:
    [notice] = told({}, eval_rows=0)
    assert changes(notice) == [("data.eval_fraction", 0.1)]
    assert told({}, eval_rows=0, train_rows=50) == []


def test_each_change_mends_what_its_notice_says(workplace: Path, tiny_model: str) -> None:
    values: dict[str, Any] = {
        "data": {"train": "$rows", "max_length": 42},
        "training": {"learning_rate": 1.0, "per_device_train_batch_size": 64},
    }
    found = look_at(tiny_model, **values)
    assert len(found.notices) == 3
    for notice in found.notices:
        for change in notice.changes:
            values = changed(values, change)
    assert look_at(tiny_model, **values).notices == []


def test_data_that_are_others_by_now_are_told_without_a_look(workplace: Path, tiny_model: str) -> None:
    path = workplace / "seen.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    evaluated = [dict(row) for row in ROWS]
    text = text_of(tiny_model, data={"train": "seen.jsonl", "eval": "$evaluated"})
    namespace = {"evaluated": evaluated}
    seen = DataSeen(text=text, content=look(Look(text=text), namespace).content)
    assert not compare(seen, namespace).has_changed
    evaluated[0]["prompt"] = "What else?"
    assert compare(seen, namespace).has_changed
    evaluated[0] = ROWS[0]
    assert not compare(seen, namespace).has_changed
    path.write_text(json.dumps(ROWS[0]) + "\n")
    assert compare(seen, namespace).has_changed
    path.unlink()
    assert compare(seen, namespace).has_changed
