"""What a run begins with: its base model, and adapters: where they are, and the copies of them that it keeps."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME

from llmtune_kernel.config import LoraMethod, ModelConfig, RunConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.sources import ModelSource, OnProgress, find_model
from llmtune_kernel.runs.directory import RunDirectory, runs_root


@dataclass(frozen=True)
class Earlier:
    """Folders of adapters: those that the base model has, in order, `merged` or `beneath` the one that is trained; and
    the one that training starts with, where it is there already.
    """

    merged: tuple[Path, ...] = ()
    beneath: tuple[Path, ...] = ()
    start: Path | None = None

    @staticmethod
    def of(config: RunConfig, folders: Iterable[Path], start: Path | None) -> Earlier:
        """As the model of a configuration has them."""
        found = tuple(folders)
        return Earlier((), found, start) if config.model.stacks else Earlier(found, (), start)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that the base model has, in order."""
        return self.merged or self.beneath


NO_EARLIER = Earlier()


def find_base(config: ModelConfig, on_progress: OnProgress = lambda _message: None) -> ModelSource:
    """As `find_model`; where the name is that of a run, it is told how to name what that trained.

    Raises:
        UserError: of `find_model`; the name is that of a run.
    """
    name = config.name_or_path
    run = RunDirectory(runs_root() / name)
    if "/" in name or Path(name).exists() or not run.events.exists():
        return find_model(config, on_progress)
    what, where = _("{name} is a run, not a model.", name=name), f"model.name_or_path: {name}"
    if run.model.exists():
        folder = str(run.model)
        change = change_to("model.name_or_path", folder)
        raise UserError(what, where, _("Name the model that it trained: {folder}", folder=folder), [change])
    if run.adapter.exists():
        base = run.read_resolved().get("config", {}).get("model", {}).get("name_or_path", "")
        fix = _("Name its base model, {base}, and the run in model.adapters.", base=base)
        raise UserError(what, where, fix)
    raise UserError(what, where, _("It has no result. Name a model."))


def earlier_adapters(config: RunConfig) -> Earlier:
    """Those that a configuration names.

    Raises:
        UserError: one is not there.
    """
    found = find_adapters(config.model.adapters, "model.adapters")
    name = config.method.adapter if isinstance(config.method, LoraMethod) else None
    if name is None:
        return Earlier.of(config, found, None)
    start = find_adapter(name, "method.adapter")
    return Earlier.of(config, _each_once([*found, *_beneath(start)]), start)


def keep_adapters(config: RunConfig, directory: RunDirectory, checkpoint: Path | None) -> Earlier:
    """Those that a run begins with; it keeps copies: its result is loaded with them, and where it is continued it
    compares with the model as it was at the start.

    Args:
        checkpoint: Where it continues from: what its run began with is there, whatever became of the folders since.

    Raises:
        UserError: one is not there.
    """
    if checkpoint is None:
        found = earlier_adapters(config)
    else:
        before = RunDirectory(checkpoint.parents[1])
        initial = before.initial if before.initial.is_dir() else checkpoint  # of a run before they were kept
        found = Earlier.of(config, before.earlier(), initial if config.method.keeps_initial else None)
    for number, folder in enumerate(found.folders):
        _keep(folder, directory.earlier_at(number))
    if found.start:
        _keep(found.start, directory.initial)
    return found


def _keep(folder: Path, copy: Path) -> None:
    if folder != copy:
        copy.mkdir(parents=True, exist_ok=True)
        for name in (CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME):
            shutil.copyfile(folder / name, copy / name)


def find_adapters(names: Iterable[str], key: str) -> list[Path]:
    """The folders of adapters, each once; before that of a run come those that its model had.

    Args:
        key: The setting that names them.

    Raises:
        UserError: one is not there.
    """
    folders = [find_adapter(name, key) for name in names]
    return _each_once(one for folder in folders for one in (*_beneath(folder), folder))


def _beneath(folder: Path) -> list[Path]:
    """The adapters that the model had on which the one in this folder was trained, if a run trained it there."""
    run = RunDirectory(folder.parent)
    return run.earlier() if folder == run.adapter else []


def _each_once(folders: Iterable[Path]) -> list[Path]:
    found: dict[bytes, Path] = {}
    for folder in folders:
        with (folder / SAFETENSORS_WEIGHTS_NAME).open("rb") as file:
            found.setdefault(hashlib.file_digest(file, "sha256").digest(), folder)
    return list(found.values())


def find_adapter(name: str, key: str) -> Path:
    """The folder of an adapter: that of a run, or the one of this path.

    Args:
        key: The setting that names it.

    Raises:
        UserError: it is not there.
    """
    run, path = RunDirectory(runs_root() / name), Path(name).expanduser().absolute()
    folder = run.adapter if run.events.exists() else path
    if (folder / CONFIG_NAME).is_file() and (folder / SAFETENSORS_WEIGHTS_NAME).is_file():
        return folder
    if run.events.exists():
        what = _("The run {name!r} has no adapter.", name=name)
    elif (folder / CONFIG_NAME).is_file():
        what = _("The adapter in this folder has no {file}.", file=SAFETENSORS_WEIGHTS_NAME)
    elif folder.is_dir():
        what = _("This folder holds no adapter: it has no {file}.", file=CONFIG_NAME)
    else:
        what = _("There is no run and no folder named {name!r}.", name=name)
    fix = _("Name a run that trained an adapter, or the folder that one was saved to.")
    raise UserError(what, f"{key}: {name}", fix, [leave_out(key)])
