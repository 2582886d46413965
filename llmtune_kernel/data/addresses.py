"""Files at addresses such as s3://bucket/rows.jsonl: which kinds are read, and copies of them."""

from __future__ import annotations

import glob
import hashlib
import itertools
import os
from pathlib import Path, PurePosixPath
from typing import Any

from llmtune_kernel.config.errors import UserError, first_line
from llmtune_kernel.config.places import cache_directory
from llmtune_kernel.data.files import find_file, is_of_rows, rows_among
from llmtune_kernel.locale import _

# How an address begins, and the package that fsspec needs for it; empty where none is missing.
_KINDS = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "oss": "ossfs",
    "https": "aiohttp",
    "http": "aiohttp",
    "hdfs": "pyarrow",
    "webhdfs": "requests",
    "ftp": "",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "smb": "smbprotocol",
    "hf": "huggingface_hub",
    "file": "",
}
_BUCKETS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "oss")
_SHOWN = ("s3://", "gs://", "az://", "https://", "hdfs://", "sftp://", "file://")
# Inside of a file at an address: zip://rows.jsonl::https://host/rows.zip.
_INSIDE = ("zip", "tar")
_WITHOUT_HOST = ("file", "hdfs", *_INSIDE)


def check_address(address: str) -> None:
    """Raise UserError if nothing can be read at an address, whatever is there."""
    kinds = [part.partition("://") for part in address.split("::")]
    for number, (kind, mark, path) in enumerate(kinds):
        if not mark or not (kind in _KINDS or (kind in _INSIDE and number + 1 < len(kinds))):
            raise UserError(
                _("{address} is no address that is read.", address=address),
                address,
                _("Addresses begin with one of {kinds}.", kinds=", ".join(_SHOWN)),
            )
        if not path or (kind not in _WITHOUT_HOST and path.startswith("/")):
            raise UserError(
                _("{address} names no file.", address=address),
                address,
                _("Write where it is, as in {example}.", example=_example(kind)),
            )


def _example(kind: str) -> str:
    places = {"file": "/folder", "hdfs": "/folder", "hf": "datasets/owner/name"}
    place = places.get(kind, "bucket" if kind in _BUCKETS else "host")
    return f"{kind}://{place}/rows.jsonl"


def download(address: str) -> tuple[Path, ...]:
    """Local copies of the files at an address, in order: one, those of a folder, or those that fit a glob.

    They are kept, and downloaded anew where those there are others.

    Raises:
        UserError: there are none, they cannot be read, or a package for it is missing.
    """
    import fsspec  # type: ignore[import-untyped]

    kind = address.partition("://")[0]
    try:
        files, path = fsspec.core.url_to_fs(address)
        names = _names(files, path, address)
        versions = " ".join(str(files.ukey(name)) for name in names)
        version = hashlib.sha256(f"{address} {versions}".encode()).hexdigest()[:16]
        folder = cache_directory() / "files" / version
        copies = [_copy(files, name, folder / local) for name, local in _local_names(names)]
    except UserError:
        raise
    except ImportError as error:
        raise missing_package(f"{kind}://", _KINDS.get(kind) or kind, address) from error
    except Exception as error:  # each file system has errors of its own
        what = (
            _("There is no file {path}.", path=address)
            if isinstance(error, FileNotFoundError)
            else _("{address} cannot be read: {error}.", address=address, error=first_line(error))
        )
        raise UserError(what, address, _("Check the address and the access rights.")) from error
    return tuple(map(find_file, copies))


def _names(files: Any, path: str, address: str) -> list[str]:
    """What the file system calls the files at an address."""
    if address.startswith(("http://", "https://")):  # there are no folders, and ? begins what is asked for
        return [path]
    if glob.has_magic(path) and not files.exists(path):
        found = [name for name in files.glob(path) if not _is_hidden(name, path)]
        if not found:
            raise UserError(_("No file fits {path}.", path=address), address, _("Check the address."))
        return rows_among(found, address, address.rpartition("/")[0])
    if not is_of_rows(PurePosixPath(path)) and files.isdir(path):
        found = [name for name in files.find(path) if not _is_hidden(name, path)]
        return rows_among(found, address, address.rstrip("/"))
    return [path]


def _local_names(names: list[str]) -> list[tuple[str, str]]:
    """Of each file its name there and where its copy is among the others."""
    if len(names) == 1:
        return [(names[0], names[0].partition("?")[0].rpartition("/")[2])]
    root = os.path.commonpath([os.path.dirname(name) for name in names])
    return [(name, os.path.relpath(name, root)) for name in names]


def _is_hidden(name: str, asked: str) -> bool:
    """Whether a file is hidden below what was asked for."""
    certain = itertools.takewhile(lambda part: not glob.has_magic(part), PurePosixPath(asked).parts)
    return any(part.startswith(".") for part in PurePosixPath(name).parts[len(list(certain)) :])


def _copy(files: Any, name: str, copy: Path) -> Path:
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Never half a file under the final name.
        partial = copy.with_name(f"{os.getpid()}.partial")
        files.get_file(name, str(partial))
        partial.replace(copy)
    return copy


def missing_package(what: str, package: str, where: str) -> UserError:
    """The error that says which package `what` needs."""
    return UserError(
        _("{what} needs the package {package}, which is not installed.", what=what, package=package),
        where,
        _("Install it: {command}", command=f"%pip install {package}"),
    )
