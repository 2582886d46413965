"""Room on the disk: whether there is enough for what a run saves, and whether a save failed for the lack of it."""

from __future__ import annotations

import errno
import shutil

from llmtune_kernel.config import UserError
from llmtune_kernel.locale import _
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.wording import size

# A full disk, a quota that is used up, a limit on the size of a file.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What is saved beside weights and optimizer: the tokenizer, events, logs.
_REST = 32 * 2**20


def no_space(error: BaseException) -> bool:
    """Whether an error says that something could not be written for lack of space."""
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return True
    # safetensors gives the number in its text only, torch none at all.
    said = str(error)
    return "PytorchStreamWriter" in said or any(f"os error {code})" in said for code in _NO_SPACE)


def check_space(directory: RunDirectory, needed: int) -> None:
    """Check that the result and one checkpoint, together of `needed` bytes, will find room.

    Raises:
        UserError: they will not.
    """
    needed, free = needed + _REST, shutil.disk_usage(directory.path).free
    if free < needed:
        raise UserError(
            _(
                "Not enough disk: a result and a checkpoint take {needed}, {free} are free.",
                needed=size(needed),
                free=size(free),
            ),
            str(directory.path),
            _("Free some space, or set LLMTUNE_HOME to a folder on another disk."),
        )
