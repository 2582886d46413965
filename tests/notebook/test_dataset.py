"""What `%dataset` gives to code, in a real kernel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from real_kernel import Kernel

ROWS = [{"prompt": f"Say {n}.", "completion": " ".join(["word"] * n)} for n in range(40)]


def succeed(kernel: Kernel, code: str) -> str:
    """Run a cell that must not fail; returns the id of its request."""
    cell = kernel.start(code)
    assert kernel.reply(cell)["content"]["status"] == "ok", kernel.text(cell)
    return cell


def fail(kernel: Kernel, code: str) -> str:
    """The message with which a cell fails."""
    cell = kernel.start(code)
    assert kernel.reply(cell)["content"]["status"] == "error"
    return kernel.text(cell)


@pytest.fixture
def data(kernel: Kernel, tmp_path: Path, tiny_model: str) -> Path:
    """A file of rows, and `d`, what %dataset makes of it; row 0 has no answer."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    succeed(kernel, f"d = %dataset {path} --model {tiny_model}")
    return path


def test_rows_lengths_and_problems_are_those_of_the_trainer(kernel: Kernel, data: Path) -> None:
    succeed(kernel, f"import json; rows = [json.loads(line) for line in open({str(data)!r})]")
    succeed(kernel, "assert (len(d), d.rows) == (40, rows)")
    succeed(
        kernel,
        "assert d.problems[['row', 'column', 'reason']].values.tolist() == [[0, 'completion', 'is empty']]",
    )
    succeed(kernel, "assert d.lengths.index.tolist() == list(range(1, 40))")
    succeed(kernel, "assert d.lengths.is_monotonic_increasing and d.lengths[39] - d.lengths[29] == 10")


def test_columns_that_cannot_be_kept_are_told_where_rows_are_read(kernel: Kernel, tiny_model: str) -> None:
    succeed(kernel, "kept = [{'text': 'Once upon a time.', 'seen': {1}}] * 3")
    succeed(kernel, f"d = %dataset $kept --model {tiny_model}")
    succeed(kernel, "import warnings\nwith warnings.catch_warnings(record=True) as said:\n    d.rows")
    succeed(kernel, "assert 'seen' in str(said[0].message) and list(d.rows[0]) == ['text']")


def test_rows_are_filtered_split_and_named(kernel: Kernel, data: Path) -> None:
    succeed(
        kernel,
        "long = d.filter('length(completion) > 150').rows; assert [row['prompt'] for row in long] == "
        "[f'Say {n}.' for n in range(31, 40)]",
    )
    succeed(kernel, "rows = d.rows; assert d.filter(lambda row: row['prompt'] == 'Say 7.').rows == [rows[7]]")
    succeed(kernel, "train, held = d.split(0.25, seed=1); assert (len(train), len(held)) == (30, 10)")
    succeed(kernel, "assert sorted(map(str, train.rows + held.rows)) == sorted(map(str, rows))")
    succeed(kernel, "few = d.filter('length(completion) between 1 and 40'); few.to_variable('few_rows')")
    succeed(
        kernel, "assert few_rows == few.rows and len(few.lengths) == len(few) == 8 and few.problems.empty"
    )
    assert "few_rows already" in fail(kernel, "few.to_variable('few_rows')")
    assert "word of Python" in fail(kernel, "few.to_variable('print')")
    assert "No row fits" in fail(kernel, "d.filter(lambda row: False)")
    assert "No row fits" in fail(kernel, "d.filter('false')")
    assert "is no condition" in fail(kernel, "d.filter(3)")
    assert "complexion" in fail(kernel, "d.filter('complexion = 1')")
    assert "between 0 and 1" in fail(kernel, "d.split(2)")
    assert "between 0 and 1; got 'x'" in fail(kernel, "d.split('x')")
    assert "'3' is no name of a variable" in fail(kernel, "d.to_variable(3)")
    assert "Begin with a letter" in fail(kernel, "d.to_variable('1a')")
    succeed(kernel, "del few_rows")


def test_parts_of_registered_rows_are_read_as_all_are(
    kernel: Kernel, tmp_path: Path, tiny_model: str
) -> None:
    rows = [{"q": f"Say {n}.", "a": "word " * (n + 1)} for n in range(10)]
    entry = {"file_name": "mine.json", "columns": {"prompt": "q", "response": "a"}}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset_info.json").write_text(json.dumps({"mine": entry}))
    (tmp_path / "data" / "mine.json").write_text(json.dumps(rows))
    succeed(kernel, f"import os; before = os.getcwd(); os.chdir({str(tmp_path)!r})")
    try:
        succeed(kernel, f"e = %dataset mine --model {tiny_model}")
        succeed(kernel, "assert len(e.filter('length(a) > 10').problems) == 0")
        succeed(kernel, "assert [len(part.lengths) for part in e.split(0.2)] == [8, 2]")
    finally:
        succeed(kernel, "os.chdir(before)")


def test_options_say_which_split_and_which_columns_are_meant(kernel: Kernel, tiny_model: str) -> None:
    succeed(
        kernel,
        "from datasets import Dataset, DatasetDict\n"
        "parts = DatasetDict({part: Dataset.from_list([{'q': part, 'a': 'yes'}]) for part in ('dev', 'test')})",
    )
    assert "Name one of its splits: dev, test" in fail(kernel, f"%dataset $parts --model {tiny_model}")
    columns = "--columns prompt=q completion=a"
    succeed(kernel, f"s = %dataset $parts --split test {columns} --model {tiny_model}")
    succeed(kernel, "assert s.rows == [{'q': 'test', 'a': 'yes'}] and len(s.lengths) == 1")
    assert "'q' does not say which column is what" in fail(kernel, "%dataset $parts --columns q")


def test_a_name_means_what_a_run_would_read(kernel: Kernel, tmp_path: Path, tiny_model: str) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "rows.jsonl").write_text(json.dumps(ROWS[1]) + "\n")
    succeed(kernel, f"import os; before = os.getcwd(); os.chdir({str(tmp_path)!r})")
    succeed(kernel, f"named = unnamed = {ROWS[:3]!r}".replace("null", "None"))
    try:
        succeed(kernel, f"f = %dataset named --model {tiny_model}\nassert len(f) == 1")
        succeed(kernel, f"v = %dataset unnamed --model {tiny_model}\nassert len(v) == 3")
        succeed(kernel, f"w = %dataset $named --model {tiny_model}\nassert len(w) == 3")
    finally:
        succeed(kernel, "os.chdir(before)")


def test_rows_that_were_chosen_say_how_they_become_a_variable(kernel: Kernel, data: Path) -> None:
    succeed(kernel, "chosen = d.filter('length(completion) > 140')")
    assert 'chosen.to_variable("data"), then use $data' in fail(kernel, "%dataset $chosen")
    succeed(kernel, "one = d.filter(lambda row: row['prompt'] == 'Say 3.')")
    assert "One row cannot be split" in fail(kernel, "one.split()")
    succeed(kernel, "assert repr(one).startswith('Dataset of 1 row:')")


def test_what_changes_is_read_again(kernel: Kernel, tmp_path: Path, tiny_model: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    succeed(kernel, f"import json; mine = [json.loads(line) for line in open({str(path)!r})]")
    succeed(kernel, f"f = %dataset {path} --model {tiny_model}\nv = %dataset $mine --model {tiny_model}")
    for name in ("f", "v"):
        succeed(kernel, f"assert len({name}) == len({name}.rows) == 40 and len({name}.problems) == 1")
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:30]))
    succeed(kernel, "mine[0]['completion'] = 'None.'; del mine[30:]")
    succeed(kernel, "assert (len(f), len(f.rows), len(f.problems), len(f.lengths)) == (30, 30, 1, 29)")
    succeed(kernel, "assert (len(v), len(v.rows), len(v.problems), len(v.lengths)) == (30, 30, 0, 30)")
    succeed(kernel, "assert v.rows == mine and v.filter('length(completion) > 140').rows == mine[29:]")
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:30]) + "{")
    for code in ("f.rows", "f.filter('length(completion) > 140')"):
        assert "rows.jsonl, line 31" in fail(kernel, code)


def test_of_rows_that_are_drawn_all_are_there_and_those_drawn_are_measured(
    kernel: Kernel, tmp_path: Path, tiny_model: str
) -> None:
    (tmp_path / "data").mkdir()
    entry = {"file_name": "mine.json", "num_samples": 10}
    (tmp_path / "data" / "dataset_info.json").write_text(json.dumps({"drawn": entry}))
    (tmp_path / "data" / "mine.json").write_text(json.dumps(ROWS))
    succeed(kernel, f"n = %dataset drawn --model {tiny_model} --dataset-dir {tmp_path / 'data'}")
    succeed(kernel, "assert len(n) == len(n.rows) == 40 and len(n.lengths) + len(n.problems) == 10")
    succeed(kernel, "row = n.lengths.index[-1]; assert n.rows[row]['prompt'] == f'Say {row}.'")
    succeed(kernel, "assert n.lengths.idxmax() == row")


def test_the_folder_of_registered_names_stays_when_the_kernel_works_elsewhere(
    kernel: Kernel, data: Path, tmp_path: Path, tiny_model: str
) -> None:
    (tmp_path / "dataset_info.json").write_text(json.dumps({"registered": {"file_name": data.name}}))
    succeed(kernel, f"import os; before = os.getcwd(); os.chdir({str(tmp_path)!r})")
    succeed(kernel, f"n = %dataset registered --model {tiny_model} --dataset-dir .")
    succeed(kernel, "os.chdir(before)")
    succeed(kernel, "assert n.rows == d.rows and len(n.lengths) == 39")


def test_a_path_stays_when_the_kernel_works_elsewhere(kernel: Kernel, data: Path, tiny_model: str) -> None:
    succeed(kernel, f"import os; before = os.getcwd(); os.chdir({str(data.parent)!r})")
    succeed(kernel, f"p = %dataset {data.name} --model {tiny_model}")
    succeed(kernel, "os.chdir(before)")
    succeed(kernel, "assert p.rows == d.rows and len(p.lengths) == 39")


def test_it_is_shown_once_in_its_cell_and_again_where_it_is_asked_for(
    kernel: Kernel, data: Path, tiny_model: str
) -> None:
    first = succeed(kernel, f"%dataset {data} --model {tiny_model}")
    again = succeed(kernel, "d")
    histogram = "application/vnd.plotly.v1+json"
    for cell in (first, again):
        shown = kernel.of(cell, "display_data", "update_display_data", "execute_result")
        assert sum(histogram in message["content"]["data"] for message in shown) == 1
