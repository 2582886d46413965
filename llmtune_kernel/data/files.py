"""From a file to rows: plain dicts, in order, with exact strings.

The kernel imports this file, so pyarrow is imported only where it is used.
"""

from __future__ import annotations

import csv
import difflib
import glob
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.json_files import read_json, read_jsonl
from llmtune_kernel.data.packed import PACKED, open_text
from llmtune_kernel.locale import _, either

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

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


# How a file begins that stands for one that is kept elsewhere.
_POINTER = b"version https://git-lfs"


def find_files(place: str) -> list[Path]:
    """The files of rows that a path names: a file, all in a folder and below it, or all that fit a glob, by name.

    A folder may also be one that `datasets.Dataset.save_to_disk` wrote. The changes of an error begin at the source.

    Raises:
        UserError: there is none, or they are not of one kind.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        files = _saved_data_set(path) or _readable(_not_hidden(path))
    elif not path.exists() and glob.has_magic(place):
        # It finds what is hidden only where the pattern names it.
        files = _readable(map(Path, glob.glob(str(path), recursive=True)))
    else:
        return [find_file(path)]
    if not files:
        raise UserError(
            _("{path} has no file that is read.", path=path),
            str(path.absolute()),
            _("Use one of {allowed}.", allowed=", ".join(READERS)),
        )
    kinds = sorted({_kind(file) for file in files})
    if len(kinds) > 1:
        raise UserError(
            _("{path} has files of several kinds: {kinds}.", path=path, kinds=", ".join(kinds)),
            str(path.absolute()),
            _(
                "Choose one kind, for example {path}.",
                path=(path if path.is_dir() else path.parent) / f"*{kinds[0]}",
            ),
            [
                change_to("source", str((path if path.is_dir() else path.parent) / f"*{kind}"))
                for kind in kinds
            ],
        )
    return files


def _not_hidden(folder: Path) -> Iterator[Path]:
    """All that is in a folder and below it, without what is hidden."""
    for path in folder.rglob("*"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _readable(paths: Iterable[Path]) -> list[Path]:
    return sorted(
        path for path in paths if _kind(path) in READERS and path.name not in _DESCRIPTIONS and path.is_file()
    )


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
    if not (folder / "state.json").is_file():
        return []
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return [folder / file["filename"] for file in state.get("_data_files", [])]


def _kind(path: Path) -> str:
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

        schema, _ = _open_arrow(path)
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
    allowed = ", ".join(READERS)
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
    """Raise UserError if what is there is no file, or stands for one that Git LFS has not fetched."""
    if not path.is_file():
        raise UserError(
            _("{path} is no regular file.", path=path),
            str(path.absolute()),
            _("Write the rows to a file first: they are read more than once."),
        )
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise UserError(
                _("{name} is a pointer of Git LFS, not the data.", name=path.name),
                str(path.absolute()),
                _("Fetch the data with git lfs pull in that folder, or download them again."),
            )


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
    return (
        _("Did you mean {names}?", names=either(close))
        if close
        else _("Check the path; it starts at the working directory.")
    )


def _read_csv(path: Path) -> Iterator[Row]:
    # The default limit of 128 KiB a field would refuse long documents.
    csv.field_size_limit(2**31 - 1)
    with open_text(path, newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            _check_header(path, header)
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise UserError(
                        _(
                            "A row of {name} has {fields} fields, the header has {header}.",
                            name=path.name,
                            fields=len(fields),
                            header=len(header),
                        ),
                        _("{path}, line {line}", path=path, line=reader.line_num),
                        _("Put text that holds commas or line breaks in double quotes."),
                    )
                yield dict(zip(header, fields, strict=True))
        except csv.Error as error:
            where = _("{path}, line {line}", path=path, line=reader.line_num)
            raise UserError(
                _("{name} is not valid CSV: {error}.", name=path.name, error=error),
                where,
                _("Check the quotes there."),
            ) from error


def _check_header(path: Path, header: list[str]) -> None:
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise UserError(
            _("{name} is not separated by commas.", name=path.name),
            _("{path}, line {line}", path=path, line=1),
            _("Save it as CSV with commas between fields."),
        )
    _check_names(path, header)


def _check_names(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            _("{name} has two columns named {column!r}.", name=path.name, column=twice[0]),
            str(path),
            _("Rename one of them."),
        )


def _read_text(path: Path) -> Iterator[Row]:
    """Each line that is not blank is a text."""
    with open_text(path) as file:
        for line in file:
            if line.strip():
                yield {"text": line.rstrip("\r\n")}


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    from llmtune_kernel.data import arrow

    try:
        file = pq.ParquetFile(path)
        _check_names(path, file.schema_arrow.names)
        yield from arrow.rows_of(file.iter_batches(arrow.BATCH_ROWS), file.schema_arrow)
    except pa.ArrowException as error:
        raise UserError(
            _("{name} is not a Parquet file: {error}", name=path.name, error=error),
            str(path),
            _("Write it anew."),
        ) from error


def _read_arrow(path: Path) -> Iterator[Row]:
    import pyarrow as pa

    from llmtune_kernel.data import arrow

    schema, batches = _open_arrow(path)
    _check_names(path, schema.names)
    try:
        yield from arrow.rows_of(batches, schema)
    except pa.ArrowException as error:
        raise UserError(
            _("{name} is not a complete Arrow file: {error}", name=path.name, error=error),
            str(path),
            _("Write it anew."),
        ) from error


def _open_arrow(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    import pyarrow as pa

    source = pa.memory_map(str(path))
    try:
        file = pa.ipc.open_file(source)
    except pa.ArrowException:
        source.seek(0)
    else:
        return file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
    try:
        stream = pa.ipc.open_stream(source)
    except pa.ArrowException as error:
        raise UserError(
            _("{name} is not an Arrow file: {error}", name=path.name, error=error),
            str(path),
            _("Write it anew."),
        ) from error
    return stream.schema, iter(stream)


READERS = {
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".csv": _read_csv,
    ".txt": _read_text,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
}
