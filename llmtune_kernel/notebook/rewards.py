"""A function of the notebook that scores answers: `reward: $score`, kept with the run that learns from it."""

from __future__ import annotations

import ast
import difflib
import inspect
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.errors import first_line
from llmtune_kernel.locale import _, either
from llmtune_kernel.runs.directory import RunDirectory, set_aside
from llmtune_kernel.runs.launch import WriteReward
from llmtune_kernel.runs.scoring import wrapped_in


def reward_writer(config: RunConfig, namespace: Mapping[str, Any]) -> WriteReward | None:
    """What writes the function that a configuration names, and its source, into a run directory; None if it names none.

    None also for a run to continue where there is no such function: it has its own.

    Raises:
        UserError: there is no such variable, or it is no function.
    """
    name = config.reward_function
    if name is None:
        return None
    function, where = namespace.get(name), f"objective.reward: ${name}"
    if not callable(function):
        if config.resume:
            return None
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

    def write(directory: RunDirectory) -> Path | None:
        import cloudpickle

        try:
            pickled = cloudpickle.dumps(function)
        except (pickle.PicklingError, TypeError) as error:
            what = _("The function cannot be kept with the run: {reason}", reason=first_line(error))
            fix = _("Make inside of it what it uses: open files, connections and models cannot be kept.")
            raise UserError(what, where, fix) from error
        before = None
        if directory.reward.exists():
            if directory.reward.read_bytes() == pickled:
                return None
            before = set_aside(directory.reward_source, directory.reward)[0]
        directory.reward.write_bytes(pickled)
        directory.reward_source.write_text(_source(function), encoding="utf-8")
        return before

    return write


def _source(function: Any) -> str:
    """The text of a function, or of the class of an object that is called; empty where there is none."""
    inner = wrapped_in(function)
    try:
        return inspect.getsource(inner) if inspect.isroutine(inner) else _class_source(type(inner))
    except (OSError, SyntaxError, TypeError):
        return ""


def _class_source(kind: type) -> str:
    """The text of a class, found by its method: of classes of a notebook Python 3.11 does not know where they are."""
    lines, _number = inspect.findsource(kind.__call__)
    for node in ast.walk(ast.parse("".join(lines))):
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            return "".join(lines[first - 1 : node.end_lineno])
    return inspect.getsource(kind.__call__)
