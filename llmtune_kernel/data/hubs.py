"""Data sets on hubs."""

from __future__ import annotations

import difflib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.errors import UserError, first_line
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.addresses import missing_package
from llmtune_kernel.data.catalogue import known_datasets
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.sources import SourceRows
from llmtune_kernel.locale import _


def read_hub(source: SourceConfig, limit: int | None) -> SourceRows:
    """Read at most `limit` rows of a data set on a hub.

    Raises:
        UserError: there is no such data set, it cannot be reached, or a package for it is missing.
    """
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
        raise missing_package("ModelScope", "modelscope", f"modelscope:{name}") from error
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
        raise missing_package("OpenMind", "openmind", f"openmind:{name}") from error
    return OmDataset.load_dataset(
        path=name,
        name=source.subset,
        split=source.split or "train",
        data_dir=source.folder,
        revision=source.revision,
    )
