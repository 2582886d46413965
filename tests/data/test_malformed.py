"""Whatever is wrong with data, one message says in which file, in which row or line, and why."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.data.sources import find_sources
from llmtune_kernel.worker.reading import read_split

GOOD = {"prompt": "Q", "completion": "A"}
USER, ANSWER = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}
ASKED, SAID = {"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}


def lines(*rows: Any) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)


def array(*rows: Any) -> bytes:
    return json.dumps(rows, indent=0).encode()


def after_good(row: Any) -> bytes:
    """Rows of which the third, row 2, is wrong."""
    return lines(GOOD, GOOD, row)


def turns(*messages: Any) -> bytes:
    return lines({"messages": [USER, ANSWER]}, {"messages": list(messages)})


def talk(*said: Any) -> bytes:
    return lines({"conversations": [ASKED, SAID]}, {"conversations": list(said)})


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def not_unicode(row: int) -> pa.Table:
    """Texts of which one is none."""
    texts = pa.array([*[b"ok"] * row, b"\xff"], pa.binary())
    return pa.table({"text": pa.StringArray.from_buffers(len(texts), *texts.buffers()[1:])})


def damaged() -> bytes:
    """A text that is said to end far outside of the file."""
    ends = [end.to_bytes(4, "little") for end in (1077, 2**30)]
    content = arrow(pa.table({"text": ["a" * 1077]}))
    place = content.rindex(bytes(4) + ends[0])
    return content[: place + 4] + ends[1] + content[place + 8 :]


def call(**function: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": function}]}


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _level in range(depth):
        inner = {"a": inner}
    return inner


TOOL = {"messages": [USER, ANSWER], "tools": [{"name": "f", "parameters": {}}]}

# File, content, where in it, and what is said of it.
CASES: list[tuple[str, bytes, str, str]] = [
    # Broken JSON.
    ("a.jsonl", lines(GOOD, b'{"prompt": "Q", '), "line 2", "not valid JSON"),
    ("a.jsonl", lines(GOOD, b"", b"", b"{]"), "line 4", "not valid JSON"),
    ("a.jsonl", lines(GOOD, b'{"prompt": "a\tb"}'), "line 2", "not valid JSON: Invalid control character."),
    ("a.jsonl", lines(GOOD, b"{'prompt': 'Q'}"), "line 2", "not valid JSON"),
    ("a.jsonl", lines(GOOD, b'{"prompt": "Q"} {"prompt": "Q"}'), "line 2", "not valid JSON"),
    ("a.jsonl", lines(GOOD, b'{"prompt": "\\x"}'), "line 2", "not valid JSON"),
    ("a.jsonl", lines(GOOD, b'{"prompt": "\0"}'), "line 2", "not valid JSON"),
    ("a.jsonl", lines(GOOD, b'{"prompt": 1e}'), "line 2", "not valid JSON"),
    ("a.jsonl", lines(b"prompt,completion", b"Q,A"), "line 1", "not valid JSON"),
    ("a.jsonl", lines(b"<html>"), "a.jsonl", "is a web page, not the data"),
    ("a.parquet", b" <!DOCTYPE HTML>\n<title>Login</title>", "a.parquet", "is a web page, not the data"),
    ("a.jsonl", lines(b"version https://git-lfs.github.com/spec/v1"), "a.jsonl", "pointer of Git LFS"),
    ("a.parquet", lines(b"version https://git-lfs.github.com/spec/v1"), "a.parquet", "pointer of Git LFS"),
    ("a.jsonl", lines(GOOD, b"[" * 100_000), "line 2", "not valid JSON"),
    (
        "a.json",
        b'[{"prompt": "Q", "completion": "A"},\n{"prompt": "Q" "completion": "A"}]',
        "line 2",
        "not valid JSON",
    ),
    ("a.json", b'[{"prompt": "Q", "completion": "A"},\n]', "line 2", "not valid JSON"),
    ("a.json", b'[{"prompt": "Q", "completion": "A"}\n', "line 2", "not valid JSON"),
    ("a.json", b'[{"prompt": "Q", // why\n "completion": "A"}]', "line 1", "not valid JSON"),
    ("a.json", b"[" * 100_000, "line 1", "not valid JSON"),
    ("a.json", b"", "", "no rows"),
    ("a.json", b"   \n", "", "no rows"),
    ("a.json", b"null", "row 0", "is null, not an object"),
    ("a.json", b'"text"', "row 0", "is a string, not an object"),
    ("a.json", b"[[1]]", "row 0", "is an array, not an object"),
    ("a.json", b"[]", "", "no rows"),
    ("a.json", b"[{}]", "", "fit no format"),
    ("a.jsonl", b'{"text": ' + b"1" * 5000 + b"}", "line 1", "a number has too many digits"),
    ("a.json", b'{"rows": [{"prompt": "Q"}]}', "", "holds one object"),
    ("a.json", array(GOOD, 3), "row 1", "is a number, not an object"),
    ("a.json", array(GOOD, None), "row 1", "is null, not an object"),
    ("a.json", array(GOOD, True), "row 1", "is a boolean, not an object"),
    ("a.jsonl", lines(GOOD, "text"), "line 2", "is a string, not an object"),
    ("a.jsonl", lines(GOOD, [1]), "line 2", "is an array, not an object"),
    ("a.jsonl", lines(GOOD, None), "line 2", "is null, not an object"),
    ("a.jsonl", b"\n\n", "", "no rows"),
    # Encodings.
    ("a.jsonl", json.dumps(GOOD).encode("utf-16"), "Save it as UTF-8", "is UTF-16, not UTF-8"),
    ("a.jsonl", gzip.compress(lines(GOOD)), "Name it a.jsonl.gz", "is gzip, not UTF-8"),
    ("a.csv", parquet(pa.table({"text": ["a"]})), "Name it a.parquet", "is Parquet, not UTF-8"),
    ("a.json", b"PK\x03\x04" + bytes(40), "Unpack it", "is zip, not UTF-8"),
    ("a.jsonl.xz", b"\xfd7zXZ", "also with .gz, .zst", "no suffix that is read"),
    ("a.parquet", parquet(not_unicode(2000)), "row 2000, column 'text'", "is not UTF-8 text"),
    ("a.arrow", arrow(not_unicode(2000)), "row 2000, column 'text'", "is not UTF-8 text"),
    ("a.arrow", damaged(), "a.arrow", "not a complete Arrow file"),
    (
        "a.arrow",
        arrow(pa.table({"text": ["a"], "at": pa.array([10**18], pa.timestamp("s"))})),
        "row 0, column 'at'",
        "cannot be read",
    ),
    ("a.jsonl", lines(*[GOOD] * 2000, '{"prompt": "é"}'.encode("latin-1")), "line 2001", "not UTF-8"),
    ("a.json", json.dumps([GOOD]).encode("utf-32"), "", "not UTF-8"),
    ("a.csv", "prompt,completion\né,b\n".encode("cp1252"), "line 2", "not UTF-8"),
    ("a.txt", b"good\n\xff\xfe", "line 2", "not UTF-8"),
    (
        "a.jsonl",
        after_good({"prompt": "Q", "completion": "\ud800"}),
        "row 2",
        "not valid Unicode at character 0",
    ),
    (
        "a.jsonl",
        after_good({"prompt": "a\0b", "completion": "A"}),
        "row 2",
        "prompt holds a NUL character at 1",
    ),
    # Nulls, types and empty texts.
    ("a.jsonl", after_good({"prompt": "Q", "completion": None}), "row 2", "completion is missing"),
    ("a.jsonl", after_good({"prompt": None, "completion": "A"}), "row 2", "prompt is missing"),
    ("a.jsonl", after_good({"prompt": "Q"}), "row 2", "completion is missing"),
    ("a.jsonl", after_good({"prompt": "Q", "completion": ""}), "row 2", "completion is empty"),
    ("a.jsonl", after_good({"prompt": "Q", "completion": " \n"}), "row 2", "completion is empty"),
    ("a.jsonl", after_good({"prompt": "", "completion": "A"}), "row 2", "prompt is empty"),
    ("a.jsonl", after_good({"prompt": "Q", "completion": 3}), "row 2", "completion is of type int, not text"),
    (
        "a.jsonl",
        after_good({"prompt": "Q", "completion": 0.5}),
        "row 2",
        "completion is of type float, not text",
    ),
    (
        "a.jsonl",
        after_good({"prompt": "Q", "completion": True}),
        "row 2",
        "completion is of type bool, not text",
    ),
    ("a.jsonl", after_good({"prompt": "Q", "completion": {"a": 1}}), "row 2", "completion"),
    (
        "a.jsonl",
        after_good({"prompt": {"a": 1}, "completion": "A"}),
        "row 2",
        "prompt is of type dict, not text",
    ),
    ("a.jsonl", after_good({"prompt": [], "completion": "A"}), "row 2", "comes first"),
    ("a.jsonl", after_good({"prompt": [USER], "completion": []}), "row 2", "ends with user"),
    (
        "a.jsonl",
        after_good({"prompt": [3], "completion": "A"}),
        "row 2",
        "turn 0 is of type int, not an object",
    ),
    ("a.jsonl", lines({"text": "a"}, {"text": ""}), "row 1", "text is empty"),
    ("a.jsonl", lines({"text": "a"}, {"text": " \n"}), "row 1", "text is empty"),
    ("a.jsonl", lines({"text": "a"}, {"text": 7}), "row 1", "text is of type int, not text"),
    ("a.jsonl", lines({"text": "a"}, {"text": None}), "row 1", "text is missing"),
    (
        "a.jsonl",
        lines({"instruction": "Q", "output": "A"}, {"instruction": "", "output": "A"}),
        "row 1",
        "instruction is empty",
    ),
    (
        "a.jsonl",
        lines({"instruction": "Q", "output": "A", "history": [["a"]]}),
        "row 0",
        "history is not a list of [question",
    ),
    (
        "a.jsonl",
        lines({"instruction": "Q", "output": "A", "history": "a"}),
        "row 0",
        "history is not a list of [question",
    ),
    (
        "a.jsonl",
        lines({"instruction": "Q", "output": "A", "history": [["a", None]]}),
        "row 0",
        "history turn 1 content is missing",
    ),
    (
        "a.jsonl",
        lines({"instruction": "Q", "output": "A", "input": 5}),
        "row 0",
        "input is of type int, not text",
    ),
    (
        "a.jsonl",
        lines({"instruction": "Q", "output": "A", "system": ["S"]}),
        "row 0",
        "system is of type list, not text",
    ),
    ("a.jsonl", lines({"instruction": "Q", "output": "A", "tools": "{"}), "row 0", "tools is not valid JSON"),
    # Turns.
    ("a.jsonl", turns(), "row 1", "has no turns"),
    ("a.jsonl", turns(USER), "row 1", "ends with user, not with an answer"),
    ("a.jsonl", turns(ANSWER), "row 1", "turn 0 (assistant) comes first"),
    ("a.jsonl", turns(USER, USER, ANSWER), "row 1", "turn 1 (user) follows user"),
    ("a.jsonl", turns(USER, ANSWER, ANSWER), "row 1", "turn 2 (assistant) follows assistant"),
    (
        "a.jsonl",
        turns(USER, {"role": "system", "content": "S"}, ANSWER),
        "row 1",
        "turn 1 (system) follows user",
    ),
    ("a.jsonl", turns(USER, {"role": "tool", "content": "7"}, ANSWER), "row 1", "turn 1 (tool) follows user"),
    ("a.jsonl", turns({"role": "system", "content": "S"}), "row 1", "ends with system"),
    ("a.jsonl", turns(USER, {"role": "assistant", "content": ""}), "row 1", "turn 1 has no answer"),
    (
        "a.jsonl",
        turns(USER, {"role": "assistant", "content": "A", "reasoning_content": 7}),
        "row 1",
        "turn 1 (reasoning_content) is of type int",
    ),
    (
        "a.jsonl",
        turns(USER, {"role": "assistant", "content": "A", "reasoning_content": "Hm."}),
        "row 1",
        "leaves out reasoning_content",
    ),
    (
        "a.jsonl",
        lines({"messages": [USER, ANSWER], "conversations": [USER, ANSWER]}),
        "row 0",
        "'messages' and 'conversations', which mean the same",
    ),
    ("a.jsonl", b'{"text": "a"}\n{"text": "b", "text": "c"}\n', "line 2", "'text' is there twice"),
    ("a.json", b'[{"text": "a"},\n{"text": "b", "text": "c"}]', "line 2", "'text' is there twice"),
    (
        "a.csv",
        b'prompt,completion\n"[{""role"": ""bot"", ""content"": ""Q""}]",A\n',
        "row 0",
        "prompt turn 0 has the role 'bot'",
    ),
    (
        "a.jsonl",
        turns(USER, ANSWER, USER, {"role": "assistant", "content": ""}),
        "row 1",
        "turn 3 has no answer",
    ),
    ("a.jsonl", turns({"role": "user", "content": ""}, ANSWER), "row 1", "turn 0 is empty"),
    ("a.jsonl", turns({"role": "user"}, ANSWER), "row 1", "turn 0 content is missing"),
    ("a.jsonl", turns({"content": "Q"}, ANSWER), "row 1", "turn 0 has no 'role'"),
    ("a.jsonl", turns({"role": "bot", "content": "Q"}, ANSWER), "row 1", "turn 0 has the role 'bot'"),
    ("a.jsonl", turns({"role": 3, "content": "Q"}, ANSWER), "row 1", "turn 0 has the role 3"),
    (
        "a.jsonl",
        talk(ASKED, {"from": "ai", "value": "A"}),
        "data.tags, {user: ai} or {assistant: ai}",
        "turn 1 has the role 'ai'",
    ),
    (
        "a.jsonl",
        lines({"prompt": [USER], "chosen": [], "rejected": [ANSWER]}),
        "row 0",
        "chosen has no turns",
    ),
    (
        "a.jsonl",
        turns({"role": "user", "content": 3}, ANSWER),
        "row 1",
        "turn 0 content is of type int, not text",
    ),
    (
        "a.jsonl",
        turns({"role": "user", "content": [{"type": "image_url"}]}, ANSWER),
        "row 1",
        "part of type image_url",
    ),
    ("a.jsonl", turns({"role": "user", "content": ["Q"]}, ANSWER), "row 1", "part of type str"),
    (
        "a.jsonl",
        turns({"role": "user", "content": [{"type": "text"}]}, ANSWER),
        "row 1",
        "turn 0 content is missing",
    ),
    ("a.jsonl", turns(USER, None), "row 1", "turn 1 is of type NoneType, not an object"),
    ("a.jsonl", turns(USER, "A"), "row 1", "turn 1 is of type str, not an object"),
    (
        "a.jsonl",
        lines({"messages": [USER, ANSWER]}, {"messages": {"0": USER}}),
        "row 1",
        "of type dict, not a list of turns",
    ),
    (
        "a.jsonl",
        lines({"messages": [USER, ANSWER]}, {"messages": "Q"}),
        "row 1",
        "of type str, not a list of turns",
    ),
    ("a.jsonl", turns(USER, call()), "row 1", "turn 1 has a tool call without a function name"),
    ("a.jsonl", turns(USER, call(name="f", arguments="{")), "row 1", "arguments of f) is not valid JSON"),
    ("a.jsonl", turns(USER, {**call(name="f"), "tool_calls": "f"}), "row 1", "tool_calls that are no list"),
    ("a.jsonl", turns(USER, call(name=7)), "row 1", "without a function name"),
    ("a.jsonl", turns(USER, call(name="")), "row 1", "without a function name"),
    *(
        (
            "a.jsonl",
            turns(USER, call(name="f", arguments=wrong)),
            "row 1",
            "arguments of f) is no JSON object",
        )
        for wrong in ([1], 5, "[1]", "null", '"abc"')
    ),
    ("a.jsonl", turns(USER, call(name="f\ud800")), "turn 1 (name of a function)", "is not valid Unicode"),
    (
        "a.jsonl",
        turns(USER, call(name="f", arguments={"a": ["\ud800"]})),
        "arguments of f",
        "not valid Unicode",
    ),
    ("a.jsonl", turns(USER, call(name="f", arguments={"a\0": 1})), "arguments of f", "holds a NUL character"),
    ("a.jsonl", turns(USER, call(name="f", arguments=nested(101))), "arguments of f", "nested too deeply"),
    ("a.jsonl", turns(USER, {**ANSWER, "name": "\ud800"}), "turn 1 (name)", "not valid Unicode"),
    ("a.jsonl", turns({**call(name="f"), **USER}, ANSWER), "row 1", "turn 0 (user) calls tools"),
    (
        "a.jsonl",
        lines({**TOOL, "tools": [{"name": "f", "description": "\ud800"}]}),
        "row 0",
        "not valid Unicode",
    ),
    (
        "a.jsonl",
        lines({**TOOL, "tools": [{"name": "f", "parameters": nested(900)}]}),
        "row 0",
        "nested too deeply",
    ),
    ("a.jsonl", talk(), "row 1", "has no turns"),
    ("a.jsonl", talk(SAID, ASKED), "row 1", "turn 0 (assistant) comes first"),
    ("a.jsonl", talk(ASKED, ASKED, SAID), "row 1", "turn 1 (user) follows user"),
    ("a.jsonl", talk({"from": "me", "value": "Q"}, SAID), "row 1", "turn 0 has the role 'me'"),
    ("a.jsonl", talk({"from": "human"}, SAID), "row 1", "turn 0"),
    ("a.jsonl", talk({"value": "Q"}, SAID), "row 1", "turn 0 has no"),
    ("a.jsonl", talk(ASKED, {"from": "gpt", "value": None}), "row 1", "turn 1"),
    (
        "a.jsonl",
        talk(ASKED, {"from": "function_call", "value": "f(1)"}),
        "row 1",
        "(function_call) is not valid JSON",
    ),
    ("a.jsonl", talk(ASKED, {"from": "function_call", "value": "[1]"}), "row 1", "without a function name"),
    ("a.jsonl", talk({"from": "observation", "value": "7"}, SAID), "row 1", "turn 0 (tool) comes first"),
    ("a.jsonl", lines({**TOOL, "tools": "not json"}), "row 0", "tools is not valid JSON"),
    ("a.jsonl", lines({**TOOL, "tools": "{}x"}), "row 0", "tools is not valid JSON"),
    ("a.jsonl", lines({**TOOL, "tools": {"a": 1}}), "row 0", "tools is not a list"),
    ("a.jsonl", lines({**TOOL, "tools": [1]}), "row 0", "not the description of a function"),
    ("a.jsonl", lines({**TOOL, "tools": [{"name": 3}]}), "row 0", "not the description of a function"),
    (
        "a.jsonl",
        lines({"messages": [{"role": "system", "content": "S"}, USER, ANSWER], "system": "T"}),
        "row 0",
        "starts with a system turn too",
    ),
    # Formats.
    ("a.jsonl", lines({"question": "Q", "answer": "A"}), "", "fit no format"),
    (
        "a.jsonl",
        lines({"instruction": "Q", "output": "A", "text": "T"}),
        "",
        "fit several formats: alpaca, text",
    ),
    (
        "a.jsonl",
        lines(GOOD, {"text": "T"}),
        "row 1",
        "mixed formats: row 0 is prompt_completion, row 1 is text",
    ),
    ("a.jsonl", lines(GOOD, {"story": "T"}), "row 1", "row 1 is no format"),
    (
        "a.jsonl",
        lines({"messages": [USER, ANSWER]}, {"conversations": [ASKED, SAID]}),
        "row 1",
        "mixed formats",
    ),
    # CSV.
    ("a.csv", b"prompt,completion\nQ,A\nQ\n", "line 3", "has 1 field, the header has 2"),
    ("a.csv", b"prompt,completion\nQ,A,B\n", "line 2", "has 3 fields, the header has 2"),
    ("a.csv", b'prompt,completion\nQ,"A\n', "line 2", "not valid CSV"),
    ("a.csv", b'prompt,completion\n"Q"x,A\n', "line 2", "not valid CSV"),
    ("a.csv", b'prompt,completion\nQ,"A\n' + b"Q,A\n" * 1000, "line 2", "not valid CSV"),
    ("a.csv", b'prompt,completion\n"Q\nQ",A,B\n', "line 2", "has 3 fields, the header has 2"),
    ("a.csv", b"\nprompt,completion\nQ\n", "line 3", "has 1 field, the header has 2"),
    ("a.csv", b"sep=,\nprompt,completion\nQ,A\n", "line 1", "begins with a line for Excel"),
    ("a.csv", b"prompt, completion\nQ, A\n", "line 1", "a column named ' completion', with blanks"),
    ("a.csv", b"prompt|completion\nQ|A\n", "line 1", "not separated by commas"),
    ("a.csv", b"prompt;completion\nQ;A\n", "line 1", "not separated by commas"),
    ("a.csv", b"prompt\tcompletion\nQ\tA\n", "line 1", "not separated by commas"),
    ("a.csv", b"prompt,prompt\nQ,A\n", "", "two columns named 'prompt'"),
    ("a.csv", b"prompt,completion\n", "", "no rows"),
    ("a.csv", b"", "", "no rows"),
    ("a.csv", b"prompt,completion\nQ,\n", "row 0", "completion is empty"),
    ("a.csv", b"prompt,completion\nQ,a\0b\n", "row 0", "completion holds a NUL character at 1"),
    ("a.csv", b'messages\n"[{"\n', "row 0", "messages is of type str, not a list of turns"),
    ("a.csv", b"messages\n\"[{'role': 'user'}]\"\n", "row 0", 'Write it as JSON, in pandas: df["messages"]'),
    ("a.csv", b'"prompt";"completion"\n"Q";"A"\n', "line 1", "not separated by commas"),
    ("a.csv", b'"prompt","completion\nQ,A\n', "line 1", "not valid CSV"),
    ("a.csv", b"# of mine\nprompt,completion\nQ,A\n", "line 1", "begins with a comment"),
    (
        "a.csv",
        b"prompt,completion\nQ\n\n",
        "Give it a field for each column",
        "has 1 field, the header has 2",
    ),
    # Parquet, Arrow and packed files.
    ("a.parquet", b"PAR1", "", "not a Parquet file"),
    ("a.parquet", b"", "", "not a Parquet file"),
    ("a.parquet", parquet(pa.table({"text": ["a"]}))[:-9], "", "not a Parquet file"),
    (
        "a.parquet",
        parquet(pa.table({"prompt": ["Q"], "completion": pa.array([None], pa.string())})),
        "",
        "no column 'completion'|fit no format",
    ),
    ("a.parquet", parquet(pa.table({"text": pa.array([], pa.string())})), "", "no rows"),
    ("a.parquet", parquet(pa.table({"text": [b"\xff"]})), "row 0", "text is of type bytes, not text"),
    ("a.parquet", parquet(pa.table([["a"], ["b"]], names=["text", "text"])), "", "two columns named 'text'"),
    ("a.arrow", b"ARROW1", "", "not a complete Arrow file"),
    ("a.arrow", arrow(pa.table({"text": ["a" * 100] * 100}))[:4000], "", "not a complete Arrow file"),
    ("a.arrow", parquet(pa.table({"text": ["a"]})), "Name it a.parquet", "is Parquet, not Arrow"),
    ("a.parquet", arrow(pa.table({"text": ["a"]})), "Name it a.arrow", "is Arrow, not Parquet"),
    ("a.csv", b"SQLite format 3\0" + bytes(100), "Save its rows as", "is SQLite, not UTF-8 text"),
    ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(40), "Save its rows as", "is PNG, not UTF-8 text"),
    ("a.txt", b"%PDF-1.7\n", "Save its rows as", "is PDF, not UTF-8 text"),
    ("a.json", pickle.dumps([GOOD]), "Save its rows as", "is pickle, not UTF-8 text"),
    # Written by columns.
    (
        "a.json",
        json.dumps({"prompt": {"0": "Q"}, "completion": {"0": "A"}}).encode(),
        "",
        "written by columns",
    ),
    (
        "a.json",
        json.dumps({"prompt": ["Q", "Q"], "completion": ["A", "B"]}).encode(),
        "",
        "written by columns",
    ),
    ("a.csv", b"Prompt,Completion\nQ,A\n", "{prompt: Prompt, completion: Completion}", "fit no format"),
    # What a model wrote that is no answer, and what JSON does not have.
    (
        "a.jsonl",
        turns(USER, {"role": "assistant", "content": None, "refusal": "No."}),
        "row 1",
        "is a refusal",
    ),
    (
        "a.jsonl",
        turns(USER, call(name="f", arguments='{"a": NaN}')),
        "turn 1 (arguments of f)",
        "NaN is no JSON value",
    ),
    (
        "a.jsonl",
        turns(USER, call(name="f", arguments='{"a": 1e400}')),
        "turn 1 (arguments of f)",
        "holds a number that JSON does not have",
    ),
    ("a.arrow", b"", "", "not an Arrow file"),
    ("a.jsonl.gz", b"not packed", "", "cannot be read"),
    ("a.jsonl.gz", gzip.compress(lines(GOOD, GOOD))[:-12], "", "cannot be read"),
    ("a.jsonl.gz", gzip.compress(b"a" * (1 << 29), 9), "", "unpacks to more than 500 times"),
    ("a.jsonl.gz", gzip.compress(lines(GOOD, b"{")), "line 2", "not valid JSON"),
    ("a.jsonl.zst", b"not packed", "", "cannot be read"),
    ("a.jsonl.gz", gzip.compress(gzip.compress(lines(GOOD))), "Unpack it", "is gzip, not UTF-8 text"),
    ("a.jsonl.gz", gzip.compress(b"<html>"), "a.jsonl.gz", "is a web page"),
    ("a.csv.gz", gzip.compress("prompt,completion".encode("utf-16")), "a.csv.gz", "is UTF-16, not"),
    (
        "a.parquet.gz",
        gzip.compress(parquet(pa.table({"text": ["a"]}))),
        "Unpack it",
        "is packed, which only files of text may be",
    ),
    ("a.jsonl", json.dumps(GOOD).encode("utf-16-le"), "Save it as UTF-8", "is UTF-16, not UTF-8 text"),
    ("a.csv", "prompt,completion".encode("utf-16-be"), "Save it as UTF-8", "is UTF-16, not UTF-8 text"),
    ("a.jsonl", json.dumps(GOOD).encode("utf-32"), "Save it as UTF-8", "is UTF-32, not UTF-8 text"),
    (
        "a.parquet",
        parquet(pa.table({"text": [b"a"]})),
        'str.decode("utf-8")',
        "text is of type bytes, not text",
    ),
    # Names of columns.
    ("a.jsonl", lines(GOOD, {**GOOD, "\ud800": 1}), "line 2", r"a name that is not valid Unicode: '\ud800'"),
    ("a.json", array(GOOD, {**GOOD, "\ud800": 1}), "row 1", "a name that is not valid Unicode"),
    ("a.doc", b"rows", "", "no suffix that is read"),
    ("a", b"rows", "", "no suffix that is read"),
    # Large cells.
    (
        "a.jsonl",
        after_good({"prompt": "Q", "completion": [1] * 5_000_000}),
        "row 2",
        "completion turn 0 is of type int",
    ),
    ("a.csv", b"prompt,completion\nQ," + b"a" * 50_000_000, "row 0", "completion has 50,000,000 characters"),
]


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(UserError, match="is no regular file"):
        find_sources(DataConfig(train=str(tmp_path / "a.jsonl")), "train", lambda split, number: {})


@pytest.mark.parametrize("pattern", ["*.jsonl", "b[1].jsonl", "**/b.jsonl"])
def test_a_pattern_that_no_file_fits_is_told(pattern: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nA\n")
    with pytest.raises(UserError, match="No file fits") as caught:
        find_sources(DataConfig(train=str(tmp_path / pattern)), "train", lambda split, number: {})
    assert pattern in caught.value.where
    assert caught.value.fix == "Check the path."


def test_there_are_a_hundred_cases_and_all_differ() -> None:
    assert len({content for _name, content, _where, _said in CASES}) > 130


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda case: f"{case}-{CASES[case][3][:40]}")
def test_malformed_data_give_one_message_that_names_file_place_and_reason(
    case: int, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content, where, said = CASES[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    data = DataConfig(train=name, max_length=64)

    def read() -> None:
        places = find_sources(data, "train", lambda split, number: {})
        read_split(data, "train", places, tokenizer, 0, lambda done, total: None)

    with pytest.raises(UserError) as caught:
        read()
    message = str(caught.value)
    assert name in caught.value.where or name in caught.value.what
    assert caught.value.where.count(f"{name}, ") <= 1
    assert where in message
    assert any(words in message for words in said.split("|")), message
    assert caught.value.fix
    assert len(message) < 2500


MIXED = "The rows are of mixed formats: row 1 of a.jsonl is prompt_completion, row 1 of deep/b.jsonl "


@pytest.mark.parametrize(
    ("source", "other", "what"),
    [
        ("rows", {"text": "T"}, MIXED + "is text."),
        ("rows", {"story": "T"}, MIXED + "is no format; it has story (str)."),
        ("rows/**/*.jsonl", {"text": "T"}, MIXED + "is text."),
        (
            "rows",
            {"messages": [USER, ANSWER], "conversations": [USER, ANSWER]},
            "The row has the columns 'messages' and 'conversations', which mean the same.",
        ),
    ],
)
def test_of_several_files_the_file_is_named_and_the_row_in_it(
    source: str,
    other: dict[str, Any],
    what: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tokenizer: Any,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows/deep").mkdir(parents=True)
    (tmp_path / "rows/a.jsonl").write_bytes(lines({"prompt": "", "completion": None}, GOOD, GOOD))
    (tmp_path / "rows/deep/b.jsonl").write_bytes(lines(GOOD, other))
    data = DataConfig(train=source)
    places = find_sources(data, "train", lambda split, number: {})
    with pytest.raises(UserError) as caught:
        read_split(data, "train", places, tokenizer, 0, lambda done, total: None)
    assert caught.value.what == what
    assert caught.value.where == f"data.train: {source}, row 1 of deep/b.jsonl"


@pytest.mark.parametrize("again", ["tokenized", "kept from before"])
def test_of_several_files_a_bad_row_is_told_with_its_file_and_its_number_there(
    again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMTUNE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "rows/deep").mkdir(parents=True)
    (tmp_path / "rows/a.jsonl").write_bytes(lines(GOOD, GOOD))
    (tmp_path / "rows/deep/b.jsonl").write_bytes(lines(GOOD, {"prompt": "Q", "completion": ""}))
    data = DataConfig(train=["rows", "rows/a.jsonl"], on_bad_row="skip")
    places = find_sources(data, "train", lambda split, number: {})
    for _time in range(2 if again == "kept from before" else 1):
        read = read_split(data, "train", places, tokenizer, 0, lambda done, total: None)
    (problem,) = read.encoded.left_out()
    assert str(problem) == "rows, row 3 (row 1 of deep/b.jsonl): completion is empty"
    data = data.model_copy(update={"train": "rows", "on_bad_row": "error"})
    with pytest.raises(UserError) as caught:
        read_split(data, "train", places[:1], tokenizer, 0, lambda done, total: None)
    assert caught.value.where == "data.train: rows, row 3 (row 1 of deep/b.jsonl): completion is empty"
