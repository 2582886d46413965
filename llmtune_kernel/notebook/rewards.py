"""A function of the notebook that scores answers: `reward: $score`, kept with the run that learns from it."""

from __future__ import annotations

import difflib
import inspect
import pickle
from collections.abc import Callable, Mapping
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.errors import first_line
from llmtune_kernel.locale import _, either
from llmtune_kernel.runs.directory import RunDirectory


def reward_writer(config: RunConfig, namespace: Mapping[str, Any]) -> Callable[[RunDirectory], None] | None:
    """What writes the function that a configuration names, and its source, into a run directory; None if it names none.

    Raises:
        UserError: there is no such variable, or it is no function; not for a run to continue, which has its own.
    """
    name = config.reward_function
    if name is None or config.resume:
        return None
    function, where = namespace.get(name), f"objective.reward: ${name}"
    if not callable(function):
        known = [key for key, value in namespace.items() if inspect.isfunction(value) and key[:1] != "_"]
        close = difflib.get_close_matches(name, known, n=3)
        if name in namespace:
            what = _(
                "{name} is of type {kind}, not a function.", name=f"${name}", kind=type(function).__name__
            )
        else:
            what = _("There is no variable named {name!r} in this notebook.", name=name)
        fix = _(
            "Define it as a function of prompts and answers that returns scores: def score(prompts, answers)."
        )
        if close:
            fix = _("Did you mean {names}?", names=either(f"${other}" for other in close))
        changes = [change_to("objective.reward", f"${other}") for other in close]
        raise UserError(what, where, fix, changes)

    def write(directory: RunDirectory) -> None:
        import cloudpickle

        try:
            pickled = cloudpickle.dumps(function)
        except (pickle.PicklingError, TypeError) as error:
            what = _("The function cannot be kept with the run: {reason}", reason=first_line(error))
            fix = _("Make inside of it what it uses: open files, connections and models cannot be kept.")
            raise UserError(what, where, fix) from error
        directory.reward.write_bytes(pickled)
        directory.reward_source.write_text(_source(function), encoding="utf-8")

    return write


def _source(function: Any) -> str:
    """The text of a function, to be read beside it; empty where there is none."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""
