"""Whether a file is what its name says, by how it begins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.arrow_files import ARROW, PARQUET
from llmtune_kernel.data.packed import PACKED
from llmtune_kernel.locale import _

HEAD_BYTES = 256
# How a file begins that stands for one that is kept elsewhere.
_POINTER = b"version https://git-lfs"
# How a page begins that a server sent in place of a file.
_PAGE = re.compile(rb"\s*<(!doctype html|html)\b", re.IGNORECASE)
# UTF-16 without a mark of the byte order: two letters in a row have a NUL beside each.
_WIDE = re.compile(rb"[^\0]\0[^\0]\0|\0[^\0]\0[^\0]")


class _Kind(NamedTuple):
    """What a file is: its name, the suffix that says so, if it is read at all, and whether it holds another file."""

    name: str
    suffix: str = ""
    holds: bool = False


_UTF_16, _UTF_32 = _Kind("UTF-16"), _Kind("UTF-32")
_PICKLE = _Kind("pickle")
_KINDS = {
    b"\x1f\x8b": _Kind("gzip", ".gz", True),
    b"\x28\xb5\x2f\xfd": _Kind("zstd", ".zst", True),
    b"BZh": _Kind("bzip2", ".bz2", True),
    b"PK\x03\x04": _Kind("zip", holds=True),
    b"\xfd7zXZ": _Kind("xz", holds=True),
    PARQUET: _Kind("Parquet", ".parquet"),
    ARROW: _Kind("Arrow", ".arrow"),
    b"SQLite format 3\0": _Kind("SQLite"),
    b"%PDF-": _Kind("PDF"),
    b"\x89PNG": _Kind("PNG"),
    b"\xff\xd8\xff": _Kind("JPEG"),
    b"\x89HDF": _Kind("HDF5"),
    b"\x93NUMPY": _Kind("NumPy"),
    **{bytes((0x80, protocol)): _PICKLE for protocol in range(2, 6)},
    b"\xff\xfe\0\0": _UTF_32,
    b"\0\0\xfe\xff": _UTF_32,
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
}
_BINARY = {".parquet": "Parquet", ".arrow": "Arrow"}


def check_head(path: Path, head: bytes, suffix: str) -> None:
    """Raise UserError if a file is another kind of file than it should be.

    Args:
        head: Its first `HEAD_BYTES` bytes, or those of what is packed in it.
        suffix: Of the kind that it should be.
    """
    if head.startswith(_POINTER):
        raise UserError(
            _("{name} is a pointer of Git LFS, not the data.", name=path.name),
            str(path.absolute()),
            _("Fetch the data with git lfs pull in that folder, or download them again."),
        )
    if _PAGE.match(head) and suffix != ".txt":
        raise UserError(
            _("{name} is a web page, not the data.", name=path.name),
            str(path.absolute()),
            _("Download the file itself; where it asks for a login, log in first."),
        )
    if suffix in PACKED:
        return
    found = next((kind for begin, kind in _KINDS.items() if head.startswith(begin)), None)
    if found is None and suffix not in _BINARY and _WIDE.match(head):
        found = _UTF_16
    if found and found.name != _BINARY.get(suffix):
        raise _another(path, found, _BINARY.get(suffix, _("UTF-8 text")))


def _another(path: Path, found: _Kind, wanted: str) -> UserError:
    what = _("{name} is {kind}, not {wanted}.", name=path.name, kind=found.name, wanted=wanted)
    if found in (_UTF_16, _UTF_32):
        fix = _("Save it as UTF-8.")
    elif found.suffix and path.suffix.lower() not in PACKED:
        name = f"{path.name}{found.suffix}" if found.suffix in PACKED else path.with_suffix(found.suffix).name
        fix = _("Name it {name}.", name=name)
    else:
        fix = _("Unpack it.") if found.holds or found.suffix else _("Save its rows as JSON, CSV or Parquet.")
    return UserError(what, str(path.absolute()), fix)
