"""What scores the answers of a run: an earlier run, or a function of a notebook."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import Any

from llmtune_kernel.config import UserError
from llmtune_kernel.config.changes import change_to
from llmtune_kernel.locale import _
from llmtune_kernel.runs.directory import RunDirectory, runs_root
from llmtune_kernel.runs.run import Run


def reward_run(name: str) -> Run | None:
    """The run that `objective.reward` names; None where it names something else.

    Raises:
        UserError: there is no such run, it trains no reward model, or it has no result.
    """
    path = Path(name).expanduser()
    is_run = any((folder / "events.jsonl").exists() for folder in (runs_root() / name, path))
    elsewhere = name.startswith("$") or "/" in name or path.exists()
    if elsewhere and not is_run:
        return None
    try:
        run = Run(RunDirectory.find(name))
        if not run.config.scores:
            what = _("The run {name!r} trains no reward model.", name=run.name)
            raise UserError(what, "", _("Name a run of the objective reward."))
        run.result()
    except UserError as error:
        fix, changes = error.fix, list(error.changes)
        if name.isidentifier() and not is_run:
            fix += " " + _("A function of the notebook is named with a dollar sign: {name}.", name=f"${name}")
            changes.append(change_to("objective.reward", f"${name}"))
        raise UserError(error.what, f"objective.reward: {name}", fix, changes) from error
    return run


def wrapped_in(function: Any) -> Any:
    """The function that partials and decorators stand around; the function itself where none do."""
    while isinstance(inner := inspect.unwrap(function), functools.partial):
        function = inner.func
    return inner
