"""From a file to rows: plain dicts, in order, with exact strings.

The kernel imports this file, so pyarrow is imported only where it is used.
"""

from __future__ import annotations

import contextlib
import difflib
import glob
import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PurePosixPath

from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.arrow_files import open_arrow, read_arrow, read_parquet
from llmtune_kernel.data.csv_files import read_csv
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.heads import HEAD_BYTES, check_head
from llmtune_kernel.data.json_files import read_json, read_jsonl
from llmtune_kernel.data.json_text import load_json
from llmtune_kernel.data.packed import PACKED, open_bytes, open_text
from llmtune_kernel.locale import _, either

# Files beside the rows that say something of them.
_DESCRIPTIONS = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")


def read_rows(path: Path | str, limit: int | None = None) -> list[Row]:
    """Read at most `limit` rows of a file, in order; its suffix says how, see `READERS` and `PACKED`.

    Raises:
        UserError: no such file, another suffix, content that does not fit the suffix, or no rows.
    """
    return list(itertools.islice(stream_rows(path), limit))


def stream_rows(path: Path | str) -> Iterator[Row]:
    """The rows of a file as they are read, in order.

    Raises:
        UserError: while reading, what `read_rows` raises.
    """
    path = find_file(path)
    count = 0
    try:
        for row in READERS[_kind(path)](path):
            count += 1
            yield row
    except UnicodeDecodeError as error:
        where = _("{path}, line {line}", path=path, line=_undecodable_line(path))
        raise UserError(
            _("{name} is not UTF-8 text.", name=path.name), where, _("Save it as UTF-8.")
        ) from error
    except (OSError, EOFError) as error:
        raise UserError(
            _("{name} cannot be read: {error}.", name=path.name, error=error),
            _("{path}, after row {row}", path=path, row=count - 1) if count else str(path),
            _("Check that the file is whole."),
        ) from error
    if not count:
        raise UserError(
            _("{name} has no rows.", name=path.name), str(path), _("Give a file with at least one row.")
        )


def _undecodable_line(path: Path) -> int:
    """The number of the first line that is not UTF-8, counted from 1."""
    with open_text(path, errors="surrogateescape") as lines:
        return next(number for number, line in enumerate(lines, 1) if re.search("[\udc80-\udcff]", line))


def find_files(place: str) -> list[Path]:
    """The files of rows that a path names: a file, all in a folder and below it, or all that fit a glob, by name.

    A folder may also be one that `datasets.Dataset.save_to_disk` wrote. The changes of an error begin at the source.

    Raises:
        UserError: there is none, or they are not of one kind.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        files = _saved_data_set(path) or _of_folder(path)
    elif not path.exists() and glob.has_magic(place):
        # It finds what is hidden only where the pattern names it.
        fitting = glob.glob(str(path), recursive=True)
        if not fitting:
            raise UserError(_("No file fits {path}.", path=path), str(path.absolute()), _check_the_path(path))
        files = _readable(map(Path, fitting))
    else:
        return [find_file(path)]
    if not files:
        raise _none_read(str(path), str(path.absolute()))
    _check_kinds(files, str(path), path if path.is_dir() else path.parent, str(path.absolute()))
    return files


def _check_kinds(files: Iterable[PurePath], place: str, folder: PurePath | str, where: str) -> None:
    """Raise UserError if the files that a place names are of several kinds; `folder` has them."""
    kinds = sorted({_kind(file) for file in files})
    if len(kinds) > 1:
        raise UserError(
            _("{path} has files of several kinds: {kinds}.", path=place, kinds=", ".join(kinds)),
            where,
            _("Choose one kind, for example {path}.", path=f"{folder}/*{kinds[0]}"),
            [change_to("source", f"{folder}/*{kind}") for kind in kinds],
        )


def _none_read(place: str, where: str) -> UserError:
    return UserError(
        _("{path} has no file that is read.", path=place),
        where,
        _("Use one of {allowed}.", allowed=", ".join(READERS)),
    )


def rows_among(names: Iterable[str], address: str, folder: str) -> list[str]:
    """Of the files that are at an address those of rows, in order; the names have the suffixes.

    Args:
        folder: The address of the folder that has them.

    Raises:
        UserError: there is none, or they are not of one kind.
    """
    files = sorted(path for path in map(PurePosixPath, names) if is_of_rows(path))
    if not files:
        raise _none_read(address, address)
    _check_kinds(files, address, folder, address)
    return list(map(str, files))


def is_of_rows(path: PurePath) -> bool:
    """Whether the name of a file is that of one of rows."""
    return _kind(path) in READERS and path.name not in _DESCRIPTIONS


def _not_hidden(folder: Path) -> Iterator[Path]:
    """All that is in a folder and below it, without what is hidden."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _readable(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if is_of_rows(path) and path.is_file())


def _of_folder(folder: Path) -> list[Path]:
    """The files of rows in a folder and below it."""
    found = list(_not_hidden(folder))
    saved = sorted(path.parent for path in found if path.name in ("dataset_dict.json", "state.json"))
    saved = [inner for inner in saved if _is_saved(inner)]
    if saved:
        raise UserError(
            _(
                "{path} holds folders of saved data sets: {folders}.",
                path=folder,
                folders=", ".join(str(inner.relative_to(folder)) for inner in saved),
            ),
            str(folder.absolute()),
            _("Name the folder of one: {path}.", path=saved[0]),
            [change_to("source", str(inner)) for inner in saved],
        )
    return _readable(found)


def _is_saved(folder: Path) -> bool:
    """Whether the library datasets saved one data set in a folder."""
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


def _saved_data_set(folder: Path) -> list[Path]:
    """The files of a data set that the library datasets saved, in order; empty if `folder` is none."""
    if (folder / "dataset_dict.json").is_file():
        splits = sorted(path.name for path in folder.iterdir() if (path / "state.json").is_file())
        raise UserError(
            _("{path} holds several splits: {splits}.", path=folder, splits=", ".join(splits)),
            str(folder.absolute()),
            _("Name the folder of one: {path}.", path=folder / (splits or ["train"])[0]),
            [change_to("source", str(folder / split)) for split in splits],
        )
    state = folder / "state.json"
    return [folder / name for name in _saved_names(state)] if state.is_file() else []


def _saved_names(state: Path) -> list[str]:
    """The names of the files that a state.json of the library datasets lists; none if it is of something else."""
    try:
        found = load_json(state.read_text(encoding="utf-8"))
        names = [file["filename"] for file in found.get("_data_files", [])]
        if all(Path(name).name == name for name in names):
            return names
    except (ValueError, AttributeError, KeyError, TypeError):  # another JSON, or none
        pass
    raise UserError(
        _("{name} does not list the files of a data set.", name=state.name),
        str(state.absolute()),
        _("Save the data set anew, or name its files: {files}.", files=state.parent / "*.arrow"),
    )


def _kind(path: PurePath) -> str:
    """The suffix that says how a file is read: that of what is packed, if it is packed."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED else suffix


def fingerprint_file(path: Path | str) -> str:
    """Hash the content of a file of rows; a snapshot has the fingerprint of its variable.

    Raises:
        UserError: there is no such file, or its suffix is not one of ours.
    """
    path = find_file(path)
    if _kind(path) == ".arrow":
        from llmtune_kernel.data import arrow

        schema, _ = open_arrow(path)
        stored = (schema.metadata or {}).get(arrow.FINGERPRINT_KEY)
        if stored is not None:
            return str(stored.decode())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_file(path: Path | str) -> Path:
    """The path of a file of rows, `~` resolved.

    Raises:
        UserError: there is no such file, or its suffix is not one of ours.
    """
    path = Path(path).expanduser()
    allowed = _("{suffixes}, also with {packed}", suffixes=", ".join(READERS), packed=", ".join(PACKED))
    if path.is_dir():
        inside = sorted(file.name for file in path.iterdir() if _kind(file) in READERS)[:5]
        fix = (
            _("Name a file in it: {files}.", files=", ".join(inside))
            if inside
            else _("Name a file ({allowed}).", allowed=allowed)
        )
        raise UserError(_("{path} is a folder.", path=path), str(path), fix)
    if not path.exists():
        close = _close_names(path)
        what, fix = _("There is no file {path}.", path=path), _about_missing(path, close)
        if path.is_symlink():
            what = _("{path} is a link to {target}, which is not there.", path=path, target=path.readlink())
        raise UserError(
            what,
            str(path.absolute()),
            fix,
            [change_to("source", str(path.with_name(name))) for name in close],
        )
    if _kind(path) not in READERS:
        raise UserError(
            _("{name} has no suffix that is read.", name=path.name),
            str(path),
            _("Use one of {allowed}.", allowed=allowed),
        )
    _check_content(path)
    return path


def _check_content(path: Path) -> None:
    """Raise UserError if what is there is no file, or is not what its suffix says."""
    if not path.is_file():
        raise UserError(
            _("{path} is no regular file.", path=path),
            str(path.absolute()),
            _("Write the rows to a file first: they are read more than once."),
        )
    is_packed = path.suffix.lower() in PACKED
    if is_packed and _kind(path) not in _TEXTS:
        raise UserError(
            _("{name} is packed, which only files of text may be.", name=path.name),
            str(path.absolute()),
            _("Unpack it."),
        )
    with path.open("rb") as file:
        check_head(path, file.read(HEAD_BYTES), path.suffix.lower())
    if is_packed:
        with contextlib.suppress(OSError), open_bytes(path) as inside:  # what is damaged is told with its row
            check_head(path, inside.read(HEAD_BYTES), _kind(path))


def _close_names(path: Path) -> list[str]:
    """Names in the folder of a path that are close to its own, whatever their suffixes are."""
    beside: dict[str, list[str]] = {}
    for file in path.parent.iterdir() if path.parent.is_dir() else ():
        if file.name == path.name:  # a link to nowhere
            continue
        beside.setdefault(file.name.partition(".")[0], []).append(file.name)
    close = difflib.get_close_matches(path.name.partition(".")[0], beside, n=3)
    return [name for stem in close for name in sorted(beside[stem])][:3]


def _about_missing(path: Path, close: list[str]) -> str:
    if not path.parent.is_dir():
        return _("The folder {parent} does not exist either; check the path.", parent=path.parent)
    if close:
        return _("Did you mean {names}?", names=either(close))
    return _check_the_path(path)


def _check_the_path(path: Path) -> str:
    if path.is_absolute():
        return _("Check the path.")
    return _("Check the path; it starts at the working directory.")


def _read_text(path: Path) -> Iterator[Row]:
    """Each line that is not blank is a text."""
    with open_text(path) as file:
        for line in file:
            if line.strip():
                yield {"text": line.rstrip("\r\n")}


READERS = {
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".txt": _read_text,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
}
_TEXTS = READERS.keys() - {".parquet", ".arrow"}
