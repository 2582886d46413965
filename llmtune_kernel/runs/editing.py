"""What a user does to runs that are there: another name, tags, a note, the trash."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import N_, _, look_up
from llmtune_kernel.runs.directory import RunDirectory, check_name, how_to_stop

TRASH = ".trash"
_LONGEST_TAG = 40


def edit_run(
    directory: RunDirectory,
    name: str | None = None,
    tags: Sequence[str] | None = None,
    note: str | None = None,
) -> RunDirectory:
    """Give a run another name, tags or a note; None leaves what is there.

    Args:
        tags: Spaces around them and repeated ones are left out.

    Returns:
        The directory under its present name.

    Raises:
        UserError: the name is not usable, or used; a run that is to be renamed goes on; a tag is too long.
    """
    meta = directory.read_meta()
    if tags is not None:
        meta = meta.model_copy(update={"tags": _tidy(tags)})
    if note is not None:
        meta = meta.model_copy(update={"note": note.strip()})
    try:
        if name is not None and name != directory.name:
            directory = _rename(directory, name)
        if tags is not None or note is not None:
            directory.write_meta(meta)
    except OSError as error:
        raise _not_writable(directory, error) from error
    return directory


def delete_runs(directories: Sequence[RunDirectory]) -> list[Path]:
    """Move runs to the folder `.trash` beside them: all of them, or none.

    Returns:
        Where they are now.

    Raises:
        UserError: one of them goes on, or cannot be moved.
    """
    with ExitStack() as locks:
        doomed = list({directory.path: directory for directory in directories}.values())
        for directory in doomed:
            _hold(
                directory,
                locks,
                N_("The run {name!r} is running; only a run that is over can be deleted."),
            )
        return [_discard(directory) for directory in doomed]


def _rename(directory: RunDirectory, name: str) -> RunDirectory:
    check_name(name)
    target = directory.path.with_name(name)
    if os.path.exists(target):  # False where that cannot be told: then renaming fails too
        raise UserError(
            _("A run named {name!r} exists already.", name=name), str(target), _("Choose another name.")
        )
    with ExitStack() as locks:
        _hold(directory, locks, N_("The run {name!r} is running; only a run that is over can be renamed."))
        directory.path.rename(target)
    return RunDirectory(target)


def _hold(directory: RunDirectory, locks: ExitStack, refusal: str) -> None:
    """Keep a run from being continued meanwhile; one that goes on is refused."""
    if directory.alive:
        raise UserError(
            look_up(refusal).format(name=directory.name),
            str(directory.path),
            how_to_stop(directory.name),
        )
    try:
        locks.callback(os.close, directory.acquire_lock())
    except OSError as error:
        raise _not_writable(directory, error) from error


def _discard(directory: RunDirectory) -> Path:
    trash = directory.path.parent / TRASH
    try:
        trash.mkdir(mode=0o700, exist_ok=True)
        stem = f"{directory.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        target, number = trash / stem, 1
        while target.exists():
            number += 1
            target = trash / f"{stem}-{number}"
        return directory.path.rename(target)
    except OSError as error:
        raise _not_writable(directory, error) from error


def _tidy(tags: Sequence[str]) -> list[str]:
    """Trimmed, without empty and repeated ones, in their order."""
    tidy = list(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    for tag in tidy:
        if len(tag) > _LONGEST_TAG:
            raise UserError(
                _(
                    "A tag has at most {most} characters; this one has {length}.",
                    most=_LONGEST_TAG,
                    length=len(tag),
                ),
                tag,
                _("Shorten it, or write it as a note."),
            )
    return tidy


def _not_writable(directory: RunDirectory, error: OSError) -> UserError:
    return UserError(
        _("The run {name!r} cannot be changed: {reason}.", name=directory.name, reason=error.strerror),
        str(directory.path),
        _("Give yourself the right to write to its folder."),
    )
