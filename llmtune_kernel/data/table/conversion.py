"""From a source to a store: by a process of its own, which reads as the trainer does, into the cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.config.places import cache_directory
from llmtune_kernel.data.formats import Row
from llmtune_kernel.data.identity import file_stamps
from llmtune_kernel.data.sources import Place, is_variable
from llmtune_kernel.data.table.store import Store
from llmtune_kernel.locale import _

_log = logging.getLogger(__name__)

_FORMAT = 2  # of the parts; another one is not read
_KEPT_BYTES = 8 << 30
_ABANDONED_SECONDS = 24 * 3600
_DONE = "done.json"


class Conversion:
    """Fills a store; what was converted before, and has not changed since, is taken from the cache."""

    def __init__(self, place: Place, whole: list[Row] | None) -> None:
        """Begin.

        Args:
            whole: All rows, if they are so few that they have been read already.
        """
        key = _key(place)
        root = cache_directory() / "tables"
        root.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        if key is not None and whole is None and (kept := _kept(root, key)):
            self.store = _restored(kept)
            return
        _prune(root)
        self.store = Store(Path(tempfile.mkdtemp(prefix=f"{key or 'once'}-", dir=root)))
        self._is_kept = key is not None and whole is None
        if whole is not None:
            self._begin(self._convert, whole)
        else:
            self._begin(self._follow, _start(place, self.store.folder))

    def close(self) -> None:
        """End it; what is not complete goes."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
        if self._thread is not None:
            self._thread.join()
        if not (self.store.folder / _DONE).exists():
            shutil.rmtree(self.store.folder, ignore_errors=True)

    def _begin(self, fill: Callable[[Any], None], argument: Any) -> None:
        self._thread = threading.Thread(target=fill, args=(argument,), name="llmtune-table", daemon=True)
        self._thread.start()

    def _convert(self, rows: Iterable[Row]) -> None:
        from llmtune_kernel.data.table.parts import write_parts

        fault = None
        try:
            for part in write_parts(rows, self.store.folder):
                self.store.add(part)
        except OSError as error:
            fault = _cannot_write(error)
        except Exception as error:  # a thread that ends would be waited for without end
            _log.exception("The rows of a table cannot be kept.")
            fault = UserError(_("The rows cannot be shown: {reason}", reason=error))
        self.store.finish(fault)

    def _follow(self, process: subprocess.Popen[str]) -> None:
        from llmtune_kernel.data.table.parts import Part

        self._process = process
        if self._closed:
            process.kill()
        assert process.stdout is not None
        assert process.stderr is not None
        fault: UserError | None = None
        is_done = False
        for line in process.stdout:
            said = json.loads(line)
            if "part" in said:
                self.store.add(Part(**said["part"]))
            elif "error" in said:
                fault = UserError(**said["error"])
            else:
                is_done = True
        tail = process.stderr.read().strip().splitlines()[-1:]
        process.wait()
        if is_done and self._is_kept:
            parts = [part.to_dict() for part in self.store.parts]
            (self.store.folder / _DONE).write_text(json.dumps(parts))
        if not is_done and fault is None:
            fault = UserError(
                _(
                    "The process that reads the rows ended: {reason}",
                    reason=tail[0] if tail else process.returncode,
                )
            )
        self.store.finish(fault)


def main() -> None:
    """The process: reads which source to convert from stdin, and writes a line of JSON for each part."""
    from llmtune_kernel.config.sources import SourceConfig
    from llmtune_kernel.data.sources import stream_source
    from llmtune_kernel.data.table.parts import write_parts

    # Cells and searches come first.
    os.nice(10)
    job = json.loads(sys.stdin.readline())
    place = Place(SourceConfig.model_validate(job["source"]), tuple(map(Path, job["files"])))

    def say(what: object) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    try:
        for part in write_parts(stream_source(place), Path(job["folder"])):
            say({"part": part.to_dict()})
        say({"done": True})
    except UserError as error:
        say({"error": {"what": error.what, "where": error.where, "fix": error.fix}})
    except OSError as error:
        fault = _cannot_write(error)
        say({"error": {"what": fault.what, "where": fault.where, "fix": fault.fix}})


def _start(place: Place, folder: Path) -> subprocess.Popen[str]:
    # A session of its own: an interrupt of a cell does not reach it. It ends when nobody reads what it says.
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    job = {
        "source": place.source.model_dump(mode="json"),
        "files": [str(file.absolute()) for file in place.files],
        "folder": str(folder),
    }
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(json.dumps(job) + "\n")
    return process


def _key(place: Place) -> str | None:
    """What tells the content of files from what it was; None for what cannot be told."""
    if not place.files or is_variable(place.source):
        return None
    said = [_FORMAT, file_stamps(place.files)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def _kept(root: Path, key: str) -> Path | None:
    return next((path.parent for path in root.glob(f"{key}-*/{_DONE}")), None)


def _restored(folder: Path) -> Store:
    from llmtune_kernel.data.table.parts import Part

    os.utime(folder / _DONE)
    store = Store(folder)
    for part in json.loads((folder / _DONE).read_text()):
        store.add(Part(**part))
    store.finish()
    return store


def _prune(root: Path) -> None:
    """Remove what nobody finished, and the tables that were not opened for longest where they take too much."""
    complete = []
    for folder in root.iterdir():
        with contextlib.suppress(OSError):
            if (folder / _DONE).exists():
                size = sum(file.stat().st_size for file in folder.iterdir())
                complete.append(((folder / _DONE).stat().st_mtime, size, folder))
            elif time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
    left = _KEPT_BYTES
    for _opened, size, folder in sorted(complete, reverse=True):
        left -= size
        if left < 0:
            shutil.rmtree(folder, ignore_errors=True)


def _cannot_write(error: OSError) -> UserError:
    return UserError(
        _("The rows cannot be written to the cache: {error}", error=error),
        str(cache_directory()),
        _("Free space there, or say with LLMTUNE_CACHE where else."),
    )


if __name__ == "__main__":
    main()
