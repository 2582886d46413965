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
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from llmtune_kernel.config import DataConfig
from llmtune_kernel.config.places import cache_directory
from llmtune_kernel.data.encoding import Batch
from llmtune_kernel.data.formats import RowFormat
from llmtune_kernel.data.sequences import SCHEMA, Sequences
from llmtune_kernel.data.turns import RowProblem
from llmtune_kernel.locale.language import language

# Bytes that all files may take together; those used longest ago go first.
LARGEST = 10 * 2**30

_PROBLEMS = b"llmtune.problems"
_log = logging.getLogger(__name__)

Found = tuple[Sequences, list[RowProblem]]


def encoded_once(key: str, encode: Callable[[], Iterator[Batch]]) -> Found:
    """The sequences, and what is wrong with other rows, that were kept under `key`; else those that `encode` makes.

    Raises:
        Exception: what `encode` raises; nothing is kept then.
    """
    file = cache_directory() / "encoded" / f"{key}.arrow"
    with contextlib.suppress(OSError, pa.ArrowException):  # not there, or not whole: it is made anew
        found = _read(file)
        os.utime(file)
        return found
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, encode)
        found = _read(file)
    except OSError as error:
        _log.info("encoded rows are not kept in %s: %s", file.parent, error)
        batches = list(encode())
        return Sequences(one.sequences for one in batches), [p for one in batches for p in one.problems]
    _make_room(file)
    return found


def encoding_key(
    fingerprint: str, chosen: Sequence[int], format: RowFormat, tokenizer: Any, config: DataConfig
) -> str:
    """A name for encoded rows: the same only where all is the same that they are made from.

    Args:
        fingerprint: Of the content of the source.
        chosen: The numbers of the rows that are encoded.
        tokenizer: With its chat template.
    """
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    template = tokenizer.chat_template
    parts = (
        fingerprint,
        len(chosen) if isinstance(chosen, range) else list(chosen),
        (format.name, sorted(format.fields.items()), repr(format.tags)),
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


def _write(file: Path, encode: Callable[[], Iterator[Batch]]) -> None:
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".partial", delete=False) as partial:
        try:
            with pa.ipc.new_file(partial, SCHEMA) as writer:
                for batch in encode():
                    problems = [(one.row, one.column, one.reason, one.fix) for one in batch.problems]
                    writer.write_batch(batch.sequences, {_PROBLEMS: json.dumps(problems)})
            os.replace(partial.name, file)
        finally:
            Path(partial.name).unlink(missing_ok=True)


def _read(file: Path) -> Found:
    reader = pa.ipc.open_file(pa.memory_map(str(file)))
    batches, problems = [], []
    for number in range(reader.num_record_batches):
        batch, metadata = reader.get_batch_with_custom_metadata(number)
        batches.append(batch)
        problems += [RowProblem(*one) for one in json.loads(metadata[_PROBLEMS])]
    return Sequences(batches), problems


def _make_room(kept: Path) -> None:
    """Delete the files used longest ago until all that are left take no more than `LARGEST`; never `kept`."""
    files = [(path.stat().st_mtime, path.stat().st_size, path) for path in kept.parent.glob("*.arrow")]
    left = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if left > LARGEST and path != kept:
            path.unlink(missing_ok=True)
            left -= size
