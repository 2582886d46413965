"""Read a configuration from YAML, with the line of each key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from llmtune_kernel.config.problems import ConfigError, Path, Problem, explain, llama_factory
from llmtune_kernel.config.run import SHORT_FORMS, RunConfig, expand_short_forms


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-4 is a number, and a date or `on` is the text it looks like."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if not tag.endswith((":float", ":timestamp", ":bool"))
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*|\d[\d_]*(?=[eE]))(?:[eE][-+]?\d+)?$|[-+]?\.(?:inf|Inf)$|\.(?:nan|NaN)$"
    ),
    list("-+0123456789."),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_config(
    text: str,
    *,
    source: str = "cell",
    overrides: Sequence[str] = (),
    first_line: int = 1,
    resume: str | None = None,
) -> RunConfig:
    """Read a configuration.

    Args:
        text: YAML.
        source: What the text is, for messages: "cell", or the path of a file.
        overrides: `key=value` each, the key dotted, the value YAML; they win over the text.
        first_line: Number of the first line of `text` in its source.
        resume: Name of a run to continue; wins over the text.

    Raises:
        ConfigError: all mistakes at once.
    """
    lines: dict[Path, int] = {}
    problems: list[Problem] = []
    values = _load(text, source, first_line, lines, problems)
    if llama_factory(values):
        raise ConfigError(
            [
                Problem(
                    first_line,
                    "",
                    "this is a LLaMA-Factory configuration, which cannot be translated yet",
                    "its model_name_or_path is our model, dataset is data, finetuning_type is method, "
                    "and the training arguments go under training",
                )
            ],
            source,
        )
    given = _apply(overrides, values, problems)
    if resume is not None:
        values["resume"] = resume
    config = _validate(values, lines, given, problems)
    if config is None or problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0), source)
    return config


def config_from_dict(values: dict[str, Any], source: str = "finetune()") -> RunConfig:
    """The configuration that `values` describe, with the same checks and messages as `read_config`.

    Raises:
        ConfigError: all mistakes at once.
    """
    problems: list[Problem] = []
    config = _validate(values, {}, {}, problems)
    if config is None:
        raise ConfigError(problems, source)
    return config


def dump_config(config: RunConfig) -> str:
    """YAML of the values that differ from the defaults; `read_config` gives the same configuration back."""
    values = config.model_dump(mode="json", exclude_defaults=True)
    if values.get("method"):
        values["method"] = {"type": config.method.type, **values["method"]}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _load(
    text: str, source: str, first_line: int, lines: dict[Path, int], problems: list[Problem]
) -> dict[str, Any]:
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return {}
            _walk(node, (), first_line, lines, problems)
            values = loader.construct_document(node)
        finally:
            loader.dispose()  # type: ignore[no-untyped-call]
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(error, text, first_line)], source) from None
    if not isinstance(values, dict):
        problem = Problem(
            first_line,
            "",
            f"expected keys and values, found {str(values)[:40]!r}",
            "write for example: data: rows.jsonl",
        )
        raise ConfigError([problem], source)
    return values


def _walk(
    node: yaml.Node, path: Path, first_line: int, lines: dict[Path, int], problems: list[Problem]
) -> None:
    """Note the line of each key and value, and each key that is there twice."""
    lines.setdefault(path, node.start_mark.line + first_line)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = (*path, key.value)
            line = key.start_mark.line + first_line
            if name in lines:
                problems.append(
                    Problem(line, _dotted(name), f"is there twice, first on line {lines[name]}", "keep one")
                )
            lines.setdefault(name, line)
            _walk(value, name, first_line, lines, problems)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), first_line, lines, problems)


def _syntax_problem(error: yaml.YAMLError, text: str, first_line: int) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # a character that YAML does not allow
        return Problem(first_line, "", f"not YAML: {str(error).splitlines()[0]}")
    rows = text.splitlines()
    row = rows[mark.line] if mark.line < len(rows) else ""
    hint = "check the indentation, colons and quotes there and in the line above"
    if "\t" in row[: len(row) - len(row.lstrip())]:
        hint = "indent with spaces: YAML allows no tabs"
    elif "%" in row or "@" in row or "`" in row:
        hint = "put the value in quotes"
    message = f"not YAML: {getattr(error, 'problem', None) or 'cannot be read'} (column {mark.column + 1})"
    return Problem(mark.line + first_line, "", message, hint)


def _apply(overrides: Sequence[str], values: dict[str, Any], problems: list[Problem]) -> dict[Path, str]:
    """Put `key=value` settings into `values`; returns which path came from which setting."""
    given: dict[Path, str] = {}
    for setting in overrides:
        key, equals, text = setting.partition("=")
        path: Path = tuple(key.strip().split("."))
        if not equals or not all(path):
            problems.append(
                Problem(None, f"--set {setting}", "must be written key=value", "e.g. training.max_steps=10")
            )
            continue
        try:
            value = yaml.load(text, _Loader)
        except yaml.YAMLError:
            value = text
        target = values
        for part in path[:-1]:
            inner = target.get(str(part))
            if not isinstance(inner, dict):
                inner = {} if inner is None else {SHORT_FORMS.get(str(part), "type"): inner}
                target[str(part)] = inner
            target = inner
        target[str(path[-1])] = value
        given[path] = f"--set {setting}"
    return given


def _validate(
    values: dict[str, Any], lines: dict[Path, int], given: dict[Path, str], problems: list[Problem]
) -> RunConfig | None:
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        long = expand_short_forms(values)
        for path, message, hint in explain(error, long):
            if path == ("data",) and message == "is missing":
                hint = "name the rows to train on: data: $variable, or data: rows.jsonl"
            place = given.get(path)
            line = None if place else _line_of(path, lines)
            problems.append(Problem(line, place or _dotted(path), message, hint))
    return None


def _line_of(path: Path, lines: dict[Path, int]) -> int | None:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)
