"""Wherever rows are, they are found by what a user writes; what is not found says what was meant."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data import sources
from llmtune_kernel.data.files import find_files, read_rows
from llmtune_kernel.data.recognition import recognise
from llmtune_kernel.data.registered import registered
from llmtune_kernel.data.rows import to_example
from llmtune_kernel.data.sources import find_source, find_sources, read_source
from llmtune_kernel.data.turns import tags_from

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
ROWS = [{"text": f"Text {number} é"} for number in range(7)]
LINES = "\n".join(json.dumps(row) for row in ROWS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def rows_of(source: str, limit: int | None = None, **more: Any) -> list[dict[str, Any]]:
    return list(read_source(find_source(SourceConfig(source=source, **more), "data"), limit).rows)


def test_packed_files_are_read_as_what_they_hold(folder: Path) -> None:
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(LINES.encode()))
    for name, compression in (("b.jsonl.zst", "zstd"), ("c.jsonl.bz2", "bz2")):
        with pa.output_stream(name, compression=compression) as file:
            file.write(LINES.encode())
    (folder / "d.csv.gz").write_bytes(gzip.compress("\n".join(["text", *(r["text"] for r in ROWS)]).encode()))
    for name in ("a.jsonl.gz", "b.jsonl.zst", "c.jsonl.bz2", "d.csv.gz"):
        assert rows_of(name) == ROWS, name


def test_a_file_that_was_packed_to_fill_the_memory_is_refused(folder: Path) -> None:
    with gzip.open("bomb.jsonl.gz", "wb") as file:
        for _ in range(300):
            file.write(b"a" * (1 << 20))
    with pytest.raises(UserError, match="unpacks to more than 500 times its size"):
        read_rows("bomb.jsonl.gz")
    (folder / "cut.jsonl.gz").write_bytes((folder / "bomb.jsonl.gz").read_bytes()[:200])
    with pytest.raises(UserError, match=r"cut\.jsonl\.gz cannot be read(.|\n)*Check that the file is whole"):
        read_rows("cut.jsonl.gz")


def test_a_packed_file_that_ends_early_or_is_no_text_is_told_with_its_place(folder: Path) -> None:
    (folder / "whole.jsonl.gz").write_bytes(gzip.compress((LINES.rstrip() + "\n").encode() * 50_000))
    (folder / "early.jsonl.gz").write_bytes((folder / "whole.jsonl.gz").read_bytes()[:-2000])
    with pytest.raises(
        UserError, match=r"early\.jsonl\.gz cannot be read(.|\n)*early\.jsonl\.gz, after row \d{4,}"
    ):
        read_rows("early.jsonl.gz")
    (folder / "latin.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a"}\n{"text": "\xe9"}\n'))
    with pytest.raises(UserError, match=r"not UTF-8 text(.|\n)*latin\.jsonl\.gz, line 2"):
        read_rows("latin.jsonl.gz")


def test_each_line_of_a_text_file_that_is_not_blank_is_a_text(folder: Path) -> None:
    (folder / "a.txt").write_bytes("One é\r\n\r\n  two \n".encode())
    assert rows_of("a.txt") == [{"text": "One é"}, {"text": "  two "}]


def test_a_folder_or_a_glob_is_all_its_files_in_order(folder: Path) -> None:
    (folder / "rows/deep").mkdir(parents=True)
    for name, number in (
        ("rows/b.jsonl", 1),
        ("rows/a.jsonl", 0),
        ("rows/deep/c.jsonl", 2),
        ("rows/.x.jsonl", 3),
    ):
        (folder / name).write_text(json.dumps(ROWS[number]))
    (folder / "rows/notes.md").write_text("not rows")
    (folder / "rows/dataset_info.json").write_text("{}")
    assert rows_of("rows") == [ROWS[0], ROWS[1], ROWS[2]]
    assert rows_of("rows", limit=2) == [ROWS[0], ROWS[1]]
    assert rows_of("rows/*.jsonl") == [ROWS[0], ROWS[1]]
    assert rows_of("rows/**/c.jsonl") == [ROWS[2]]
    assert rows_of(f"{folder}/rows/*.jsonl") == [ROWS[0], ROWS[1]]
    assert rows_of(f"../{folder.name}/rows/**/c.jsonl") == [ROWS[2]]
    assert rows_of("rows/.x*.jsonl") == [ROWS[3]]
    (folder / "rows/d.csv").write_text("text\nx")
    with pytest.raises(UserError, match=r"several kinds: \.csv, \.jsonl(.|\n)*rows/\*\.csv"):
        find_files("rows")
    with pytest.raises(UserError, match="No file fits"):
        find_files("rows/*.parquet")


def test_a_folder_that_the_library_datasets_saved_is_read(folder: Path) -> None:
    import datasets

    data = datasets.Dataset.from_list(ROWS)
    data.save_to_disk("saved", num_shards=2)
    assert rows_of("saved") == ROWS
    datasets.DatasetDict({"train": data, "test": data}).save_to_disk("splits")
    with pytest.raises(UserError, match=r"several splits: test, train(.|\n)*splits/test"):
        find_files("splits")
    with pytest.raises(
        UserError, match="holds folders of saved data sets: saved, splits/test, splits/train"
    ) as caught:
        find_files(".")
    assert [change.value for change in caught.value.changes] == ["saved", "splits/test", "splits/train"]
    for state in ("{", "[1]", '{"_data_files": [{}]}', '{"_data_files": [{"filename": "../other.arrow"}]}'):
        (folder / "saved/state.json").write_text(state)
        with pytest.raises(UserError, match=r"state\.json does not list the files(.|\n)*saved/\*\.arrow"):
            find_files("saved")


ENTRIES: dict[str, Any] = {
    "plain": {"file_name": "alpaca.json"},
    "mapped": {"file_name": "qa.json", "columns": {"prompt": "q", "response": "a", "system": "s"}},
    "talk": {
        "file_name": "talk.json",
        "formatting": "sharegpt",
        "columns": {"messages": "talk"},
        "tags": {"role_tag": "who", "content_tag": "says", "user_tag": "me", "assistant_tag": "bot"},
    },
    "open": {
        "file_name": "open.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
        },
    },
    "ranked in words": {"file_name": "ranked.json", "ranking": "no"},
    "part": {"file_name": "ranked.json", "subset": "en"},
    "ranked": {"file_name": "ranked.json", "ranking": True, "columns": {"prompt": "q"}},
    "judged": {"file_name": "qa.json", "columns": {"prompt": "q", "response": "a", "kto_tag": "good"}},
    "story": {"file_name": "story.json", "columns": {"prompt": "body"}},
    "asked": {"file_name": "asked.json", "columns": {"prompt": "q"}, "num_samples": 1},
    "hub": {"hf_hub_url": "o/n", "ms_hub_url": "o/m", "subset": "en", "split": "dev", "folder": "python"},
    "scope": {"ms_hub_url": "o/m"},
    "mind": {"om_hub_url": "o/m"},
    "cloud": {"cloud_file_name": "s3://bucket/rows.jsonl"},
    "code": {"script_url": "code.py"},
    "pictures": {"file_name": "p.json", "columns": {"images": "pictures"}},
    "typo": {"file_name": "p.json", "column": {}},
    "column typo": {"file_name": "p.json", "columns": {"promt": "q"}},
    "nowhere": {"columns": {}},
    "odd": {"file_name": "p.json", "formatting": "parquet"},
    "few": {"file_name": "p.json", "num_samples": "5"},
    "text": "alpaca.json",
}
FILES: dict[str, dict[str, Any]] = {
    "alpaca.json": {"instruction": "Q", "output": "A", "system": "not read: no column is named"},
    "qa.json": {"q": "Q", "a": "A", "s": "", "good": False},
    "talk.json": {"talk": [{"who": "me", "says": "Q"}, {"who": "bot", "says": "A"}]},
    "open.json": {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
    "ranked.json": {"q": "Q", "chosen": "A", "rejected": "B"},
    "story.json": {"body": "Once."},
    "asked.json": {"q": "Q", "output": "A"},
}


@pytest.fixture
def registry(folder: Path) -> Path:
    (folder / "data").mkdir()
    (folder / "data/dataset_info.json").write_text(json.dumps(ENTRIES))
    for name, row in FILES.items():
        (folder / "data" / name).write_text(json.dumps([row]))
    return folder / "data"


@pytest.mark.parametrize(
    ("name", "format", "columns"),
    [
        ("plain", "alpaca", ["instruction", "output"]),
        ("mapped", "alpaca", ["q", "a", "s"]),
        ("talk", "sharegpt", ["talk"]),
        ("open", "messages", ["messages"]),
        ("ranked", "preference", ["chosen", "rejected", "q"]),
        ("judged", "kto", ["good", "q", "a"]),
        ("story", "text", ["body"]),
        ("asked", "alpaca", ["q", "output"]),
    ],
)
def test_a_registered_name_is_read_as_its_entry_says(
    name: str, format: str, columns: list[str], registry: Path
) -> None:
    place = find_source(SourceConfig(source=name), "data")
    rows = list(read_source(place, None).rows)
    meant = place.source
    found = recognise(rows, meant.format or "auto", meant.columns, tags_from(meant.tags or {}))
    assert (found.name, found.columns) == (format, columns)
    assert to_example(rows[0], 0, found)


def test_an_entry_says_where_on_a_hub_the_data_are(registry: Path) -> None:
    hub = registered("hub", registry)
    assert (hub.source, hub.subset, hub.split, hub.folder) == ("hf:o/n", "en", "dev", "python")
    assert registered("scope", registry).source == "modelscope:o/m"
    assert registered("mind", registry).source == "openmind:o/m"
    assert registered("cloud", registry).source == "s3://bucket/rows.jsonl"
    assert registered("asked", registry).num_samples == 1
    own = SourceConfig(source="mapped", columns={"input": "s", "system": None}, tags={"role": "who"})
    meant = find_source(own, "data").source
    assert meant.columns is not None
    assert [meant.columns[field] for field in ("instruction", "input", "system")] == ["q", "s", None]
    assert (meant.format, meant.tags) == ("alpaca", {"role": "who"})
    other = find_source(SourceConfig(source="mapped", format="text", columns={"text": "q"}), "data").source
    assert (other.format, other.columns) == ("text", {"text": "q"})
    ours = find_source(SourceConfig(source="hub", split="test", num_samples=3), "data").source
    assert (ours.subset, ours.split, ours.num_samples) == ("en", "test", 3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("code", r"would run code(.|\n)*dataset_info.json, code(.|\n)*give its file_name"),
        ("pictures", "has images; only text is trained on"),
        ("typo", r"column is no key(.|\n)*Did you mean columns\?"),
        ("column typo", r"columns\.promt is no key(.|\n)*Did you mean prompt\?"),
        ("nowhere", "does not say where the data are"),
        ("odd", "formatting is 'parquet'"),
        ("ranked in words", r"ranking is 'no'(.|\n)*Write true or false"),
        ("few", r"num_samples is '5'(.|\n)*dataset_info.json, few"),
        ("text", "is no object"),
        ("planned", r"No data set is named 'planned'(.|\n)*Did you mean plain"),
    ],
)
def test_a_mistake_in_the_registry_names_the_entry_and_the_key(name: str, said: str, registry: Path) -> None:
    with pytest.raises(UserError, match=said):
        registered(name, registry)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"file_name": "p.json", "split": ""}, "split is empty"),
        (
            {"file_name": "p.json", "columns": {"prompt": ""}},
            "columns is no object of texts",
        ),
        ({"cloud_file_name": "/etc/rows.jsonl"}, "which is no address"),
        ({"cloud_file_name": "file:///etc/rows.jsonl"}, "which is no address"),
        (
            {"file_name": "p.json", "tags": {"user_tag": "me", "assistant_tag": "me"}},
            "user_tag and assistant_tag are both 'me'",
        ),
        ({"file_name": "p.json", "tags": {"role_tag": "x", "content_tag": "x"}}, "are both 'x'"),
    ],
)
def test_a_wrong_value_of_the_registry_is_told(entry: Any, said: str, folder: Path) -> None:
    (folder / "dataset_info.json").write_text(json.dumps({"wrong": entry}))
    with pytest.raises(UserError, match=rf"{said}(.|\n)*dataset_info\.json, wrong"):
        registered("wrong", folder)


def test_a_column_that_is_null_is_not_read(folder: Path) -> None:
    (folder / "dataset_info.json").write_text(
        json.dumps({"a": {"file_name": "a.json", "columns": {"prompt": "q", "query": None}}})
    )
    columns = registered("a", folder).columns
    assert columns
    assert columns["instruction"] == "q"
    assert columns["input"] is None


@pytest.mark.parametrize("file", ["n", "gsm8k", "data/train.json", "~/secret.json", "hf:a/b", "s3://a/b"])
def test_a_file_name_means_a_file_of_the_folder_and_nothing_else(
    file: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "home").mkdir()
    (folder / "home" / "secret.json").write_text(json.dumps(ROWS))
    (folder / "dataset_info.json").write_text(json.dumps({"n": {"file_name": file}}))
    with pytest.raises(UserError, match=r"There is no file(.|\n)*dataset_info\.json, n: ") as error:
        find_source(SourceConfig(source="n"), ".")
    assert str(folder / file).rstrip("/") in error.value.what or "s3:" in file


@pytest.mark.parametrize("file", ["../rows.jsonl", "a/../../rows.jsonl", "/etc/rows.jsonl"])
def test_an_entry_does_not_name_files_outside_of_its_folder(file: str, folder: Path) -> None:
    (folder / "dataset_info.json").write_text(
        json.dumps({"far": {"file_name": file}, "near": {"file_name": "a/../b"}})
    )
    with pytest.raises(UserError, match=rf"{file}, which is outside(.|\n)*dataset_info\.json, far"):
        registered("far", folder)
    assert registered("near", folder).source


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        *(
            ({key: name}, f"{key} is {name}, which is no name on a hub")
            for key in ("hf_hub_url", "ms_hub_url", "om_hub_url")
            for name in ("/etc/secret", "../secret", "./secret", "~/secret", "a/b/c", "hf:a")
        ),
        ({"hf_hub_url": "o/n", "folder": "../x"}, "folder is ../x, which is outside"),
        ({"hf_hub_url": "o/n", "folder": "/x"}, "folder is /x, which is outside"),
        ({"cloud_file_name": "zip://a.json::file:///etc/x.zip"}, "which is no address"),
        ({"cloud_file_name": "zip://a.json::/etc/x.zip"}, "which is no address"),
    ],
)
def test_an_entry_of_a_hub_reads_nothing_of_this_machine(
    entry: dict[str, str], message: str, folder: Path
) -> None:
    (folder / "dataset_info.json").write_text(json.dumps({"far": entry, "near": {"hf_hub_url": "o/n.b-1"}}))
    with pytest.raises(UserError) as error:
        registered("far", folder)
    assert message in error.value.what
    assert registered("near", folder).source == "hf:o/n.b-1"


def test_a_folder_is_not_taken_for_a_data_set_of_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    (tmp_path / "owner" / "name" / "train.jsonl").write_text('{"text": "mine"}\n')
    place = find_source(SourceConfig(source="hf:owner/name"), "data")
    with pytest.raises(UserError, match="A folder here has the name of the data set: owner/name") as error:
        read_source(place, None)
    [change] = error.value.changes
    assert list(read_source(find_source(SourceConfig(source=str(change.value)), "data"), None).rows) == [
        {"text": "mine"}
    ]


def test_a_registered_name_may_be_that_of_a_hub(folder: Path) -> None:
    (folder / "rows.json").write_text(json.dumps(ROWS))
    (folder / "dataset_info.json").write_text('{"hf": {"file_name": "rows.json"}}')
    assert find_source(SourceConfig(source="hf"), str(folder)).files == (folder / "rows.json",)


def test_a_hub_alone_is_no_source() -> None:
    with pytest.raises(UserError, match="hf: names no data set"):
        find_source(SourceConfig(source="hf:"), "data")


@pytest.mark.parametrize(
    "address", ["s3://", "https:///rows.jsonl", "s3:///bucket/rows.jsonl", "zip://rows.jsonl::gs://"]
)
def test_an_address_says_where_the_file_is(address: str) -> None:
    with pytest.raises(UserError, match="names no file") as caught:
        find_source(SourceConfig(source=address), "data")
    assert "/rows.jsonl" in caught.value.fix


@pytest.mark.parametrize(
    "address", ["dir://x", "foo://x/rows.jsonl", "zip://rows.jsonl", "reference://x", "zip://a::b"]
)
def test_an_address_of_another_kind_is_refused_with_the_kinds_there_are(address: str) -> None:
    with pytest.raises(UserError, match=r"is no address that is read(.|\n)*s3://, gs://"):
        find_source(SourceConfig(source=address), "data")


def test_the_home_of_nobody_is_told() -> None:
    with pytest.raises(ValueError, match="~nobody-at-all is no home folder"):
        SourceConfig(source="~nobody-at-all/rows.jsonl")


def test_files_have_no_parts(registry: Path) -> None:
    (registry / "ranked.json").write_text("[]")
    with pytest.raises(UserError, match=r"subset is en, and files have no such part(.|\n)*ranked\.json"):
        find_source(SourceConfig(source="part"), str(registry))
    with pytest.raises(UserError, match="split is test"):
        find_source(SourceConfig(source=str(registry / "ranked.json"), split="test"), str(registry))
    assert find_source(SourceConfig(source=str(registry / "ranked.json"), split="train"), "data").files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{,}", "not valid JSON(.|\n)*line 1"),
        ('{"a":\n{"file_name" "b.json"}}', r"not valid JSON(.|\n)*dataset_info\.json, line 2"),
        ('{"a": {"file_name": "a.json"}, "a": {"file_name": "b.json"}}', "the key 'a' is there twice"),
        ("[" * 5000, "nested too deeply"),
        ("[]", "no object of names"),
        ("\xff", "not UTF-8"),
    ],
)
def test_a_registry_that_cannot_be_read_says_why(content: str, said: str, folder: Path) -> None:
    (folder / "dataset_info.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=said):
        find_source(SourceConfig(source="x"), ".")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the demo data sets are not here")
def test_every_entry_of_llama_factory_is_translated_or_refused_for_its_media() -> None:
    entries = json.loads((SHARED / "dataset_info.json").read_text("utf-8"))
    refused = []
    for name in entries:
        try:
            registered(name, SHARED)
        except UserError as error:
            refused.append((name, error.what.rpartition("; ")[2]))
    media = {"images", "videos", "audios"}
    pictured = [name for name, entry in entries.items() if media & entry.get("columns", {}).keys()]
    assert refused == [(name, "only text is trained on.") for name in pictured]


def test_a_name_that_is_nothing_is_told_what_it_may_be(registry: Path) -> None:
    with pytest.raises(UserError, match=r"no data set 'mappd'(.|\n)*Did you mean mapped\?"):
        find_source(SourceConfig(source="mappd"), "data")
    with pytest.raises(UserError, match=r"Did you mean \$rows\?"):
        find_source(SourceConfig(source="rows"), "data", known=["$rows"])
    with pytest.raises(UserError, match=r"There is no file zzz\.json"):
        find_source(SourceConfig(source="zzz.json"), "data")
    assert find_source(SourceConfig(source="org/name"), "data").source.source == "hf:org/name"
    with pytest.raises(UserError, match="no data set 'hf'"):  # the name of a hub alone is a name like others
        find_source(SourceConfig(source="hf"), "data")
    with pytest.raises(UserError, match="There is no file data/zzz"):
        find_source(SourceConfig(source="data/zzz"), "data")


def test_a_link_to_nowhere_is_told_as_one(registry: Path) -> None:
    (registry / "rows.json").symlink_to("gone.json")
    with pytest.raises(UserError, match=r"rows\.json is a link to gone\.json, which is not there") as found:
        find_source(SourceConfig(source=str(registry / "rows.json")), "data")
    assert "rows.json" not in found.value.fix


def test_a_run_that_goes_on_reads_the_files_it_read_before(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = DataConfig(train=["mapped", "data/alpaca.json"])
    places = find_sources(data, "train", lambda split, number: {})
    before = [
        {
            "source": source.source,
            "read": place.source.model_dump(mode="json"),
            "files": [str(file.absolute()) for file in place.files],
        }
        for source, place in zip(data.sources("train"), places, strict=True)
    ]
    files = [tuple(file.absolute() for file in place.files) for place in places]
    monkeypatch.chdir("/")
    again = find_sources(data, "train", lambda split, number: before[number])
    assert [place.files for place in again] == files
    assert [place.source for place in again] == [place.source for place in places]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    (folder / "there").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder / "there")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_at_an_address_is_read_and_read_anew_when_it_has_changed(address: str, folder: Path) -> None:
    file = folder / "there" / "rows.jsonl"
    file.write_text(LINES)
    assert rows_of(f"{address}/rows.jsonl") == ROWS
    assert rows_of(f"file://{file}") == ROWS
    file.write_text("\n".join(LINES.splitlines()[:3]))
    assert rows_of(f"file://{file}") == ROWS[:3]
    with pytest.raises(UserError, match=r"There is no file http.*nothing.jsonl(.|\n)*Check the address"):
        rows_of(f"{address}/nothing.jsonl")


def test_folders_and_globs_at_an_address_are_read_file_by_file(folder: Path) -> None:
    there = folder / "there" / "deeper"
    there.mkdir(parents=True)
    (there / "2.jsonl").write_text("\n".join(LINES.splitlines()[3:]))
    (there.parent / "1.jsonl").write_text("\n".join(LINES.splitlines()[:3]))
    (there.parent / ".hidden.jsonl").write_text(LINES)
    (there.parent / "README.md").write_text("not rows")
    assert rows_of(f"file://{there.parent}") == rows_of(f"file://{there.parent}/") == ROWS
    assert rows_of(f"file://{there.parent}/**/*.jsonl") == ROWS
    assert rows_of(f"file://{there}/?.jsonl") == ROWS[3:]
    with pytest.raises(UserError, match=r"No file fits file://.*nothing\*"):
        rows_of(f"file://{there}/nothing*")
    (there / "3.csv").write_text("text\na")
    with pytest.raises(UserError, match=r"several kinds: \.csv, \.jsonl") as caught:
        rows_of(f"file://{there}/")
    assert [change.value for change in caught.value.changes] == [
        f"file://{there}/*.csv",
        f"file://{there}/*.jsonl",
    ]
    with pytest.raises(UserError, match="has no file that is read"):
        rows_of(f"file://{there.parent}/*.md")


@pytest.mark.parametrize(
    ("source", "package"),
    [
        ("modelscope:org/name", "modelscope"),
        ("openmind:org/name", "openmind"),
        ("gs://b/rows.jsonl", "gcsfs"),
    ],
)
def test_what_needs_another_package_names_it(source: str, package: str, folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        rows_of(source)
    assert caught.value.fix == f"Install it: %pip install {package}"


def test_a_data_set_that_the_hub_does_not_have_is_told_by_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        UserError, match=r"data set no-one/nothing cannot be loaded(.|\n)*HF_HUB_OFFLINE is set"
    ):
        rows_of("no-one/nothing")


def test_what_the_client_of_another_hub_raises_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "clients" / "openmind"
    client.mkdir(parents=True)
    lines = "class OmDataset:", "    def load_dataset(**_):", "        raise ConnectionError('no route')"
    (client / "__init__.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(client.parent)
    with pytest.raises(UserError, match="data set org/name cannot be loaded: no route"):
        rows_of("openmind:org/name")


def test_for_a_data_set_that_the_hub_does_not_have_the_closest_one_is_offered(folder: Path) -> None:
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        rows_of("Tatsu-lab/alpca")
    assert caught.value.changes == [change_to("source", "hf:tatsu-lab/alpaca")]


def test_large_files_are_read_again_row_by_row_and_small_ones_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "many.jsonl").write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(500)))
    place = find_source(SourceConfig(source="many.jsonl"), "data")
    small = read_source(place, 300).rows
    assert next(iter(small)) is next(iter(small))
    monkeypatch.setattr(sources, "_KEPT_BYTES", 1000)
    large = read_source(place, 300).rows
    assert next(iter(large)) is not next(iter(large))
    assert list(large) == list(large) == list(small)
    assert len(list(large)) == 300


def test_the_first_rows_of_a_hub_s_data_set_are_fetched_without_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    folder, copies = tmp_path / "set", tmp_path / "copies"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(f'{{"text": "row {number}"}}\n' for number in range(50)))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", copies)
    place = find_source(SourceConfig(source=f"hf:{folder}"), "data")
    first = read_source(place, 3)
    assert list(first.rows) == [{"text": f"row {number}"} for number in range(3)]
    assert first.fingerprint == read_source(place, 3).fingerprint
    assert not list(copies.rglob("*.arrow"))
    assert len(list(read_source(place, None).rows)) == 50
    assert list(copies.rglob("*.arrow"))
