"""Tables of data over the comm of a real kernel."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from real_kernel import Kernel

from llmtune_kernel.data.files import read_rows
from llmtune_kernel.notebook.protocol import protocol_schema


@pytest.fixture
def page(kernel: Kernel) -> str:
    """A comm as a page opens it."""
    return kernel.comm_open("llmtune", {"version": "0.1.0"})


@pytest.fixture(autouse=True)
def cache(kernel: Kernel, tmp_path: Path) -> Iterator[None]:
    """A cache of the test's own."""
    kernel.run(
        f"import os\nshared = os.environ['LLMTUNE_CACHE']\nos.environ['LLMTUNE_CACHE'] = {str(tmp_path / 'cache')!r}"
    )
    yield
    kernel.run("os.environ['LLMTUNE_CACHE'] = shared")


def check(answer: dict[str, Any], definition: str) -> Any:
    """The payload of an answer that is what the schema says."""
    schema = {"$ref": f"#/$defs/{definition}", "$defs": protocol_schema()["$defs"]}
    Draft202012Validator(schema).validate(answer)
    return answer.get("payload", answer.get("error"))


def opened(kernel: Kernel, page: str, source: str | dict[str, Any]) -> str:
    answer = kernel.ask(page, "open_table", {"source": source, "dataset_dir": "data"})
    return str(check(answer, "OpenTableReply")["table"])


def rows_of(kernel: Kernel, page: str, table: str, first: int, view: dict[str, Any]) -> Any:
    """A page of a view when all its rows are known."""
    while True:
        wanted = {"table": table, "first": first, "count": 10, "view": view}
        found = check(kernel.ask(page, "table_page", wanted), "TablePageReply")
        if found["is_done"]:
            return found
        time.sleep(0.05)


def refused(kernel: Kernel, page: str, type: str, payload: dict[str, Any]) -> str:
    return str(check(kernel.ask(page, type, payload), "ErrorReply")["what"])


def test_a_conversation_is_shown_as_who_says_what(kernel: Kernel, page: str) -> None:
    kernel.run(
        "turns = [{'from': 'human', 'value': 'Hi'}, {'from': 'gpt', 'value': 'Hello.'}]\n"
        "call = {'id': 'c', 'function': {'name': 'weather', 'arguments': '{\"city\": \"Rome\"}'}}\n"
        "asking = [{'role': 'user'}, {'role': 'assistant', 'tool_calls': [call]}]\n"
        "talks = [{'conversations': turns, 'n': [1, 2]}, {'conversations': asking, 'n': '[1]'}]"
    )
    shown = rows_of(kernel, page, opened(kernel, page, "$talks"), 0, {})
    assert shown["cells"] == [
        ["user: Hi · assistant: Hello.", "[1, 2]"],
        ['user:  · assistant: weather(city="Rome")', "[1]"],
    ]


def test_a_variable_is_searched_filtered_and_saved_as_another(kernel: Kernel, page: str) -> None:
    kernel.run(
        "rows = [{'text': f'row {n} ' + 'long ' * 100, 'score': n, 'turns': [{'n': n}]} for n in range(300)]"
    )
    table = opened(kernel, page, "$rows")
    first = rows_of(kernel, page, table, 290, {})
    assert [column["name"] for column in first["columns"]] == ["text", "score", "turns"]
    assert first["numbers"] == list(range(290, 300))
    assert (first["matching"], first["rows"], first["is_whole"]) == (300, 300, True)
    text, score, turns = first["cells"][0]
    assert text.startswith("row 290 long")
    assert len(text) == 301
    assert (score, turns) == ("290", '[{"n": 290}]')
    view = {
        "search": "ROW 1",
        "filter": "score < 15",
        "sort": [{"column": "score", "descending": True}],
        "excluded": [13],
    }
    found = rows_of(kernel, page, table, 0, view)
    assert found["numbers"] == [14, 12, 11, 10, 1]
    saved = check(
        kernel.ask(page, "save_table", {"table": table, "view": view, "variable": "best"}), "SaveTableReply"
    )
    assert saved == {"rows": 5, "source": "$best"}
    kernel.run("assert best == [rows[n] for n in (14, 12, 11, 10, 1)]")
    again = {"table": table, "view": view, "variable": "best"}
    assert "best already" in refused(kernel, page, "save_table", again)
    assert "no name" in refused(kernel, page, "save_table", {**again, "variable": "two words"})
    summary = check(
        kernel.ask(page, "column_summary", {"table": table, "column": "score", "view": view}),
        "ColumnSummaryReply",
    )
    assert (summary["rows"], summary["minimum"], summary["maximum"]) == (5, 1, 14)


def test_a_file_is_opened_and_saved_as_another(kernel: Kernel, page: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(2000)))
    table = opened(kernel, page, {"source": str(path)})
    view = {"filter": "text LIKE '%99'"}
    assert rows_of(kernel, page, table, 0, view)["matching"] == 20
    target = tmp_path / "some.parquet"
    wanted = {"table": table, "view": view, "file": str(target)}
    assert check(kernel.ask(page, "save_table", wanted), "SaveTableReply")["source"] == str(target)
    assert [row["text"] for row in read_rows(target)][:2] == ["row 99", "row 199"]
    assert "already" in refused(kernel, page, "save_table", wanted)


def test_what_is_saved_of_a_registered_name_is_read_as_the_name_says(
    kernel: Kernel, page: str, tmp_path: Path
) -> None:
    (tmp_path / "rows.json").write_text(json.dumps([{"ask": "a", "say": "b"}, {"ask": "c", "say": "d"}]))
    columns = {"prompt": "ask", "response": "say"}
    registry = {"mine": {"file_name": "rows.json", "columns": columns}}
    (tmp_path / "dataset_info.json").write_text(json.dumps(registry))
    asked = {"source": "mine", "dataset_dir": str(tmp_path)}
    table = check(kernel.ask(page, "open_table", asked), "OpenTableReply")["table"]
    wanted = {"table": table, "view": {"search": "c"}, "variable": "registered_rows"}
    saved = check(kernel.ask(page, "save_table", wanted), "SaveTableReply")["source"]
    assert saved["source"] == "$registered_rows"
    assert (saved["columns"]["instruction"], saved["columns"]["output"]) == ("ask", "say")


def has_changed(kernel: Kernel, page: str, table: str) -> bool:
    wanted = {"table": table, "first": 0, "count": 0}
    return bool(check(kernel.ask(page, "table_page", wanted), "TablePageReply")["has_changed"])


def test_a_file_that_is_edited_or_gone_is_told_and_not_saved_from(
    kernel: Kernel, page: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n')
    table = opened(kernel, page, str(path))
    assert not has_changed(kernel, page, table)
    path.write_text('{"text": "one"}\n{"text": "other"}\n')
    assert has_changed(kernel, page, table)
    wanted = {"table": table, "file": str(tmp_path / "saved.jsonl")}
    assert "have changed" in refused(kernel, page, "save_table", wanted)
    assert not (tmp_path / "saved.jsonl").exists()
    table = opened(kernel, page, str(path))
    assert not has_changed(kernel, page, table)
    path.unlink()
    assert has_changed(kernel, page, table)


def test_a_folder_with_another_file_holds_other_rows(kernel: Kernel, page: str, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"text": "one"}\n')
    table = opened(kernel, page, str(folder))
    assert not has_changed(kernel, page, table)
    (folder / "b.jsonl").write_text('{"text": "two"}\n')
    assert has_changed(kernel, page, table)


def test_a_variable_that_is_changed_in_place_is_told(kernel: Kernel, page: str) -> None:
    kernel.run("changing = [{'text': f'row {n}'} for n in range(10)]")
    table = opened(kernel, page, "$changing")
    kernel.run("same = list(changing); changing = same")
    assert not has_changed(kernel, page, table)
    kernel.run("changing[3]['text'] = 'other'")
    assert has_changed(kernel, page, table)
    assert "have changed" in refused(kernel, page, "save_table", {"table": table, "variable": "stale_rows"})
    kernel.run("assert 'stale_rows' not in globals()")
    kernel.run("del changing")
    assert has_changed(kernel, page, table)


def test_only_rows_that_are_the_same_stay_left_out_when_a_source_is_read_anew(
    kernel: Kernel, page: str
) -> None:
    kernel.run("left = [{'text': f'row {n}'} for n in range(400)]")
    first = check(
        kernel.ask(page, "open_table", {"source": "$left", "dataset_dir": "data"}), "OpenTableReply"
    )
    assert first["excluded"] == []

    def again(table: str | None, excluded: list[int]) -> Any:
        before = {"table": table, "content": first["content"], "excluded": excluded}
        asked = {"source": "$left", "dataset_dir": "data", "before": before}
        return check(kernel.ask(page, "open_table", asked), "OpenTableReply")["excluded"]

    chosen = [2, 5, 300, 399]
    assert again(first["table"], chosen) == chosen
    assert again(None, chosen) == chosen
    kernel.run("del left[300]; left[2] = {'text': 'other'}")
    assert again(first["table"], chosen) == [5]
    assert again(None, chosen) == []


def test_mistakes_are_told_as_such(kernel: Kernel, page: str, tmp_path: Path) -> None:
    gone = {"source": str(tmp_path / "gone.jsonl"), "dataset_dir": "data"}
    assert "gone.jsonl" in refused(kernel, page, "open_table", gone)
    assert "no variable" in refused(kernel, page, "open_table", {"source": "$gone", "dataset_dir": "data"})
    kernel.run("rows = [{'text': 'a'}]")
    table = opened(kernel, page, "$rows")
    view = {"filter": "txt = 'a'"}
    assert '"txt" not found' in refused(
        kernel, page, "table_page", {"table": table, "first": 0, "count": 5, "view": view}
    )
    kernel.ask(page, "close_table", {"table": table})
    assert "closed" in refused(kernel, page, "table_page", {"table": table, "first": 0, "count": 5})


def test_rows_before_a_mistake_in_a_file_are_not_saved_as_if_they_were_all(
    kernel: Kernel, page: str, tmp_path: Path
) -> None:
    lines = [json.dumps({"text": f"row {n}"}) for n in range(3000)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([*lines, '{"text": ', *lines]))
    table = opened(kernel, page, {"source": str(path)})
    for view in ({}, {"search": "row 1"}):
        for target in ({"file": str(tmp_path / "saved.jsonl")}, {"variable": "saved_rows"}):
            wanted = {"table": table, "view": view, **target}
            mistake = check(kernel.ask(page, "save_table", wanted), "ErrorReply")
            assert "line 3001" in mistake["where"]
    assert not (tmp_path / "saved.jsonl").exists()
    kernel.run("assert 'saved_rows' not in globals()")


def test_columns_that_cannot_be_kept_are_named(kernel: Kernel, page: str) -> None:
    kernel.run("rows = [{'text': 'a', 'seen': {1}, 'made': object()}]")
    answer = kernel.ask(page, "open_table", {"source": "$rows", "dataset_dir": "data"})
    assert check(answer, "OpenTableReply")["left_out"] == ["seen", "made"]


def test_a_long_cell_is_cut_between_letters(kernel: Kernel, page: str) -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    texts = [
        "a" * (300 - n) + letter * 20
        for n in range(1, 4)
        for letter in (family, "e\u0301", "\U0001f44d\U0001f3fd")
    ]
    kernel.run(f"rows = [{{'text': text}} for text in {texts!r}]")
    cells = [row[0] for row in rows_of(kernel, page, opened(kernel, page, "$rows"), 0, {})["cells"]]
    for text, cell in zip(texts, cells, strict=True):
        assert cell == text[: len(cell) - 1] + "…"
        following = text[len(cell) - 1]
        assert following in ("a", family[0], "e", "\U0001f44d")
        assert cell[-2] != "\u200d"
        assert 200 < len(cell) <= 301


def test_a_mistake_in_the_format_names_a_row_by_its_number_in_the_source(kernel: Kernel, page: str) -> None:
    kernel.run(
        "rows = [{'messages': [{'role': 'user', 'content': 'a'}, {'role': 'assistant', 'content': 'b'}]}] * 300\n"
        "rows[250] = {**rows[0], 'conversations': rows[0]['messages']}"
    )
    wanted = {"table": opened(kernel, page, "$rows"), "number": 250, "text": "data: $rows"}
    mistake = check(kernel.ask(page, "table_row", wanted), "ErrorReply")
    assert "mean the same" in mistake["what"]
    assert mistake["where"] == "row 250"


def test_the_tables_of_a_page_end_with_it(kernel: Kernel, page: str, tmp_path: Path) -> None:
    kernel.run("rows = [{'text': 'a'}] * 300")
    table = opened(kernel, page, "$rows")
    rows_of(kernel, page, table, 0, {"search": "a"})
    tables = tmp_path / "cache" / "tables"
    assert list(tables.iterdir())
    kernel.comm_close(page)
    kernel.wait(lambda: not list(tables.iterdir()))


def test_a_row_is_shown_as_the_trainer_sees_it(kernel: Kernel, page: str) -> None:
    kernel.run(
        "rows = [{'ask': f'What is {n}?', 'say': f'It is {n}.', 'n': n} for n in range(300)] + [{'ask': 'a'}]"
    )
    table = opened(kernel, page, "$rows")
    text = "data:\n  train: $rows\n  columns: {prompt: ask, completion: say}\n  max_length: 64\n"
    wanted = {"table": table, "number": 299, "text": text}
    row = check(kernel.ask(page, "table_row", wanted), "TableRowReply")
    assert row["values"] == {"ask": "What is 299?", "say": "It is 299.", "n": "299"}
    assert (row["format"], row["problem"]) == ("prompt_completion", None)
    assert row["model"] == "smollm2-135m"
    [side] = row["sides"]
    learned = "".join("".join(side["pieces"][start:stop]) for start, stop in side["trained"])
    assert learned == "It is 299.<|im_end|>"
    assert [turn["text"] for turn in side["turns"]] == ["What is 299?", "It is 299."]
    bad = check(kernel.ask(page, "table_row", {**wanted, "number": 300}), "TableRowReply")
    assert bad["problem"] == "row 300: say is missing"
    assert "no row 301" in refused(kernel, page, "table_row", {**wanted, "number": 301})
    broken = {**wanted, "text": "data: [\n"}
    assert refused(kernel, page, "table_row", broken)


def test_a_mistake_in_how_it_is_trained_keeps_nobody_from_looking_at_rows(kernel: Kernel, page: str) -> None:
    kernel.run("rows = [{'prompt': 'Hi', 'completion': 'Hello.'}]")
    wanted = {"table": opened(kernel, page, "$rows"), "number": 0}
    text = "data: $rows\ntraining: {learning_rate: fast}\nmethot: lora\n"
    row = check(kernel.ask(page, "table_row", {**wanted, "text": text}), "TableRowReply")
    assert row["problem"] is None
    wrong = {**wanted, "text": "data: {train: $rows, max_length: long}\ntraining: {learning_rate: fast}\n"}
    said = refused(kernel, page, "table_row", wrong)
    assert "max_length" in said
    assert "learning_rate" not in said
    assert "line" not in said


def test_the_next_row_that_is_left_out_is_found_in_the_order_of_the_view(kernel: Kernel, page: str) -> None:
    kernel.run(
        "rows = [{'prompt': f'What is {n}?', 'completion': '' if n in (5, 1200) else 'It.'} for n in range(1500)]"
    )
    table = opened(kernel, page, "$rows")
    wanted = {"table": table, "text": "data: $rows"}

    def found(first: int, **view: Any) -> list[int]:
        places = []
        for _ in range(10):
            asked = {**wanted, "first": first, "view": view}
            answer = check(kernel.ask(page, "table_problem", asked), "TableProblemReply")
            first = answer["next"]
            if answer["place"] is not None:
                places.append(answer["place"])
            elif answer["is_done"]:
                return places
        raise AssertionError(places)

    assert found(0) == [5, 1200]
    assert found(6) == [1200]
    assert found(0, filter="_row >= 1000", sort=[{"column": "prompt", "descending": True}]) == [299]
    assert found(0, excluded=[0, 5]) == [1198]
