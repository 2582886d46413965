"""The table of a source: the trainer's rows, exactly, by pages, views and summaries."""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmtune_kernel.config import UserError
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.files import read_rows
from llmtune_kernel.data.sources import Place, find_source, read_source
from llmtune_kernel.data.table import RowTable, Sort, View
from llmtune_kernel.data.table.conversion import Conversion

Open = Callable[[Path | str], RowTable]


@pytest.fixture
def open_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens tables with a cache of their own, and closes them."""
    monkeypatch.setenv("LLMTUNE_CACHE", str(tmp_path / "cache"))
    opened = []

    def open_(path: Path | str) -> RowTable:
        opened.append(RowTable(find_source(SourceConfig(source=str(path)), "data")))
        return opened[-1]

    yield open_
    for table in opened:
        table.close()


def whole(table: RowTable) -> RowTable:
    """The table once all its rows are there."""
    while not table.is_done:
        table.store.wait(table.rows, 1)
    return table


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def numbered(count: int) -> list[dict[str, Any]]:
    return [
        {"text": f"Row {number} of all", "score": (number * 7) % 100, "tags": [f"t{number % 3}"]}
        for number in range(count)
    ]


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what has no value: to have none and to be absent are the same."""
    return {name: value for name, value in row.items() if value is not None}


def found(table: RowTable, view: View) -> list[int]:
    return [int(number) for number in table.numbers(view)]


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"rows{kind}"
    match kind:
        case ".jsonl":
            path.write_text("\n\n".join(json.dumps(row) for row in rows) + "\n")
        case ".jsonl.gz":
            path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
        case ".json":
            path.write_text(json.dumps(rows, indent=1))
        case ".csv":
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(rows[0])
                writer.writerows(list(map(str, row.values())) for row in rows)
        case ".txt":
            path.write_text("\n\n".join(row["text"] for row in rows))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case ".arrow":
            with pa.OSFile(str(path), "wb") as sink:
                table = pa.Table.from_pylist(rows)
                with pa.ipc.new_file(sink, table.schema) as file:
                    file.write_table(table)
    return path


@pytest.mark.parametrize("kind", [".jsonl", ".jsonl.gz", ".json", ".csv", ".txt", ".parquet", ".arrow"])
@pytest.mark.parametrize("count", [3, 700])
def test_rows_have_the_numbers_and_values_that_the_trainer_reads(
    tmp_path: Path, open_table: Open, kind: str, count: int
) -> None:
    path = write(tmp_path, kind, numbered(count))
    table = whole(open_table(path))
    read = read_rows(path)
    page = table.page(0, 1000)
    assert page.numbers == list(range(count))
    assert (page.matching, page.is_done) == (count, True)
    assert page.rows == read
    assert table.page(count - 2, 100).rows == read[-2:]
    assert table.load(View(excluded=frozenset({0}))) == read[1:]


def test_the_first_rows_are_there_before_the_others(tmp_path: Path, open_table: Open) -> None:
    rows = numbered(60_000)
    table = open_table(write_lines(tmp_path / "rows.jsonl", rows))
    page = table.page(0, 50)
    assert page.rows == rows[:50]
    assert not page.is_done
    whole(table)
    assert table.page(54_000, 3).rows == rows[54_000:54_003]


def test_files_of_a_folder_are_counted_through(tmp_path: Path, open_table: Open) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    for number, part in enumerate(("a", "b")):
        write_lines(folder / f"{part}.jsonl", numbered(400)[number * 200 :])
    table = whole(open_table(folder))
    place = find_source(SourceConfig(source=str(folder)), "data")
    assert table.load() == list(read_source(place, None).rows)
    assert found(table, View(filter="_row = 250")) == [250]


STRANGE = [
    {"a": 1, "b": "x"},
    {"a": "one", "c": {"deep": [1, {"n": None}]}},
    {"a": 10**30, "b": "\ud800 half", "c": [1, 2.5, "3"]},
    {"": "no name", "A": "upper", "_row": 7, "n": True, 'q"uote': "'"},
    {"n": 1, "a": None, "_row": 8.5},
    {"a": True, "b": "a\nb\t\x00é😀", "c": {}},
    {"a": 2.0, "b": "", "c": []},
    {"a": -(2**63), "b": None},
    {"a": {"b": 1}, "b": {"deep": "\udfff"}},
]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".arrow"])
def test_saved_values_are_exactly_those_of_the_source(tmp_path: Path, open_table: Open, suffix: str) -> None:
    # So many that parts of a file hold other types than its beginning.
    rows = [dict(row, place=number) for number, row in enumerate(STRANGE[:2] * 150 + STRANGE * 60)]
    table = whole(open_table(write_lines(tmp_path / "strange.jsonl", rows)))
    assert [shown(row) for row in table.page(0, len(rows)).rows] == [shown(row) for row in rows]
    saved = tmp_path / f"saved{suffix}"
    assert table.save(saved) == len(rows)
    again = [shown(row) for row in read_rows(saved)]
    assert again == [shown(row) for row in rows]
    # True equals 1 as well.
    assert [row["a"] is True for row in again if "a" in row] == [
        row["a"] is True for row in rows if row.get("a") is not None
    ]


def test_a_saved_view_keeps_its_order_and_overwrites_nothing(tmp_path: Path, open_table: Open) -> None:
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", numbered(5000))))
    view = View(filter="score < 3", sort=(Sort("score", True), Sort("text")), excluded=frozenset({43}))
    expected = sorted(
        (row for number, row in enumerate(numbered(5000)) if row["score"] < 3 and number != 43),
        key=lambda row: (-row["score"], row["text"]),
    )
    saved = tmp_path / "best.jsonl"
    assert table.save(saved, view) == len(expected)
    assert read_rows(saved) == expected
    with pytest.raises(UserError, match="already"):
        table.save(saved, view)
    assert read_rows(saved) == expected
    with pytest.raises(UserError, match="suffix"):
        table.save(tmp_path / "best.docx", view)
    with pytest.raises(UserError, match="No row"):
        table.save(tmp_path / "none.jsonl", View(filter="score < 0"))
    assert not (tmp_path / "none.jsonl").exists()


def test_a_mistake_in_the_source_is_told_after_the_rows_before_it(tmp_path: Path, open_table: Open) -> None:
    path = write_lines(tmp_path / "rows.jsonl", numbered(3000))
    with path.open("a") as file:
        file.write('{"text": \n')
    table = whole(open_table(path))
    with pytest.raises(UserError) as expected:
        read_rows(path)
    assert str(table.fault) == str(expected.value)
    assert "line 3001" in str(table.fault)
    assert table.page(2999, 10).rows == numbered(3000)[2999:]
    assert found(table, View(search="row 2999")) == [2999]


def test_values_that_parquet_has_no_type_for_are_kept(tmp_path: Path, open_table: Open) -> None:
    spans = pa.array([(1, 2, 3), None], pa.month_day_nano_interval())
    columns = pa.table({"text": ["a", "b"], "span": spans})
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), columns.schema) as writer:
        writer.write_table(columns)
    table = whole(open_table(tmp_path / "rows.arrow"))
    assert table.fault is None
    assert table.load() == [{"text": "a", "span": [1, 2, 3]}, {"text": "b", "span": None}]


def test_rows_that_cannot_be_kept_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_lines(tmp_path / "rows.jsonl", numbered(3))
    place = find_source(SourceConfig(source=str(path)), "data")
    monkeypatch.setenv("LLMTUNE_CACHE", str(tmp_path / "cache"))
    no_rows: list[Any] = [None]
    conversion = Conversion(place, no_rows)
    conversion.store.wait(0, 60)
    assert conversion.store.is_done
    assert "cannot be shown" in str(conversion.store.fault)
    conversion.close()


def test_a_source_without_a_first_row_is_refused(tmp_path: Path, open_table: Open) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("[broken")
    with pytest.raises(UserError, match="not valid JSON"):
        open_table(path)


def test_a_large_json_file_that_is_broken_tells_so(tmp_path: Path, open_table: Open) -> None:
    path = tmp_path / "rows.json"
    path.write_text("[" + json.dumps({"text": "x" * 5_000_000}) + ", {]")
    table = whole(open_table(path))
    assert table.fault is not None
    assert "not valid JSON" in table.fault.what


@pytest.mark.parametrize(
    ("search", "number"),
    [
        ("HELLO", 0),
        ("a+b?", 1),
        ("ÜBER", 2),
        ('say "no"\nnow', 3),
        ("it's", 4),
        ("42.5", 5),
        ("你好", 6),
        ("\\d", 7),
    ],
)
def test_search_finds_text_in_any_column(tmp_path: Path, open_table: Open, search: str, number: int) -> None:
    rows = [
        {"text": "say hello to"},
        {"text": "is a+b? a question"},
        {"other": "über alles"},
        {"turns": [{"content": 'He: say "no"\nnow'}]},
        {"text": "it's"},
        {"value": 42.5},
        {"turns": [{"content": "你好"}]},
        {"text": "a \\d b"},
    ]
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", rows)))
    assert found(table, View(search=search)) == [number]


def test_filter_sort_and_exclusion_together(tmp_path: Path, open_table: Open) -> None:
    rows = numbered(3000)
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", rows)))
    view = View(
        search="row 1",
        filter="score >= 50 and (tags->>0) = 't1'",
        sort=(Sort("score"),),
        excluded=frozenset({1000, 1108}),
    )
    expected = [
        number
        for number, row in enumerate(rows)
        if row["text"].startswith("Row 1")
        and row["score"] >= 50
        and row["tags"] == ["t1"]
        and number not in view.excluded
    ]
    expected.sort(key=lambda number: rows[number]["score"])
    assert found(table, view) == expected
    page = table.page(5, 10, view)
    assert page.numbers == expected[5:15]
    assert page.rows == [rows[number] for number in expected[5:15]]
    assert page.matching == len(expected)


def test_rows_without_a_value_sort_last_and_equal_rows_stay_in_order(
    tmp_path: Path, open_table: Open
) -> None:
    rows: list[Any] = [{"a": 2}, {"b": 1}, {"a": 1}, {"a": 2}, {"a": None}]
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", rows)))
    assert found(table, View(sort=(Sort("a"),))) == [2, 0, 3, 1, 4]
    assert found(table, View(sort=(Sort("a", True),))) == [0, 3, 2, 1, 4]


def test_columns_without_a_name_and_those_that_differ_only_in_case_are_looked_through(
    tmp_path: Path, open_table: Open
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(",text,Text\n0,a,z\n1,b,y\n2,c,x\n")
    table = whole(open_table(path))
    assert found(table, View(filter="unnamed >= '1'")) == [1, 2]
    assert found(table, View(filter="text = 'b' AND text_2 = 'y'")) == [1]
    assert found(table, View(search="Z")) == [0]
    assert found(table, View(sort=(Sort("Text"),))) == [2, 1, 0]
    assert found(table, View(sort=(Sort("", True),))) == [2, 1, 0]
    assert table.summarize("").distinct == 3
    write_lines(tmp_path / "twice.jsonl", [{"Text": "a", "text": "bb"}] * 2)
    twice = whole(open_table(tmp_path / "twice.jsonl"))
    assert [twice.summarize(column).maximum for column in ("Text", "text")] == [1, 2]


@pytest.mark.parametrize(
    ("filter", "what", "fix"),
    [
        ("scroe > 3", 'column "scroe" not found', '"score"'),
        ("lenght(text) > 3", "lenght does not exist", 'Did you mean "length"?'),
        ("score > > 3", "syntax error", "such as length(text) > 100."),
        ("EXISTS (FROM rwos)", "rwos does not exist", "Write a condition"),
        ("text > 3", "Cannot compare", "Write a condition"),
        ('text = "Row"', 'column "Row" not found', "A text stands in single quotes: 'Row'."),
        ("tags[0].a = 't1'", "The filter does not fit", "(tags->0->>'role') = 'user'"),
        ("true; DROP TABLE x", "The filter does not fit", "Write a condition"),
        ("exists (FROM read_text('/etc/passwd'))", "disabled by configuration", ""),
    ],
)
def test_a_mistake_in_a_filter_is_one_message_with_a_hint(
    tmp_path: Path, open_table: Open, filter: str, what: str, fix: str
) -> None:
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", numbered(10))))
    with pytest.raises(UserError) as mistake:
        table.page(0, 5, View(filter=filter))
    assert what in mistake.value.what
    assert fix in mistake.value.fix
    assert "LINE 1" not in str(mistake.value)
    assert "read_parquet" not in str(mistake.value)


def test_a_filter_cannot_write_files(tmp_path: Path, open_table: Open) -> None:
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", numbered(10))))
    out = tmp_path / "out.csv"
    for filter in (f"(COPY (SELECT 1) TO '{out}')", f"true) TO '{out}' --", f"1 = 1; COPY x TO '{out}'"):
        with pytest.raises(UserError):
            table.page(0, 5, View(filter=filter))
    assert not out.exists()


def test_an_endless_filter_ends_when_another_view_is_looked_at(tmp_path: Path, open_table: Open) -> None:
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", numbered(10))))
    endless = View(filter="score + (SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 3) > 0")
    page = table.page(0, 5, endless, wait=0.1)
    assert not page.is_done
    slow = table.select(endless)
    assert found(table, View(filter="score > 90")) == []
    assert slow.is_done


def test_what_was_converted_is_there_at_once_until_the_file_changes(tmp_path: Path, open_table: Open) -> None:
    path = write_lines(tmp_path / "rows.jsonl", numbered(3000))
    whole(open_table(path)).close()
    again = open_table(path)
    assert again.is_done
    assert again.load() == numbered(3000)
    time.sleep(0.01)
    write_lines(path, numbered(3001)[1:])
    assert whole(open_table(path)).load() == numbered(3001)[1:]


def test_a_table_that_is_closed_early_leaves_nothing_behind(tmp_path: Path, open_table: Open) -> None:
    table = open_table(write_lines(tmp_path / "rows.jsonl", numbered(50_000)))
    table.close()
    assert list((tmp_path / "cache" / "tables").iterdir()) == []


def test_the_place_of_a_row_in_a_view_is_known(tmp_path: Path, open_table: Open) -> None:
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", numbered(3000))))
    looked_for = (0, 1, 2, 7, 8, 25, 2000, 2998, 2999, 3000)
    for view in (
        View(excluded=frozenset({0, 7, 2999})),
        View(search="row 2", excluded=frozenset({2, 20})),
        View(filter="score < 50", sort=(Sort("score", True), Sort("text", False))),
    ):
        numbers = table.numbers(view).tolist()
        for number in looked_for:
            place = numbers.index(number) if number in numbers else None
            assert table.place_of(number, view) == place


def test_the_summary_of_a_column_counts_the_rows_of_the_view(tmp_path: Path, open_table: Open) -> None:
    rows = [{"kind": ["good", "bad", None][n % 3], "score": n, "text": "x" * (n + 1)} for n in range(300)]
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", rows)))
    kind = table.summarize("kind")
    assert (kind.kind, kind.rows, kind.nulls, kind.distinct) == ("text", 300, 100, 2)
    assert kind.frequent == [("bad", 100), ("good", 100)]
    assert (kind.seen, kind.is_done) == (300, True)
    score = table.summarize("score", View(filter="kind = 'good'", excluded=frozenset({0})))
    assert (score.rows, score.minimum, score.maximum, score.mean) == (99, 3, 297, 150)
    text = table.summarize("text")
    assert (text.lengths, text.minimum, text.maximum) == (True, 1, 300)


def test_whole_numbers_that_a_page_cannot_hold_are_told_as_text(tmp_path: Path, open_table: Open) -> None:
    rows = [{"big": -(2**63)}, {"big": 2**63 - 1}, {"big": 7}]
    summary = whole(open_table(write_lines(tmp_path / "rows.jsonl", rows))).summarize("big")
    assert (summary.minimum, summary.maximum) == ("-9,223,372,036,854,775,808", "9,223,372,036,854,775,807")
    least = whole(open_table(write_lines(tmp_path / "more.jsonl", [{"n": -(2**53)}, {"n": 3}]))).summarize(
        "n"
    )
    assert (least.minimum, least.maximum) == (-(2**53), 3)


def test_each_column_is_found_by_the_name_that_filters_have_for_it(tmp_path: Path, open_table: Open) -> None:
    [(words,)] = duckdb.connect().execute("SELECT list(keyword_name) FROM duckdb_keywords()").fetchall()
    columns = ["", "a b", 'a"b', "Text", "text", "1st", "größe", "_row", *words]
    table = whole(
        open_table(write_lines(tmp_path / "rows.jsonl", [dict.fromkeys(columns, n) for n in range(2)]))
    )
    names = table.names
    assert (names["Text"], names["text"], names["select"], names[""]) == (
        "Text",
        "text_2",
        '"select"',
        "unnamed",
    )
    assert found(table, View(filter=" AND ".join(f"{names[column]} > 0" for column in columns))) == [1]
    wide = " + ".join(f"length({names[column]}::text)" for column in columns)
    assert found(table, View(filter=f"{wide} = {len(columns)}")) == [0, 1]


def test_different_values_are_counted_exactly_unless_the_table_is_large(
    tmp_path: Path, open_table: Open
) -> None:
    few = whole(open_table(write_lines(tmp_path / "few.jsonl", numbered(30_000)))).summarize("text")
    assert (few.distinct, few.distinct_is_exact) == (30_000, True)
    many = whole(open_table(write_lines(tmp_path / "many.jsonl", numbered(100_001)))).summarize("text")
    assert many.distinct == pytest.approx(100_001, rel=0.2)
    assert not many.distinct_is_exact


def test_columns_are_known_with_what_they_hold(tmp_path: Path, open_table: Open) -> None:
    rows = [{"t": "a", "i": 1, "f": 1.5, "b": True, "j": [1], "m": 1, "e": None}] * 300 + [
        {"m": "x", "i": 2.5}
    ] * 300
    table = whole(open_table(write_lines(tmp_path / "rows.jsonl", rows)))
    assert table.columns == {
        "t": "text",
        "i": "number",
        "f": "number",
        "b": "boolean",
        "j": "json",
        "m": "mixed",
        "e": "empty",
    }


def test_a_hub_or_variable_is_read_the_same_way(tmp_path: Path, open_table: Open) -> None:
    path = write(tmp_path, ".arrow", numbered(500))
    table = RowTable(Place(SourceConfig(source="$rows"), (path,)))
    assert whole(table).load() == numbered(500)
    table.close()
    assert list((tmp_path / "cache" / "tables").iterdir()) == []
