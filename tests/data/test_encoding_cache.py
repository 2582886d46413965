"""What was encoded once is not tokenized again, and never stands for anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import templates

from llmtune_kernel.config import DataConfig
from llmtune_kernel.data import encoding_cache
from llmtune_kernel.data.encoding import encode_batches
from llmtune_kernel.data.encoding_cache import Encoding, Survey, encoded_once, encoding_key
from llmtune_kernel.data.recognition import recognise

ROWS: list[dict[str, Any]] = [{"prompt": f"Say {n}.", "completion": "word " * n} for n in range(600)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLMTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "encoded"


def encode(tokenizer: Any, key: str = "key", progress: Any = None) -> Encoding:
    config = DataConfig(train="rows.jsonl")
    return encoded_once(
        key,
        lambda: Survey(len(ROWS), ["prompt", "completion"], recognise(ROWS)),
        lambda known: encode_batches(enumerate(ROWS), known.rows, tokenizer, config, known.format, progress),
    )


def test_encoded_again_nothing_is_tokenized_and_all_is_the_same(tokenizer: Any, cache: Path) -> None:
    seen: list[int] = []

    def note(done: int, total: int) -> None:
        seen.append(done)

    first = encode(tokenizer, progress=note)
    assert (seen, len(list(cache.iterdir()))) == ([256, 512, 600], 1)
    again = encode(tokenizer, progress=note)
    assert seen == [256, 512, 600]
    assert again.survey == first.survey
    told = [[str(problem) for problem in one.problems] for one in (first, again)]
    assert told == [["row 0: completion is empty"]] * 2
    kept, sequences = again.sequences, first.sequences
    assert len(kept) == len(sequences) == 599
    for place in range(0, 599, 37):
        assert kept[place].ids.tolist() == sequences[place].ids.tolist()
        assert kept[place].trained.tolist() == sequences[place].trained.tolist()
    assert kept.trained_tokens.tolist() == [kept[place].trained[1:].sum() for place in range(len(kept))]


def test_an_interrupted_encoding_leaves_nothing(tokenizer: Any, cache: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(tokenizer, progress=stop)
    assert list(cache.iterdir()) == []


def test_a_damaged_file_is_made_anew(tokenizer: Any, cache: Path) -> None:
    encode(tokenizer)
    [file] = cache.iterdir()
    file.write_bytes(file.read_bytes()[:5000])
    assert len(encode(tokenizer).sequences) == 599
    assert file.stat().st_size > 5000


def test_where_nothing_can_be_written_rows_are_encoded_all_the_same(
    tokenizer: Any, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.write_text("a file where the folder should be")
    caplog.set_level("INFO")
    made = encode(tokenizer)
    assert (len(made.sequences), len(made.problems)) == (599, 1)
    assert "are not kept" in caplog.text


def test_files_used_longest_ago_make_room(
    tokenizer: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, key in ((30, "old"), (20, "older but used"), (10, "new")):
        encode(tokenizer, key)
        moment = (cache / f"{key}.arrow").stat().st_mtime - age
        os.utime(cache / f"{key}.arrow", (moment, moment))
    encode(tokenizer, "older but used")
    monkeypatch.setattr(encoding_cache, "LARGEST", 3.5 * (cache / "new.arrow").stat().st_size)
    encode(tokenizer, "newest")
    assert {file.stem for file in cache.iterdir()} == {"older but used", "new", "newest"}


def test_each_thing_that_tokens_depend_on_makes_another_key(
    tokenizer: Any, with_template: Callable[[str | None], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DataConfig(train="rows.jsonl")

    def key(**changed: Any) -> str:
        given = {"fingerprint": "a", "reading": {"limit": 5}, "tokenizer": tokenizer, "config": config}
        return encoding_key(**(given | changed))

    smaller = with_template(templates.GEMMA)
    bigger = with_template(tokenizer.chat_template)
    bigger.add_tokens(["<|new|>"])
    keys = [
        key(),
        key(fingerprint="b"),
        key(reading={"limit": 6}),
        key(tokenizer=smaller),
        key(tokenizer=bigger),
        *(
            key(config=config.model_copy(update={name: value}))
            for name, value in (("train_on_prompt", True), ("mask_history", True), ("train_on_eos", False))
        ),
    ]
    monkeypatch.setenv("LLMTUNE_LANG", "ja")
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_what_comes_after_the_tokenizer_makes_no_other_key(tokenizer: Any) -> None:
    config = DataConfig(train="rows.jsonl")
    later = (("max_length", 64), ("truncation", "left"), ("on_bad_row", "skip"), ("packing", True))
    keys = {
        encoding_key("a", {}, tokenizer, config.model_copy(update={name: value})) for name, value in later
    }
    assert keys == {encoding_key("a", {}, tokenizer, config)}
