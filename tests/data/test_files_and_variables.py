"""Rows come back as they were given, from every container and file; mistakes are told plainly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.files import fingerprint_file, read_rows
from llmtune_kernel.data.identity import content_hash
from llmtune_kernel.data.variables import VariableInfo, describe_value, snapshot_variable, split_of

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

FLAT = [
    {"prompt": "a\u2028 b\n", "completion": "é", "score": 1.5},
    {"prompt": None, "completion": '"q", x', "score": None},
]
NESTED = [
    {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"city": "Rome"}}}]},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "y"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "g", "arguments": {"days": 3}}}]},
        ]
    },
]
CONTAINERS: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.Table.from_pylist,
    "datasets": datasets.Dataset.from_list,
    "selected": lambda rows: datasets.Dataset.from_list(rows[::-1]).select([1, 0]),
}


@pytest.mark.parametrize("rows", [FLAT, NESTED], ids=["flat", "nested"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_variable_comes_back_exactly_with_one_fingerprint(
    container: str, rows: Any, tmp_path: Path
) -> None:
    path = tmp_path / "rows.arrow"
    snapshot = snapshot_variable(CONTAINERS[container](rows), path, "data")
    assert read_rows(path) == rows
    assert (snapshot.rows, snapshot.columns) == (2, list(rows[0]))
    assert snapshot.fingerprint == snapshot_variable(rows, tmp_path / "other.arrow", "data").fingerprint
    assert snapshot.fingerprint == fingerprint_file(path)


def test_the_fingerprint_changes_with_order_values_and_names(tmp_path: Path) -> None:
    variants = [
        FLAT,
        FLAT[::-1],
        [{**FLAT[0], "score": 1.6}, FLAT[1]],
        [{"p": row["prompt"]} for row in FLAT],
    ]
    prints = {snapshot_variable(rows, tmp_path / "x.arrow", "x").fingerprint for rows in variants}
    assert len(prints) == 4


def test_mixed_types_and_missing_keys_survive(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": ["x", 2, None]}, {"a": "one"}, {"b": {"k": [1.5]}, "c": True}]
    snapshot_variable(rows, tmp_path / "x.arrow", "x")
    assert read_rows(tmp_path / "x.arrow") == [
        {"a": 1, "b": ["x", 2, None], "c": None},
        {"a": "one", "b": None, "c": None},
        {"a": None, "b": {"k": [1.5]}, "c": True},
    ]


@pytest.mark.parametrize(
    "frame",
    [
        [{"text": "a", "tags": {1}}, {"text": "b", "tags": {2}}],
        pd.DataFrame({"text": ["a", "b"], "tags": [{1}, {2}]}),
        pd.DataFrame({"text": ["a", "b"], "tags": [1j, 2j]}),
        pl.DataFrame({"text": ["a", "b"], "tags": [object(), object()]}),
    ],
    ids=["list", "pandas", "complex", "polars"],
)
def test_a_column_that_is_never_read_may_hold_anything(frame: Any, tmp_path: Path) -> None:
    snapshot = snapshot_variable(frame, tmp_path / "x.arrow", "x")
    assert (snapshot.columns, snapshot.left_out) == (["text"], ["tags"])
    assert read_rows(tmp_path / "x.arrow") == [{"text": "a"}, {"text": "b"}]


def test_a_frame_loses_its_index_and_its_nans(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", float("nan")], "n": [1.0, float("nan")]}, index=[7, 8])
    snapshot_variable(frame, tmp_path / "x.arrow", "x")
    assert read_rows(tmp_path / "x.arrow") == [{"text": "a", "n": 1.0}, {"text": None, "n": None}]


def test_periods_and_intervals_of_a_frame_are_kept_as_text(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", "b"]})
    frame["month"] = pd.PeriodIndex(["2020-01", None], freq="M")
    frame["bin"] = pd.cut([1, 2], [0, 1, 2])
    snapshot_variable(frame, tmp_path / "x.arrow", "x")
    rows = read_rows(tmp_path / "x.arrow")
    assert [row["month"] for row in rows] == ["2020-01", None]
    assert [row["bin"] for row in rows] == ["(0, 1]", "(1, 2]"]


@pytest.mark.parametrize("nothing", [float("nan"), np.float32("nan"), pd.NA, pd.NaT], ids=repr)
@pytest.mark.parametrize("text", ["", "words"])
def test_a_missing_value_is_missing_in_a_list_as_it_is_in_a_frame(
    text: str, nothing: Any, tmp_path: Path
) -> None:
    rows = [{"text": "a", "input": nothing}, {"text": "b", "input": text or nothing}]
    for value in (rows, pd.DataFrame(rows)):
        snapshot_variable(value, tmp_path / "x.arrow", "x")
        assert [row["input"] for row in read_rows(tmp_path / "x.arrow")] == [None, text or None]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet", ".arrow"])
def test_a_missing_value_is_missing_in_every_file(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"rows{suffix}", [{"text": "a", "input": float("nan")}])
    assert read_rows(path) == [{"text": "a", "input": None}]


@pytest.mark.parametrize("container", [list, lambda rows: pd.DataFrame(rows, dtype=object)])
def test_a_text_that_is_no_unicode_is_named_by_row_and_column(container: Any, tmp_path: Path) -> None:
    rows = container([{"text": "a"}, {"text": "b \ud800"}])
    with pytest.raises(UserError, match="not valid Unicode") as caught:
        snapshot_variable(rows, tmp_path / "x.arrow", "x")
    assert caught.value.where == "$x, row 1, column 'text'"


def test_a_frame_read_from_parquet_keeps_its_messages(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(NESTED), tmp_path / "x.parquet")
    snapshot_variable(pd.read_parquet(tmp_path / "x.parquet"), tmp_path / "x.arrow", "x")
    assert read_rows(tmp_path / "x.arrow") == NESTED


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], ["no rows"]),
        (pd.DataFrame(), ["no rows"]),
        ([{"a": 1}, "b"], ["Row 1", "str"]),
        ([{"a": "x"}, {"a": object()}], ["row 1", "'a'", "object"]),
        ([{"a": [{1, 2}]}], ["row 0", "'a'", "set"]),
        (pd.DataFrame({"text": ["a"], "tools": [{1}]}), ["row 0", "'tools'", "set"]),
        ("rows.json", ["str", "without the $"]),
        ({"a": [1]}, ["dict", "pandas.DataFrame(data)"]),
        (pl.LazyFrame(FLAT), ["LazyFrame", "data.collect()"]),
        (3, ["int", "list of dicts"]),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), ["two columns named 'a'"]),
        (pl.DataFrame({"a": [object()]}), ["'a'", "Python objects"]),
        (pl.DataFrame({"a": [object()], "text": [object()]}), ["'text'", "Python objects"]),
    ],
    ids=[
        "empty",
        "empty-frame",
        "row",
        "object",
        "set",
        "read",
        "path",
        "dict",
        "LazyFrame",
        "number",
        "twice",
        "objects",
        "objects-read",
    ],
)
def test_a_variable_that_holds_no_rows_is_refused(value: Any, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        snapshot_variable(value, tmp_path / "x.arrow", "data")
    for word in words:
        assert word in str(caught.value)


def test_a_transform_that_would_not_be_applied_is_told(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_list([{"text": "a"}, {"text": "b"}])
    louder = rows.with_transform(lambda batch: {"text": [text.upper() for text in batch["text"]]})
    with pytest.raises(UserError, match="has a transform") as error:
        snapshot_variable(louder, tmp_path / "rows.arrow", "louder")
    assert "data = list(louder)" in error.value.fix
    assert list(louder) == [{"text": "A"}, {"text": "B"}]
    assert snapshot_variable(louder.with_format("numpy"), tmp_path / "rows.arrow", "plain").rows == 2


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_variable_is_described_by_type_rows_and_columns(container: str) -> None:
    info = describe_value(CONTAINERS[container](FLAT))
    assert info is not None
    assert (info.rows, info.columns) == (2, list(FLAT[0]))


@pytest.mark.parametrize("value", [[], [1], "x", {"a": 1}, None, pd.Series([1])], ids=repr)
def test_what_holds_no_rows_is_not_described(value: Any) -> None:
    assert describe_value(value) is None


def test_the_kernel_can_import_sources_without_the_heavy_libraries() -> None:
    code = "import sys, llmtune_kernel.data.variables as s; s.describe_value([{'a': 1}]); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"torch", "transformers", "datasets", "pandas", "polars", "pyarrow"} & set(loaded)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    match path.suffix:
        case ".json":
            path.write_text(json.dumps(rows, indent=1))
        case ".jsonl":
            path.write_text(
                "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8-sig"
            )
        case ".csv":
            pd.DataFrame(rows).to_csv(path, index=False)
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case ".arrow":
            table = pa.Table.from_pylist(rows)
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
    return path


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet", ".arrow"])
def test_every_kind_of_file_gives_the_same_rows(suffix: str, tmp_path: Path) -> None:
    rows = [{"prompt": "a, \u2028b", "completion": 'x\n"y"'}, {"prompt": "ü", "completion": " z "}]
    path = write(tmp_path / f"rows{suffix}", rows)
    assert read_rows(path) == rows
    assert read_rows(str(path), limit=1) == rows[:1]
    assert fingerprint_file(path) == fingerprint_file(path)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet"])
def test_nested_rows_of_files_come_back_without_invented_keys(suffix: str, tmp_path: Path) -> None:
    assert read_rows(write(tmp_path / f"rows{suffix}", NESTED)) == NESTED


def test_a_json_column_of_datasets_comes_back_as_values(tmp_path: Path) -> None:
    data = datasets.Dataset.from_dict({"a": [[{"b": 0}, {"c": "x"}]]}, on_mixed_types="use_json")
    data.to_parquet(str(tmp_path / "x.parquet"))
    snapshot_variable(data, tmp_path / "x.arrow", "x")
    assert (
        read_rows(tmp_path / "x.parquet")
        == read_rows(tmp_path / "x.arrow")
        == [{"a": [{"b": 0}, {"c": "x"}]}]
    )


def test_a_json_file_may_hold_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('{"text": "a"}\n{"text": "b"}\n')
    assert read_rows(path) == [{"text": "a"}, {"text": "b"}]


def test_a_json_file_may_hold_one_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('{\n "text": "a"\n}\n')
    assert read_rows(path) == [{"text": "a"}]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", '[{"a": 1},\n {"a": }]', ["a.json", "line 2", "not valid JSON"]),
        ("a.json", '[{"a": 1}, 3]', ["row 1", "a number"]),
        ("a.json", "[]", ["no rows"]),
        ("a.json", '{"rows":\n [1]}', ["holds one object", "array of objects"]),
        ("a.json", '{"n": 1,\n "data": [{"text": "a"}]}', ["holds one object", "under 'data'"]),
        ("a.json", "3", ["row 0", "a number"]),
        ("a.jsonl", '{"a": 1}\n\n{"a": \n', ["line 3", "not valid JSON"]),
        ("a.jsonl", '{"a": 1}\n[1]\n', ["line 2", "an array"]),
        ("a.jsonl", "", ["no rows"]),
        ("a.csv", "a,b\n1,2\n1,2,3\n", ["line 3", "3 fields", "2"]),
        ("a.csv", 'a,b\n"x" y,2\n', ["line 2", "not valid CSV"]),
        ("a.csv", "a;b\n1;2\n", ["not separated by commas"]),
        ("a.csv", "a,a\n1,2\n", ["two columns named 'a'"]),
        ("a.csv", "a,b\n", ["no rows"]),
        ("a.csv", b"a\n\xff\n", ["not UTF-8"]),
        ("a.parquet", "x", ["not a Parquet file"]),
        ("a.arrow", "x", ["not an Arrow file"]),
        ("a.doc", "x", [".jsonl", ".parquet"]),
    ],
)
def test_a_broken_file_is_told_with_its_place(
    name: str, content: str | bytes, words: list[str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        read_rows(path)
    for word in words:
        assert word in str(caught.value)


def test_a_missing_file_names_close_ones_and_a_folder_its_files(tmp_path: Path) -> None:
    write(tmp_path / "train_rows.json", [{"text": "a"}])
    with pytest.raises(UserError, match=r"Did you mean train_rows\.json\?"):
        read_rows(tmp_path / "train_row.json")
    with pytest.raises(UserError, match=r"is a folder(.|\n)*train_rows\.json"):
        read_rows(tmp_path)
    with pytest.raises(UserError, match=r"folder .* does not exist"):
        fingerprint_file(tmp_path / "nowhere" / "x.json")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the demo data sets are not here")
@pytest.mark.parametrize(
    ("name", "count"), [("alpaca_en_demo.json", 999), ("identity.json", 91), ("c4_demo.jsonl", 300)]
)
def test_real_data_sets_survive_a_snapshot(name: str, count: int, tmp_path: Path) -> None:
    rows = read_rows(SHARED / name)
    assert len(rows) == count
    snapshot_variable(rows, tmp_path / "x.arrow", "x")
    assert read_rows(tmp_path / "x.arrow") == rows


def test_of_a_dataset_dict_the_split_that_is_named_is_taken_or_train() -> None:
    one, two = (datasets.Dataset.from_list([{"text": text}]) for text in ("one", "two"))
    both = datasets.DatasetDict(train=one, test=two)
    assert split_of(both, None, "$x") is one
    assert split_of(both, "test", "$x") is two
    assert split_of(datasets.DatasetDict(dev=two), None, "$x") is two
    assert describe_value(both) == VariableInfo("datasets.DatasetDict", 1, ["text"])
    assert content_hash(both) != content_hash(datasets.DatasetDict(train=two, test=one))
    with pytest.raises(UserError, match=r"\$x has no split 'dev'(.|\n)*train, test"):
        split_of(both, "dev", "$x")
    with pytest.raises(UserError, match=r"no split 'train'(.|\n)*a, b"):
        split_of(datasets.DatasetDict(a=one, b=two), None, "$x")
    with pytest.raises(UserError, match=r"\$x has no splits"):
        split_of([{"text": "a"}], "test", "$x")
