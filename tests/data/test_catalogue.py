"""A name of the catalogue is enough: its rows are read as the card of the data set documents them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.config.sources import Format, SourceConfig
from llmtune_kernel.data.catalogue import TASKS, KnownDataset, catalogue_tables, find_datasets, known_datasets
from llmtune_kernel.data.examples import Conversation, Feedback, PlainText, Preference
from llmtune_kernel.data.formats import OPTIONAL, REQUIRED
from llmtune_kernel.data.recognition import recognise
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.sources import Place, find_source, find_sources, read_source

TEACHES = {"text": PlainText, "preference": Preference, "kto": Feedback}
_TURN = re.compile(r"\{(\w+): ([\w|]+), (\w+)\}")
_VALUES: dict[str, Any] = {
    "number": 1,
    "true or false": True,
    "list": ["one"],
    "object": {"one": 1},
    "tools as JSON": json.dumps([{"name": "look", "description": "", "parameters": {}}]),
}


@pytest.fixture(params=known_datasets().values(), ids=lambda one: one.name)
def known(request: pytest.FixtureRequest) -> KnownDataset:
    found: KnownDataset = request.param
    return found


def documented_row(dataset: KnownDataset) -> dict[str, Any]:
    """A row with the columns that the card documents; each text names its column."""
    return {column: _value(column, shape) for column, shape in dataset.columns_found.items()}


def _value(column: str, shape: str) -> Any:
    if shape == "text":
        return f"<{column}>"
    if shape in _VALUES:
        return _VALUES[shape]
    match = _TURN.search(shape)
    assert match, f"{column}: {shape}"
    role, speakers, content = match.groups()
    said = {"function_call": '{"name": "look", "arguments": {}}'}
    # The questions are the same in each column of turns, as they are in the two sides of a preference.
    asked = {"user": "<asked>", "human": "<asked>", "system": "<system>"}
    turns = [
        {role: speaker, content: said.get(speaker) or asked.get(speaker) or f"<{column}>"}
        for speaker in speakers.split("|")
    ]
    return turns if shape.startswith("[") else turns[0]


def test_there_are_at_least_fifty_and_each_is_told_whole(known: KnownDataset) -> None:
    assert len(known_datasets()) >= 50
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", known.name)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", known.hub)
    assert known.format in get_args(Format)
    assert known.format != "auto"
    assert known.tasks
    assert set(known.tasks) <= TASKS.keys()
    assert known.languages
    assert known.rows is None or known.rows > 0
    assert known.good_for.endswith(".")
    assert set(known.columns) <= {*REQUIRED[known.format], *OPTIONAL[known.format]}
    assert {column for column in known.columns.values() if column} <= known.columns_found.keys()


def test_no_name_is_there_twice_and_no_data_set_is() -> None:
    text = Path(known_datasets.__wrapped__.__code__.co_filename).with_name("known.json").read_text("utf-8")
    entries = json.loads(text)
    assert len({entry["name"] for entry in entries}) == len(entries)
    assert len({(entry["hub"], entry.get("subset")) for entry in entries}) == len(entries)


def test_a_row_as_documented_is_read_by_the_name_alone(known: KnownDataset) -> None:
    (asked,) = DataConfig.model_validate({"train": known.name}).sources("train")
    meant = find_source(asked, "nowhere").source
    assert (meant.source, meant.subset, meant.split) == (f"hf:{known.hub}", known.subset, known.split)
    row = documented_row(known)
    found = recognise([row], meant.format or "auto", meant.columns)
    example = to_example(row, 0, found)
    assert isinstance(example, TEACHES.get(known.format, Conversation))
    taught = repr(example)
    for column in found.columns:
        if known.columns_found[column] in ("number", "true or false", "tools as JSON"):
            continue
        said = f"<{column}>"
        assert (said if said in repr(row[column]) else "<asked>") in taught, f"{column} is not read"
    if "tools as JSON" in known.columns_found.values() and known.columns.get("tools", "") is not None:
        assert "'look'" in taught


@pytest.mark.parametrize("name", ["gsm8k", "ultrafeedback-binarized", "hermes-function-calling"])
def test_subset_and_split_are_those_that_the_hub_is_asked_for(name: str, tmp_path: Path) -> None:
    dataset = known_datasets()[name]
    pq.write_table(pa.Table.from_pylist([documented_row(dataset)]), tmp_path / "rows.parquet")
    config = f"config_name: {dataset.subset or 'default'}"
    files = f"data_files: [{{split: {dataset.split}, path: rows.parquet}}]"
    (tmp_path / "README.md").write_text(f"---\nconfigs: [{{{config}, {files}}}]\n---\n")
    meant = find_source(SourceConfig(source=name), "nowhere").source
    (row,) = read_source(Place(meant.model_copy(update={"source": f"hf:{tmp_path}"})), None).rows
    assert to_example(row, 0, recognise([row], meant.format or "auto", meant.columns))


def test_what_the_user_says_wins_over_the_catalogue() -> None:
    source = {"source": "gsm8k", "subset": "socratic", "split": "test", "num_samples": 5, "weight": 2}
    data = DataConfig.model_validate({"train": source, "columns": {"output": "solution"}})
    (place,) = find_sources(data, "train", lambda _split, _number: {})
    meant = place.source
    assert (meant.subset, meant.split, meant.num_samples, meant.weight) == ("socratic", "test", 5, 2)
    assert (meant.format, meant.columns) == ("alpaca", {"instruction": "question", "output": "solution"})
    other = SourceConfig(source="gsm8k", format="text", columns={"text": "question"})
    meant = find_source(other, "nowhere").source
    assert (meant.format, meant.columns) == ("text", {"text": "question"})


def test_a_file_and_a_registered_name_come_before_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.jsonl").write_text('{"text": "one"}\n')
    (tmp_path / "dataset_info.json").write_text('{"gsm8k": {"file_name": "mine.jsonl"}}')
    assert [file.name for file in find_source(SourceConfig(source="gsm8k"), ".").files] == ["mine.jsonl"]
    (tmp_path / "gsm8k").mkdir()
    (tmp_path / "gsm8k/rows.jsonl").write_text('{"text": "one"}\n')
    assert [file.name for file in find_source(SourceConfig(source="gsm8k"), ".").files] == ["rows.jsonl"]


def test_a_mistyped_name_brings_up_those_of_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no data set 'alpaca-clean'(.|\n)*alpaca-cleaned"):
        find_source(SourceConfig(source="alpaca-clean"), ".")


def test_words_narrow_the_catalogue_by_name_task_and_language() -> None:
    assert {one.name for one in find_datasets(["zh", "Reasoning"])} == {
        "infinity-instruct",
        "chinese-r1-distill",
    }
    assert [one.name for one in find_datasets(["GSM"])] == ["gsm8k"]
    with pytest.raises(UserError, match=r"fits pirates(.|\n)*tasks: instruction, chat"):
        find_datasets(["pirates"])


def test_tables_are_in_the_language_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMTUNE_LANG", "ru")
    header, ((title, rows),) = catalogue_tables(["xlam"])
    assert (header[0], title) == ("имя", "Вызовы инструментов")
    assert rows[0][:3] == ["xlam-function-calling-60k", "60,000", "cc-by-4.0, доступ по запросу"]
    assert rows[0][6].startswith("Запросы")


def test_tables_tell_where_a_data_set_is_and_how_it_is_read() -> None:
    facts = {row[0]: row[4:6] for _title, rows in catalogue_tables([])[1] for row in rows}
    assert facts["gsm8k"] == [
        "openai/gsm8k",
        "alpaca (instruction = question, output = answer), subset main",
    ]
    for one in known_datasets().values():
        hub, read = facts[one.name]
        assert hub == one.hub
        assert read.startswith(one.format)
        assert all(column in read for column in one.columns.values() if column)
        assert one.split == "train" or one.split in read
