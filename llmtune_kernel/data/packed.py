"""Text files, packed ones too: gzip, zstd and bzip2."""

from __future__ import annotations

import io
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any, TextIO

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _

# Suffixes of packed files, and what Arrow calls the compression.
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
_PACKED_AT_MOST = 500
_ENOUGH = 1 << 28  # so much is unpacked of any file
_CHUNK = 1 << 20


def open_text(path: Path, newline: str | None = None, errors: str = "strict") -> TextIO:
    """Open a text file, packed or not; marks of a byte order are left out.

    Args:
        newline, errors: As of `open`.

    Raises:
        UserError: while reading, that it unpacks to far more than is read.
    """
    content = open_bytes(path)
    # Some programs write one more each time they save.
    while content.peek(len(BOM_UTF8)).startswith(BOM_UTF8):
        content.read(len(BOM_UTF8))
    return io.TextIOWrapper(content, encoding="utf-8", newline=newline, errors=errors)


def open_bytes(path: Path) -> io.BufferedReader:
    """Open what a file holds, unpacked if it is packed.

    Raises:
        UserError: while reading, that it unpacks to far more than is read.
    """
    suffix = path.suffix.lower()
    if suffix not in PACKED:
        return path.open("rb")
    import pyarrow as pa  # type: ignore[import-untyped]

    stream = pa.input_stream(str(path), compression=PACKED[suffix])
    return io.BufferedReader(_Unpacked(stream, path), _CHUNK)


class _Unpacked(io.RawIOBase):
    """What a packed file holds; refuses one that was made to fill the memory."""

    def __init__(self, stream: Any, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._left = max(_ENOUGH, path.stat().st_size * _PACKED_AT_MOST)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk: bytes = self._stream.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise UserError(
                _(
                    "{name} unpacks to more than {ratio:,} times its size.",
                    name=self._path.name,
                    ratio=_PACKED_AT_MOST,
                ),
                str(self._path),
                _("Unpack it yourself if that is right."),
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
