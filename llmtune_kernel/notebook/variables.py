"""Variables of the notebook as data sets: `data: $df`."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.changes import change_to
from llmtune_kernel.config.data import SPLITS, VariableSource
from llmtune_kernel.data.identity import content_hash
from llmtune_kernel.data.sources import find_sources
from llmtune_kernel.data.variables import Snapshot, VariableInfo, describe_value, snapshot_variable, split_of
from llmtune_kernel.locale import _, either
from llmtune_kernel.notebook.protocol import Variable
from llmtune_kernel.runs.launch import WriteData
from llmtune_kernel.runs.resuming import source_before


def data_writers(config: RunConfig, namespace: Mapping[str, Any]) -> dict[str, WriteData]:
    """For each variable that the configuration names, a function that writes it to an Arrow file.

    The variables of a run to continue may be gone: it has its own copy.

    Raises:
        UserError: a variable is not defined, or a file is not there.
    """
    known = [f"${name}" for name, _info in _described(namespace)]
    for part in SPLITS:
        find_sources(config.data, part, functools.partial(source_before, config), known=known)
    return {
        variable.key: _writer(config, variable, namespace)
        for variable in config.data.variables()
        if not config.resume or variable.name in namespace
    }


def look_up(name: str, namespace: Mapping[str, Any], where: str) -> Any:
    """The value of a variable.

    Raises:
        UserError: it is not defined; names the closest. Its changes begin at the source.
    """
    if name in namespace:
        return namespace[name]
    close = _close_names(name, namespace)
    fix = (
        _("Did you mean {names}?", names=either(f"${other}" for other in close))
        if close
        else _("Run the cell that defines it first.")
    )
    others = close or _largest(namespace)
    raise UserError(
        _("There is no variable named {name!r} in this notebook.", name=name),
        f"{where}: ${name}",
        fix,
        [change_to("source", f"${other}") for other in others],
    )


def list_variables(namespace: Mapping[str, Any]) -> list[Variable]:
    """The variables that can be data sets, by name."""
    return [
        Variable(
            name=name,
            type=described.type,
            rows=described.rows,
            columns=described.columns,
            content=content_hash(namespace[name]),
        )
        for name, described in _described(namespace)
    ]


def _described(namespace: Mapping[str, Any]) -> Iterator[tuple[str, VariableInfo]]:
    for name, value in sorted(namespace.items()):
        described = None if name.startswith("_") else describe_value(value)
        if described is not None:
            yield name, described


def _largest(namespace: Mapping[str, Any]) -> list[str]:
    """The three variables with the most rows; none without any."""
    rows = {name: described.rows for name, described in _described(namespace) if described.rows}
    return sorted(rows, key=lambda name: -rows[name])[:3]


def _close_names(name: str, namespace: Mapping[str, Any]) -> list[str]:
    variables = [variable for variable, _info in _described(namespace)]
    return difflib.get_close_matches(name, variables, n=3)


def _writer(config: RunConfig, variable: VariableSource, namespace: Mapping[str, Any]) -> WriteData:
    name, where = variable.name, f"data.{variable.split}"
    # An object that was given without a variable has the name of its place.
    label = where if name == variable.split else f"${name}"
    try:
        value = split_of(look_up(name, namespace, where), variable.part, label)
    except UserError as error:
        change_of = functools.partial(config.data.change_of_source, variable.split, variable.number)
        raise UserError(error.what, error.where, error.fix, map(change_of, error.changes)) from None

    def write(path: Path) -> Snapshot:
        return snapshot_variable(value, path, name, label)

    return write
