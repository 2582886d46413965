"""The identity of a variable's content tells changed rows from equal ones, at the price of a few of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import datasets
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from llmtune_kernel.data.identity import content_hash

Rows = list[dict[str, Any]]
CONTAINERS: dict[str, Callable[[Rows], Any]] = {
    "list": list,
    "tuple": tuple,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.Table.from_pylist,
}


def rows(count: int = 1000) -> Rows:
    return [{"prompt": f"Count to {number}", "completion": "one " * number} for number in range(count)]


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("changed", [0, -1])
def test_other_rows_have_another_hash_and_equal_rows_have_the_same(
    make: Callable[[Rows], Any], changed: int
) -> None:
    other = rows()
    other[changed] |= {"completion": other[changed]["completion"] + "!"}
    assert content_hash(make(rows())) == content_hash(make(rows())) != ""
    assert content_hash(make(other)) != content_hash(make(rows()))


def test_a_text_that_grows_in_its_middle_has_another_hash() -> None:
    short, long = ([{"text": "b" + "a" * length + "b"}] for length in (100_000, 100_001))
    assert content_hash(short) != content_hash(long)


def test_a_small_table_is_read_in_full() -> None:
    for number in range(100):
        other = rows(100)
        other[number] |= {"prompt": "?"}
        assert content_hash(other) != content_hash(rows(100))


def test_of_a_million_rows_few_are_read() -> None:
    class Counted(list[dict[str, str]]):
        read = 0

        def __getitem__(self, index: Any) -> Any:
            self.read += 1
            return super().__getitem__(index)

    many = Counted([{"text": "a"}] * 1_000_000)
    assert content_hash(many)
    assert many.read < 300


def test_it_imports_no_library() -> None:
    code = "import sys, llmtune_kernel.data.identity as i; i.content_hash([{'a': 1}]); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not {"torch", "transformers", "datasets", "pandas", "polars", "pyarrow"} & set(loaded.split())


def test_a_dataset_of_the_hub_library_is_told_by_what_was_done_to_it() -> None:
    data = datasets.Dataset.from_list(rows(10))
    assert content_hash(data) == content_hash(data) != ""
    assert content_hash(data.map(lambda row: {"prompt": row["prompt"].upper()})) != content_hash(data)


def test_rows_that_cannot_be_read_have_no_hash() -> None:
    class Broken(list[dict[str, str]]):
        def __getitem__(self, index: Any) -> Any:
            if index:
                raise IndexError("a cell took it away")
            return super().__getitem__(index)

    assert content_hash(Broken([{"text": "a"}, {"text": "b"}])) == ""
