"""Notebook variables as data: named in the configuration, or given as objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmtune_kernel import finetune
from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.data.files import read_rows
from llmtune_kernel.notebook.variables import data_writers, look_up

ROWS = [{"prompt": "a", "completion": "b"}]


@pytest.mark.parametrize("source", ["rows", "rowz"])
def test_a_file_that_is_not_there_may_be_meant_as_a_variable(runs_home: Path, source: str) -> None:
    with pytest.raises(UserError, match=f"no file and no data set '{source}'") as caught:
        data_writers(config_from_dict({"data": source}), {"rows": ROWS, "rowed": "text"})
    assert caught.value.where == f"data.train: {source}"
    assert caught.value.fix == "Did you mean $rows?"


def test_an_object_without_a_variable_is_called_by_its_place(runs_home: Path) -> None:
    with pytest.raises(UserError, match=r"data\.eval has no rows") as caught:
        finetune(data={"train": ROWS, "eval": []}, show=False)
    assert caught.value.where == "data.eval"


def test_an_empty_variable_is_called_by_its_name(runs_home: Path, tmp_path: Path) -> None:
    writers = data_writers(config_from_dict({"data": "$rows"}), {"rows": []})
    with pytest.raises(UserError, match=r"\$rows has no rows"):
        writers["rows"](tmp_path / "rows.arrow")


def test_splits_of_one_dataset_dict_may_be_different_sources(tmp_path: Path) -> None:
    import datasets

    splits = {name: datasets.Dataset.from_list([{"text": name}]) for name in ("train", "test")}
    given = {"train": "$both", "eval": {"source": "$both", "split": "test"}}
    writers = data_writers(config_from_dict({"data": given}), {"both": datasets.DatasetDict(splits)})
    assert list(writers) == ["both", "both[test]"]
    for key, text in (("both", "train"), ("both[test]", "test")):
        writers[key](tmp_path / "x.arrow")
        assert read_rows(tmp_path / "x.arrow") == [{"text": text}]


def test_for_a_variable_like_no_other_those_with_the_most_rows_are_offered() -> None:
    row = {"prompt": "a", "completion": "b"}
    namespace = {"a": [], "b": [row], "c": [row] * 2, "d": [row] * 4, "e": [row] * 3}
    with pytest.raises(UserError) as caught:
        look_up("something", namespace, "data.train")
    assert [change.value for change in caught.value.changes] == ["$d", "$e", "$c"]
