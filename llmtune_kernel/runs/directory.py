"""A run directory: its layout, its name, its lock, and the folder that holds all runs."""

from __future__ import annotations

import difflib
import errno
import fcntl
import itertools
import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _

RUNS_VARIABLE = "LLMTUNE_HOME"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
# A run writes at least its log, events and an adapter; below this it would fail half-way.
_LEAST_FREE_BYTES = 200 * 2**20
_SESSION = "=== a session of the run begins ===\n"


def runs_root() -> Path:
    """The folder that holds all runs: `LLMTUNE_HOME`, or `llmtune-runs` in the working directory."""
    return Path(os.path.expanduser(os.environ.get(RUNS_VARIABLE) or "llmtune-runs")).absolute()


class Meta(BaseModel):
    """What the user says of a run, kept in meta.json."""

    model_config = ConfigDict(extra="forbid")
    tags: list[str] = Field(default_factory=list)
    note: str = ""


class RunDirectory:
    """Paths inside one run directory, and the lock that tells whether its worker lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.config = path / "config.yaml"
        self.resolved = path / "resolved.json"
        self.meta = path / "meta.json"
        self.data = path / "data"
        self.reward = self.data / "reward.pickle"
        self.reward_source = self.data / "reward.py"
        self.events = path / "events.jsonl"
        self.log = path / "worker.log"
        self.lock = path / "lock"
        self.control = path / "control.json"
        self.checkpoints = path / "checkpoints"
        self.start = path / "adapter-start"
        self.initial = path / "adapter-initial"
        self._earlier = path / "earlier"
        self.adapter = path / "adapter"
        self.model = path / "model"
        self.tensorboard = path / "tensorboard"

    @classmethod
    def create(cls, name: str, root: Path | None = None) -> RunDirectory:
        """Make the directory of a new run (mode 0700).

        Raises:
            UserError: the name is not usable or used already, or the disk is full or not writable.
        """
        root = root or runs_root()
        check_name(name)
        cls.refuse_used(name, root)
        directory = cls(root / name)
        try:
            root.mkdir(parents=True, exist_ok=True)
            _check_space(root)
            directory.path.mkdir(mode=0o700)
            directory.data.mkdir()
            directory.checkpoints.mkdir()
        except OSError as error:
            raise _unwritable(directory.path, error) from error
        return directory

    def snapshot(self, split: str, number: int) -> Path:
        """The Arrow file of a notebook variable, which is source `number` of a split: train.arrow, train-2.arrow, …"""
        return self.data / (f"{split}.arrow" if number == 0 else f"{split}-{number + 1}.arrow")

    def earlier(self) -> list[Path]:
        """Copies of the adapters that its model had before training, the first one first."""
        return sorted(self._earlier.glob("*"), key=lambda folder: int(folder.name))

    def earlier_at(self, number: int) -> Path:
        """Where the copy of the one of this number goes, from 0."""
        return self._earlier / str(number + 1)

    @classmethod
    def refuse_used(cls, name: str, root: Path | None = None) -> None:
        """Raise a UserError if a run of that name exists."""
        path = (root or runs_root()) / name
        if not os.path.exists(path):  # False where that cannot be told: then it cannot be made either
            return
        what = _("A run named {name!r} exists already.", name=name)
        fix = _("Choose another name, or delete the folder.")
        directory = cls(path)
        if os.path.exists(directory.events):
            if directory.alive:
                what = _("A run named {name!r} is running.", name=name)
                fix = _(
                    "Choose another name, or stop it first: run.stop() in a notebook, llmtune stop {name} on a "
                    "terminal.",
                    name=name,
                )
            elif directory.last_checkpoint():
                fix = _(
                    "Choose another name, continue it with --resume {name}, or delete the folder.", name=name
                )
        raise UserError(what, str(path), fix)

    @classmethod
    def find(cls, name: str, root: Path | None = None) -> RunDirectory:
        """The directory of an existing run; `name` may also be a path to it.

        Raises:
            UserError: there is no such run; names the closest.
        """
        root = root or runs_root()
        for path in (root / name, Path(name).absolute()):
            try:
                if RunDirectory(path).events.exists():
                    return cls(path)
            except OSError as error:
                raise unreadable(path, error, path.name) from error
        known = [directory.name for directory in list_runs(root)]
        close = difflib.get_close_matches(name, known, n=1)
        fix = (
            _("Did you mean {names}?", names=close[0])
            if close
            else _("Known runs: {names}.", names=", ".join(known[:10]) or _("none yet"))
        )
        raise UserError(_("There is no run named {name!r}.", name=name), str(root), fix)

    def acquire_lock(self) -> int:
        """Take the lock; returns a file descriptor that holds it until it and all its copies are closed.

        Raises:
            UserError: a worker holds it, i.e. the run is running.
        """
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + 1.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                # `alive` of another process holds a shared lock for an instant: worth a few more tries.
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise UserError(
                        _("The run {name!r} is running.", name=self.name),
                        str(self.path),
                        how_to_stop(self.name),
                    ) from None
                time.sleep(0.02)

    @property
    def alive(self) -> bool:
        """Whether a process holds the lock: the worker, or the launcher that is about to hand it over."""
        try:
            descriptor = os.open(self.lock, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def read_resolved(self) -> dict[str, Any]:
        """The resolved configuration as the worker wrote it; empty before it did."""
        if not self.resolved.exists():
            return {}
        result: dict[str, Any] = json.loads(self.resolved.read_text(encoding="utf-8"))
        return result

    def read_meta(self) -> Meta:
        """Tags and note; empty where there are none.

        Raises:
            UserError: the file is not what `write_meta` wrote.
        """
        try:
            return Meta.model_validate_json(self.meta.read_bytes())
        except FileNotFoundError:
            return Meta()
        except ValidationError as error:
            raise UserError(
                _("The tags and the note of this run cannot be read: the file is damaged."),
                str(self.meta),
                _("Mend the file, or delete it."),
            ) from error

    def write_meta(self, meta: Meta) -> None:
        """Keep tags and note."""
        partial = self.meta.with_suffix(".partial")
        partial.write_text(meta.model_dump_json(indent=2), encoding="utf-8")
        partial.replace(self.meta)

    def last_checkpoint(self) -> Path | None:
        """The newest whole checkpoint."""
        found = self._whole_checkpoints()
        return found[-1] if found else None

    def keep_checkpoints(self, most: int) -> None:
        """Delete all checkpoints but the newest ones, `most` of them."""
        going = self.checkpoints / "going"
        for old in self._whole_checkpoints()[:-most]:
            # Under this name only while it is whole.
            shutil.rmtree(going, ignore_errors=True)
            old.rename(going)
        shutil.rmtree(going, ignore_errors=True)

    def _whole_checkpoints(self) -> list[Path]:
        """The oldest first."""
        return sorted(self.checkpoints.glob("step-*"))

    def result(self) -> Path | None:
        """The adapter, or the model, that was trained."""
        return next((path for path in (self.adapter, self.model) if path.exists()), None)

    def how_to_go_on(self) -> str:
        """What to do with a run that ended before its time."""
        return (
            _("Continue it with --resume {name}.", name=self.name)
            if self.last_checkpoint()
            else _("Start it again.")
        )

    def begin_log(self) -> None:
        """Begin the part of worker.log that belongs to a new session."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(_SESSION)

    def log_tail(self, lines: int = 12) -> list[str]:
        """The last lines of worker.log that are of the last session."""
        if not self.log.exists():
            return []
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return text.rpartition(_SESSION)[2].splitlines()[-lines:]


def set_aside(*files: Path) -> list[Path]:
    """Rename files whose place others take to NAME-1, NAME-2, …, all to the first number that is free.

    Returns:
        Their new paths.
    """
    for number in itertools.count(1):
        aside = [file.with_stem(f"{file.stem}-{number}") for file in files]
        if not any(one.exists() for one in aside):
            break
    for file, new in zip(files, aside, strict=True):
        file.rename(new)
    return aside


def how_to_stop(name: str) -> str:
    """What to do with a run that must be over first."""
    return _("Stop it first: run.stop() in a notebook, llmtune stop {name} on a terminal.", name=name)


def check_name(name: str) -> None:
    """Refuse names that are not safe as a folder name."""
    if not _NAME.fullmatch(name):
        raise UserError(
            _("{name!r} is not usable as the name of a run.", name=name),
            fix=_(
                "Use up to 64 letters, digits, '-', '_' and '.', and begin with a letter, a digit or '_', e.g. run1."
            ),
        )


def find_runs(root: Path | None = None) -> list[RunDirectory]:
    """All run directories of the runs folder, also those that cannot be read; not the trash.

    Raises:
        UserError: the runs folder cannot be read.
    """
    root = root or runs_root()
    try:
        paths = [path for path in root.iterdir() if not path.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(root, error) from error
    return [RunDirectory(path) for path in paths if _may_be_run(path)]


def list_runs(root: Path | None = None) -> list[RunDirectory]:
    """All run directories of the runs folder, newest first.

    Raises:
        UserError: as `find_runs`.
    """
    return sorted(find_runs(root), key=_started, reverse=True)


def unreadable(path: Path, error: OSError, run: str = "") -> UserError:
    """The mistake that a run, or else the folder of all runs, cannot be read."""
    if run:
        what = _("The run {name!r} cannot be read: {reason}.", name=run, reason=error.strerror)
    else:
        what = _("The runs folder cannot be read: {reason}.", reason=error.strerror)
    if isinstance(error, PermissionError):
        fix = _(
            "Give yourself the right to read it, or choose another runs folder, in the settings of JupyterLab or with "
            "LLMTUNE_HOME."
        )
    else:
        other = _(
            "Look at the folder on a terminal, or choose another runs folder, in the settings of JupyterLab or with "
            "LLMTUNE_HOME."
        )
        fix = _no_folder(error) or other
    return UserError(what, str(path), fix)


def check_runs_folder(root: Path | None = None) -> None:
    """Look whether a run can be made, without making anything.

    Raises:
        UserError: the disk is full, or the folder of all runs is no folder, or not writable.
    """
    root = root or runs_root()
    try:
        there = next(folder for folder in (root, *root.parents) if folder.exists())
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        _check_space(there)
    except OSError as error:
        raise _unwritable(root, error) from error


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise UserError(
            _(
                "Not enough disk: {free} MB free, a run needs at least {needed} MB.",
                free=free >> 20,
                needed=_LEAST_FREE_BYTES >> 20,
            ),
            str(folder),
            _("Free some space, or set LLMTUNE_HOME to a folder on another disk."),
        )


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        _("The run directory cannot be written: {reason}.", reason=error.strerror),
        str(path),
        _no_folder(error)
        or _(
            "Work in a folder you can write to, or choose another runs folder, in the settings of JupyterLab or "
            "with LLMTUNE_HOME."
        ),
    )


def _no_folder(error: OSError) -> str:
    """What to do where a file is in the way; empty if that is not what is wrong."""
    return (
        _(
            "A file stands where the folder should be: move it, or choose another runs folder, in the settings of "
            "JupyterLab or with LLMTUNE_HOME."
        )
        if isinstance(error, (NotADirectoryError, FileExistsError))
        else ""
    )


def _started(directory: RunDirectory) -> float:
    """Unix time of the first event; 0 where there is none to read."""
    try:
        with directory.events.open("rb") as file:
            return float(json.loads(file.readline())["time"])
    except (OSError, ValueError, LookupError):
        return 0.0


def _may_be_run(path: Path) -> bool:
    try:
        return (path / "events.jsonl").exists()
    except OSError:  # no permission to look: the list of runs says so
        return True


def free_name(stem: str = "run", root: Path | None = None) -> str:
    """The first of run-1, run-2, … that is not used."""
    root = root or runs_root()
    number = 1
    while os.path.exists(root / f"{stem}-{number}"):
        number += 1
    return f"{stem}-{number}"
