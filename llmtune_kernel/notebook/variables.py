"""Variables of the notebook as data sets: `data: $df`."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.sections import SPLITS, VariableSource
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
        variable.key: _writer(variable, namespace)
        for variable in config.data.variables()
        if not config.resume or variable.name in namespace
    }


def look_up(name: str, namespace: Mapping[str, Any], where: str) -> Any:
    """The value of a variable.

    Raises:
        UserError: it is not defined; names the closest.
    """
    if name in namespace:
        return namespace[name]
    fix = _did_you_mean(name, namespace) or _("Run the cell that defines it first.")
    raise UserError(
        _("There is no variable named {name!r} in this notebook.", name=name), f"{where}: ${name}", fix
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


def _did_you_mean(name: str, namespace: Mapping[str, Any]) -> str:
    variables = [variable for variable, _info in _described(namespace)]
    close = difflib.get_close_matches(name, variables, n=3)
    return _("Did you mean {names}?", names=either(f"${other}" for other in close)) if close else ""


def _writer(variable: VariableSource, namespace: Mapping[str, Any]) -> WriteData:
    name, where = variable.name, f"data.{variable.split}"
    # An object that was given without a variable has the name of its place.
    label = where if name == variable.split else f"${name}"
    value = split_of(look_up(name, namespace, where), variable.part, label)

    def write(path: Path) -> Snapshot:
        return snapshot_variable(value, path, name, label)

    return write
