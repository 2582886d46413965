"""JSON files are read as they are needed, and mean what they mean when read as a whole."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtune_kernel.config import UserError
from llmtune_kernel.data import json_files
from llmtune_kernel.data.files import read_rows, stream_rows
from llmtune_kernel.data.json_text import reason_of

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
ROWS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), min_size=1, max_size=5)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read a few characters at a time."""
    monkeypatch.setattr(json_files, "_PIECE", 24)


SHARED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SHARED
@given(rows=ROWS, indent=st.sampled_from([None, 0, 3]), exact=st.booleans())
def test_an_array_in_pieces_is_the_array(
    rows: list[dict[str, Any]], indent: int | None, exact: bool, small_pieces: None, tmp_path: Path
) -> None:
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows, indent=indent, ensure_ascii=exact), encoding="utf-8")
    assert read_rows(file) == rows


@SHARED
@given(
    rows=ROWS,
    indent=st.sampled_from([None, 0]),
    place=st.integers(0),
    put=st.sampled_from(["", "}", '"', ",,"]),
)
def test_a_broken_array_is_named_by_the_line_that_the_whole_would_be(
    rows: list[dict[str, Any]], indent: int | None, place: int, put: str, small_pieces: None, tmp_path: Path
) -> None:
    text = json.dumps(rows, indent=indent)
    place = 1 + place % (len(text) - 1)
    text = text[:place] + put + text[place + 1 :]
    file = tmp_path / "rows.json"
    file.write_text(text, encoding="utf-8")
    broken = None
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        broken = error
    if broken is None:
        if whole and all(isinstance(row, dict) for row in whole):
            # A name of which half a letter was taken is none.
            if all(letter < "\ud800" or letter > "\udfff" for row in whole for letter in "".join(row)):
                assert read_rows(file) == whole
            else:
                with pytest.raises(UserError, match="not valid Unicode"):
                    read_rows(file)
        return
    with pytest.raises(UserError) as caught:
        read_rows(file)
    if "is not valid JSON" in caught.value.what:  # else a row before it is no object
        assert f", line {broken.lineno}" in caught.value.where
        assert reason_of(broken) in caught.value.what or "more follows" in caught.value.what


def test_the_first_rows_of_a_large_array_take_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    row = json.dumps({"text": "x" * 1000})
    file.write_text("[" + ",\n".join([row] * 40_000) + "]")
    tracemalloc.start()
    assert len(list(itertools.islice(stream_rows(file), 100))) == 100
    assert sum(1 for _ in stream_rows(file)) == 40_000
    assert tracemalloc.get_traced_memory()[1] < file.stat().st_size / 4
    tracemalloc.stop()


def test_lines_in_a_file_that_is_called_json_are_read_as_they_go(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text("\n" + (json.dumps({"text": "x" * 1000}) + "\n") * 40_000)
    tracemalloc.start()
    assert sum(1 for _ in stream_rows(file)) == 40_000
    assert tracemalloc.get_traced_memory()[1] < file.stat().st_size / 4
    tracemalloc.stop()


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_is_read_from_a_file_of_lines_too(indent: int | None, tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": "b"}]
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows, indent=indent))
    assert read_rows(tmp_path / "rows.jsonl") == rows
