"""Rows that are elsewhere: data sets on hubs, and files at addresses such as s3://bucket/rows.jsonl."""

from __future__ import annotations

import difflib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.errors import UserError, first_line
from llmtune_kernel.config.places import cache_directory
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.catalogue import known_datasets
from llmtune_kernel.data.files import find_file, fingerprint_file
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.sources import FileRows, SourceRows
from llmtune_kernel.locale import _


def read_remote(source: SourceConfig, limit: int | None) -> SourceRows:
    """Read at most `limit` rows of a data set on a hub, or of a file at an address.

    Raises:
        UserError: there is no such data set, it cannot be reached, or a package for it is missing.
    """
    if "://" in source.source:
        file = _download(source.source)
        return SourceRows(FileRows((file,), limit), (file,), fingerprint_file(file))
    hub, _colon, name = source.source.partition(":")
    data = _hugging_face(name, source, limit) if hub == "hf" else _of_other_hub(hub, name, source)
    if limit is not None and limit < len(data):
        data = data.select(range(limit))
    if not len(data):
        raise UserError(
            _("{name} has no rows.", name=name), source.source, _("Choose another split or subset.")
        )
    # A data set that says no fingerprint has none: it is read, and never taken for another.
    return SourceRows(_Table(data), (), str(getattr(data, "_fingerprint", "")) or uuid.uuid4().hex)


class _Table:
    """The rows of a `datasets.Dataset`, which lie in files that are mapped into memory."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __iter__(self) -> Iterator[Row]:
        return (dict(row) for row in self._data)


def _hugging_face(name: str, source: SourceConfig, limit: int | None) -> Any:
    import datasets  # type: ignore[import-untyped]

    if not os.path.isabs(name) and Path(name).exists():
        # The library would read it in the place of what the hub has.
        raise UserError(
            _("A folder here has the name of the data set: {name}.", name=name),
            source.source,
            _("Write ./{name} to read the folder; to read the data set, work in another folder.", name=name),
            [change_to("source", f"./{name}")],
        )
    options = {"name": source.subset, "data_dir": source.folder, "revision": source.revision}
    offline = datasets.config.HF_HUB_OFFLINE
    # The first rows are fetched by themselves; what was downloaded before is all there is offline.
    streaming = limit is not None and (not offline or Path(name).exists())
    try:
        data = datasets.load_dataset(name, split=source.split or "train", streaming=streaming, **options)
        return datasets.Dataset.from_list(list(data.take(limit))) if streaming else data
    except Exception as error:  # the library raises whatever its readers raise
        fix = (
            _("HF_HUB_OFFLINE is set: only data sets in the local cache are found.")
            if offline
            else _(
                "Check its name, subset and split on the Hub, and the connection; `hf auth login` for a gated one."
            )
        )
        raise UserError(
            _("The data set {name} cannot be loaded: {error}", name=name, error=first_line(error)),
            source.source,
            fix,
            [change_to("source", f"hf:{known}") for known in _close_names(name)],
        ) from error


def _close_names(name: str) -> list[str]:
    """Ids of well-known data sets that are close to another one."""
    ids = {known.hub.lower(): known.hub for known in known_datasets().values()}
    return [
        ids[close] for close in difflib.get_close_matches(name.lower(), ids, cutoff=0.8) if ids[close] != name
    ]


def _of_other_hub(hub: str, name: str, source: SourceConfig) -> Any:
    try:
        return {"modelscope": _model_scope, "openmind": _open_mind}[hub](name, source)
    except UserError:
        raise
    except Exception as error:  # the libraries raise whatever their readers raise
        raise UserError(
            _("The data set {name} cannot be loaded: {error}", name=name, error=first_line(error)),
            source.source,
            _("Check its name, subset and split on the hub, and the connection."),
        ) from error


def _model_scope(name: str, source: SourceConfig) -> Any:
    try:
        from modelscope.msdatasets import MsDataset  # type: ignore[import-not-found]
    except ImportError as error:
        raise _missing("ModelScope", "modelscope", f"modelscope:{name}") from error
    found = MsDataset.load(
        name,
        subset_name=source.subset or "default",
        split=source.split or "train",
        data_dir=source.folder,
        version=source.revision or "master",
    )
    return found.to_hf_dataset() if hasattr(found, "to_hf_dataset") else found


def _open_mind(name: str, source: SourceConfig) -> Any:
    try:
        from openmind import OmDataset  # type: ignore[import-not-found]
    except ImportError as error:
        raise _missing("OpenMind", "openmind", f"openmind:{name}") from error
    return OmDataset.load_dataset(
        path=name,
        name=source.subset,
        split=source.split or "train",
        data_dir=source.folder,
        revision=source.revision,
    )


def _download(address: str) -> Path:
    """A local copy of the file at an address; kept, and read again as long as the one there is the same."""
    import fsspec  # type: ignore[import-untyped]

    scheme = address.partition("://")[0]
    try:
        files, path = fsspec.core.url_to_fs(address)
        version = hashlib.sha256(f"{address} {files.ukey(path)}".encode()).hexdigest()[:16]
        copy = cache_directory() / "files" / version / address.rpartition("/")[2].partition("?")[0]
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            # Never half a file under the final name.
            partial = copy.with_name(f"{os.getpid()}.partial")
            files.get_file(path, str(partial))
            partial.replace(copy)
    except ImportError as error:
        packages = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
        raise _missing(f"{scheme}://", packages.get(scheme, scheme), address) from error
    except Exception as error:  # each file system has errors of its own
        what = (
            _("There is no file {path}.", path=address)
            if isinstance(error, FileNotFoundError)
            else _("{address} cannot be read: {error}.", address=address, error=first_line(error))
        )
        raise UserError(what, address, _("Check the address and the access rights.")) from error
    return find_file(copy)


def _missing(what: str, package: str, where: str) -> UserError:
    return UserError(
        _("{what} needs the package {package}, which is not installed.", what=what, package=package),
        where,
        _("Install it: {command}", command=f"%pip install {package}"),
    )
