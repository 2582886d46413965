"""Where the rows of a source are: a variable, files, a name of dataset_info.json or the catalogue, or a hub.

The kernel imports this file to check sources before a run: pyarrow and datasets are imported where rows are read.
"""

from __future__ import annotations

import bisect
import difflib
import glob
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.data import Split
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.addresses import check_address, download
from llmtune_kernel.data.catalogue import known_datasets
from llmtune_kernel.data.files import find_files, fingerprint_file, stream_rows
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.recognition import row_name
from llmtune_kernel.data.registered import FILE, registered, registered_names, registry, some_of
from llmtune_kernel.locale import _, either

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_PLAIN_NAME = re.compile(r"\w[\w-]*")
_ADDRESS = re.compile(r"\w+://")
HUBS = ("hf", "modelscope", "openmind")
_KEPT_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Place:
    """Where the rows of a source are.

    `source`: what is read, a registered name replaced by what it stands for. `files`: the files of rows, in order;
    none for a data set on a hub or at an address.
    """

    source: SourceConfig
    files: tuple[Path, ...] = ()


class FileRows:
    """At most `limit` rows of files, read where they are iterated over.

    Those of small files are kept; larger ones are read again each time, a row after the other, so that they need not
    fit into memory.
    """

    def __init__(self, files: tuple[Path, ...], limit: int | None) -> None:
        self._files, self._limit = files, limit
        self._kept: list[Row] | None = None
        self.firsts: list[int] = []  # the number of the first row of each file that was read

    def __iter__(self) -> Iterator[Row]:
        if self._kept is None and sum(file.stat().st_size for file in self._files) <= _KEPT_BYTES:
            self._kept = list(self._read())
        return self._read() if self._kept is None else iter(self._kept)

    def _read(self) -> Iterator[Row]:
        return itertools.islice(self._all(), self._limit)

    def _all(self) -> Iterator[Row]:
        count = 0
        for place, file in enumerate(self._files):
            if place == len(self.firsts):
                self.firsts.append(count)
            for row in stream_rows(file):
                count += 1
                yield row


@dataclass(frozen=True)
class SourceRows:
    """The rows of a source, which may be iterated over again, the files they are from, and a hash of their content.

    `firsts`: the number of the first row of each file, as far as they were read.
    """

    rows: Iterable[Row]
    files: tuple[Path, ...]
    fingerprint: str
    firsts: list[int] = field(default_factory=list)

    def name_of(self, number: int) -> str:
        """What a row that was read is called in an error."""
        return in_files(self.files, self.firsts, number) or row_name(number)


def in_files(files: Sequence[Path], firsts: Sequence[int], number: int) -> str:
    """Where a row is among several files: which file, and its number there; empty of one file.

    Args:
        firsts: The number of the first row of each file.
    """
    if len(files) < 2:
        return ""
    place = bisect.bisect_right(firsts, number) - 1
    file = os.path.relpath(files[place], os.path.commonpath([path.parent for path in files]))
    return _("row {row} of {file}", row=number - firsts[place], file=file)


def is_variable(source: SourceConfig) -> bool:
    """Whether a source is a variable of the notebook."""
    return source.source.startswith("$")


def anchored(source: SourceConfig) -> SourceConfig:
    """The source that a path means now, wherever this process will work."""
    if not _is_path(source.source):
        return source
    return source.model_copy(update={"source": str(Path(source.source).expanduser().absolute())})


def _is_path(name: str) -> bool:
    """Whether a name is that of files that are there, or of a glob."""
    return not _is_remote(name) and (Path(name).expanduser().exists() or glob.has_magic(name))


def _is_remote(name: str) -> bool:
    return name.startswith(tuple(f"{hub}:" for hub in HUBS)) or _ADDRESS.match(name) is not None


def find_sources(
    data: DataConfig,
    split: Split,
    before: Callable[[Split, int], Mapping[str, Any]],
    *,
    snapshot: Callable[[Split, int], Path] | None = None,
    known: Iterable[str] = (),
) -> list[Place]:
    """Find where the rows of each source of a split are, without reading them.

    Args:
        before: What a run that goes on has read as source `number` of a split, see `find_source`.
        snapshot: The Arrow file of the variable that is source `number` of a split; None leaves variables unfound.
        known: Further names that may have been meant.

    Raises:
        UserError: there is no such file or name, or its entry has a mistake.
    """
    places = []
    for number, source in enumerate(data.sources(split)):
        if is_variable(source):
            places.append(Place(source, (snapshot(split, number),) if snapshot else ()))
            continue
        try:
            places.append(find_source(source, data.dataset_dir, before(split, number), known))
        except UserError as error:
            changes = [data.change_of_source(split, number, change) for change in error.changes]
            raise UserError(error.what, f"data.{split}: {error.where}", error.fix, changes) from None
    return places


def find_source(
    source: SourceConfig,
    dataset_dir: str,
    before: Mapping[str, Any] | None = None,
    known: Iterable[str] = (),
) -> Place:
    """Find where the rows of a source are, without reading them; not for variables.

    The changes of an error begin at the source.

    Args:
        dataset_dir: The folder of dataset_info.json.
        before: What a run that goes on has read, as `resolved.json` says: the same files, wherever one is now.
        known: Further names that may have been meant.

    Raises:
        UserError: there is no such file or name, or its entry has a mistake.
    """
    name = source.source
    if before and before["source"] == name and before["files"]:
        files = tuple(map(Path, before["files"]))
        if all(file.exists() for file in files):
            return Place(SourceConfig.model_validate(before["read"]), files)
    if _is_remote(name):
        return _elsewhere(source)
    if _is_path(name):
        return _files_of(source)
    folder = Path(dataset_dir)
    names = registered_names(folder)
    if name in names:
        meant = _meant(registered(name, folder), source)
        try:
            return _elsewhere(meant) if _is_remote(meant.source) else _files_of(meant)
        except UserError as error:
            raise UserError(error.what, f"{registry(folder)}, {name}: {error.where}", error.fix) from None
    if name in known_datasets():
        return Place(_meant(known_datasets()[name].source, source))
    if _HUB_NAME.fullmatch(name) and not Path(name).parent.exists():
        return Place(source.model_copy(update={"source": f"hf:{name}"}))
    close = difflib.get_close_matches(name, {*names, *known, *known_datasets()}, n=3)
    if close:
        raise UserError(
            _("There is no file and no data set {name!r}.", name=name),
            name,
            _("Did you mean {names}?", names=either(close)),
            [change_to("source", one) for one in close],
        )
    if _PLAIN_NAME.fullmatch(name):
        raise _unregistered(name, registry(folder), names)
    return Place(source, tuple(find_files(name)))


def _unregistered(name: str, file: Path, names: Sequence[str]) -> UserError:
    """Of a name that can be one of dataset_info.json only."""
    what = _("There is no file and no data set {name!r}.", name=name)
    if not names:
        fix = _(
            "No names are registered there. Say with dataset_dir in which folder {file} is, or write a path.",
            file=FILE,
        )
    else:
        fix = _("Registered there: {names}. Take one, or write a path.", names=some_of(names))
    return UserError(what, str(file.absolute()), fix)


def is_found(name: str, dataset_dir: str) -> bool:
    """Whether a name means a file, a data set of dataset_info.json or one of the catalogue or of a hub."""
    try:
        find_source(SourceConfig(source=name), dataset_dir)
    except UserError:
        return False
    return True


def _elsewhere(source: SourceConfig) -> Place:
    name = source.source
    if _ADDRESS.match(name):
        check_address(name)
    elif name.endswith(":"):
        raise UserError(
            _("{name} names no data set.", name=name),
            name,
            _("Write its name after it, as in hf:owner/name."),
        )
    return Place(source)


def _files_of(source: SourceConfig) -> Place:
    _refuse_parts(source)
    return Place(source, tuple(find_files(source.source)))


def read_source(place: Place, limit: int | None) -> SourceRows:
    """At most `limit` rows of a source; those of files are read where they are iterated over.

    Raises:
        UserError: they cannot be read, or there are none; of files also while they are read.
    """
    if place.files:
        return _rows_of_files(place.files, limit)
    if _ADDRESS.match(place.source.source):
        return _rows_of_files(download(place.source.source), limit)
    from llmtune_kernel.data.hubs import read_hub

    return read_hub(place.source, limit)


def _rows_of_files(files: tuple[Path, ...], limit: int | None) -> SourceRows:
    rows = FileRows(files, limit)
    return SourceRows(rows, files, fingerprint_files(files), rows.firsts)


def stream_source(place: Place) -> Iterator[Row]:
    """The rows of a source as they are read, numbered as those of `read_source`; those of a hub are read at once.

    Raises:
        UserError: while reading, what `read_source` raises.
    """
    if place.files:
        return itertools.chain.from_iterable(map(stream_rows, place.files))
    return iter(read_source(place, None).rows)


def fingerprint_files(files: Iterable[Path]) -> str:
    """Hash the content of files; of one file it is that of `fingerprint_file`."""
    hashes = [fingerprint_file(file) for file in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _refuse_parts(source: SourceConfig) -> None:
    """Raise UserError if a part of files is named, which have none but `train`."""
    parts = {"subset": source.subset, "split": source.split, "folder": source.folder}
    for key, value in parts.items():
        if value is not None and (key, value) != ("split", "train"):
            raise UserError(
                _("{key} is {value}, and files have no such part.", key=key, value=value),
                source.source,
                _("Leave it out, and name the files that are meant."),
                [leave_out(key)],
            )


def _meant(known: SourceConfig, asked: SourceConfig) -> SourceConfig:
    """The source that `asked` names; what it says itself wins, and columns of another format than asked for go."""
    own = asked.model_dump(
        exclude_unset=True, exclude_none=True, exclude={"source", "format", "columns", "tags"}
    )
    as_known = asked.format in (None, "auto", known.format) or known.format == "auto"
    format = known.format if asked.format in (None, "auto") else asked.format
    columns = {**((known.columns or {}) if as_known else {}), **(asked.columns or {})}
    update = {**own, "format": format, "columns": columns, "tags": asked.tags or known.tags}
    return known.model_copy(update=update)
