"""Which changes of a configuration mend a mistake in it: they are made, and the whole is checked again."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from llmtune_kernel.config.changes import Change
from llmtune_kernel.config.explain import explain
from llmtune_kernel.config.problems import Problem
from llmtune_kernel.config.run import DEFAULT_TYPES, RunConfig, expand_short_forms
from llmtune_kernel.config.schema import cached_schema

_Parts = tuple[str, ...]
_SECTIONS = RunConfig.model_fields.keys() - {"resume"}


def with_mending_changes(problems: Iterable[Problem], values: Mapping[str, Any]) -> list[Problem]:
    """Problems of a configuration, each with those of its changes that mend it.

    A value can be left out where nothing else mends it, a whole section cannot.
    """
    found = []
    for problem in problems:
        is_value = problem.key not in _SECTIONS and not problem.key.endswith("]")
        without = [Change(path=_parts(problem.key))] if is_value else []
        changes = _mending(problem.changes, problem, values) or _mending(without, problem, values)
        found.append(dataclasses.replace(problem, changes=changes))
    return found


def changed(values: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """A configuration with a change made, its sections written out.

    Keys that another type of a section does not have go with the type.
    """
    result = copy.deepcopy(expand_short_forms(values))
    value = change.value if change.replaces is None else _remove(result, change.replaces)
    if change.replaces is None and value is None:
        _remove(result, change.path)
        return result
    *outer, last = change.path
    inside: Any = result
    for part in outer:
        inside = inside[int(part)] if isinstance(inside, list) else inside.setdefault(part, {})
    inside[int(last) if isinstance(inside, list) else last] = value
    if last == "type" and len(outer) == 1 and outer[0] in DEFAULT_TYPES:
        known = _keys_of_type(outer[0], value)
        result[outer[0]] = {key: one for key, one in inside.items() if key in known}
    return result


def _mending(changes: Iterable[Change], problem: Problem, values: Mapping[str, Any]) -> tuple[Change, ...]:
    return tuple(change for change in changes if _mends(change, problem, values))


def _mends(change: Change, problem: Problem, values: Mapping[str, Any]) -> bool:
    """Whether a problem goes, what is written instead is right, and nothing else is overwritten."""
    if change.replaces is not None and _has(expand_short_forms(values), change.path):
        return False
    try:
        RunConfig.model_validate(changed(values, change))
    except ValidationError as error:
        wrong = [_parts(said.key) for said in explain(error, lambda path: (None, ""))]
        before = _parts(problem.key)
        written = change.path
        return not any(key == before or key[: len(written)] == written for key in wrong)
    except (AttributeError, LookupError, TypeError, ValueError):  # what is around it is wrong too
        return False
    return True


def _has(values: Any, path: _Parts) -> bool:
    for part in path:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _remove(values: Any, path: _Parts) -> Any:
    """Take what is at a path out of `values`; returns it."""
    for part in path[:-1]:
        values = values[int(part)] if isinstance(values, list) else values[part]
    return values.pop(int(path[-1]) if isinstance(values, list) else path[-1], None)


def _keys_of_type(section: str, type_: Any) -> set[str]:
    members = cached_schema()["properties"][section]["oneOf"]
    return next(
        (set(one["properties"]) for one in members if one["properties"]["type"]["const"] == type_), set()
    )


def _parts(key: str) -> _Parts:
    """`samples.prompts[1]` as ("samples", "prompts", "1")."""
    return tuple(re.findall(r"[^.\[\]]+", key))
