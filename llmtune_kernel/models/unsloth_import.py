"""Unsloth is imported before what it changes."""

from __future__ import annotations

import importlib.util
import os
import traceback
from pathlib import Path

from llmtune_kernel.config import UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.config.errors import first_line
from llmtune_kernel.config.places import cache_directory
from llmtune_kernel.locale import _

WHERE = "model.backend"
LEAVE = leave_out("model.backend")


def check_installed() -> None:
    """Raise UserError if Unsloth is not there."""
    if not importlib.util.find_spec("unsloth"):
        raise UserError(
            _("The package {package} is not installed.", package="unsloth"),
            WHERE,
            _("Install it: {command}", command="%pip install 'jupyterlab-llmtune[unsloth]'"),
            [LEAVE],
        )


def import_first() -> None:
    """Import Unsloth, which changes transformers, PEFT and TRL for the whole process: before any of them.

    It counts no users here, and what it compiles goes to our cache, not to the folder of the user.

    Raises:
        UserError: it cannot be imported; says why.
    """
    check_installed()
    os.environ["UNSLOTH_DISABLE_STATISTICS"] = "1"
    os.environ["UNSLOTH_COMPILE_LOCATION"] = str(folder() / "compiled")
    os.environ["UNSLOTH_MEGA_CACHE_DIR"] = str(folder() / "artifacts")
    try:
        import unsloth
    except Exception as error:
        traceback.print_exc()
        raise UserError(
            _("Unsloth cannot be imported: {reason}", reason=first_line(error)),
            WHERE,
            _("Install what it misses, or leave model.backend out."),
            [LEAVE],
        ) from error
    assert unsloth


def folder() -> Path:
    """Where Unsloth keeps what it makes."""
    folder = cache_directory() / "unsloth"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
