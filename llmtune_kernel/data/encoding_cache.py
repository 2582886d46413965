"""Encoded rows on disk, by what they were made from: what was encoded once is not tokenized again.

A file holds the sequences whole, before they are cut: another `max_length` or `truncation` needs no other file. It is
mapped into memory, so that only what is used is read.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from llmtune_kernel.config import DataConfig
from llmtune_kernel.config.places import cache_directory
from llmtune_kernel.data.encoding import Batch
from llmtune_kernel.data.formats import RowFormat
from llmtune_kernel.data.problems import RowProblem
from llmtune_kernel.data.sequences import SCHEMA, Sequences
from llmtune_kernel.data.turns import Tags
from llmtune_kernel.locale.language import language

# Bytes that all files may take together; those used longest ago go first.
LARGEST = 10 * 2**30

_PROBLEMS, _SURVEY = b"llmtune.problems", b"llmtune.survey"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Survey:
    """What is known of the rows of a source once all were looked at: how many they are, of which columns and format.

    `firsts`: the number of the first row of each file.
    """

    rows: int
    columns: list[str]
    format: RowFormat
    firsts: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Encoding:
    """The encoded rows of a source: the sequences of those that can be trained on, what is wrong with the others."""

    survey: Survey
    sequences: Sequences
    problems: list[RowProblem]


def encoded_once(
    key: str, survey: Callable[[], Survey], encode: Callable[[Survey], Iterator[Batch]]
) -> Encoding:
    """What was kept under `key`, for which no row is read; else what `survey` finds and `encode` makes.

    Raises:
        Exception: what `survey` and `encode` raise; nothing is kept then.
    """
    file = cache_directory() / "encoded" / f"{key}.arrow"
    with contextlib.suppress(OSError, pa.ArrowException):  # not there, or not whole: it is made anew
        found = _read(file)
        os.utime(file)
        return found
    known = survey()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, known, encode(known))
        found = _read(file)
    except OSError as error:
        _log.info("encoded rows are not kept in %s: %s", file.parent, error)
        batches = list(encode(known))
        problems = [problem for one in batches for problem in one.problems]
        return Encoding(known, Sequences(one.sequences for one in batches), problems)
    _make_room(file)
    return found


def encoding_key(fingerprint: str, reading: Mapping[str, object], tokenizer: Any, config: DataConfig) -> str:
    """A name for encoded rows: the same only where all is the same that they are made from.

    Args:
        fingerprint: Of the content of the source.
        reading: How it is read: format, columns, tags, and which of its rows.
        tokenizer: With its chat template.
    """
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    template = tokenizer.chat_template
    parts = (
        fingerprint,
        sorted(reading.items()),
        backend.to_str(),
        (template, sorted((name, str(token)) for name, token in tokenizer.special_tokens_map.items())),
        # Some templates write the date of today.
        str(datetime.date.today()) if "strftime_now" in str(template) else "",
        (config.train_on_prompt, config.mask_history, config.train_on_eos),
        language(),  # of what is said of bad rows
        _code(),
    )
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


@functools.cache
def _code() -> str:
    """A hash of the code that encodes."""
    digest = hashlib.sha256("".join(map(version, ("transformers", "tokenizers", "jinja2"))).encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _write(file: Path, survey: Survey, encoded: Iterator[Batch]) -> None:
    schema = SCHEMA.with_metadata({_SURVEY: json.dumps(asdict(survey))})
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".partial", delete=False) as partial:
        try:
            with pa.ipc.new_file(partial, schema) as writer:
                for batch in encoded:
                    problems = [one.args for one in batch.problems]
                    writer.write_batch(batch.sequences, {_PROBLEMS: json.dumps(problems)})
            os.replace(partial.name, file)
        finally:
            Path(partial.name).unlink(missing_ok=True)


def _read(file: Path) -> Encoding:
    reader = pa.ipc.open_file(pa.memory_map(str(file)))
    batches, problems = [], []
    for number in range(reader.num_record_batches):
        batch, metadata = reader.get_batch_with_custom_metadata(number)
        batches.append(batch)
        problems += [RowProblem(*one) for one in json.loads(metadata[_PROBLEMS])]
    known = json.loads(reader.schema.metadata[_SURVEY])
    format = known.pop("format")
    tags = format.pop("tags")
    read = RowFormat(**format, tags=Tags(**tags) if tags else None)
    return Encoding(Survey(**known, format=read), Sequences(batches), problems)


def _make_room(kept: Path) -> None:
    """Delete the files used longest ago until all that are left take no more than `LARGEST`; never `kept`."""
    files = [(path.stat().st_mtime, path.stat().st_size, path) for path in kept.parent.glob("*.arrow")]
    left = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if left > LARGEST and path != kept:
            path.unlink(missing_ok=True)
            left -= size
