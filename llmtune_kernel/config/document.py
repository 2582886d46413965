"""YAML text as plain values, with the line of each.

Plain words are read as in YAML 1.2: `1e-4` is a number; `yes`, `on`, `12:30` and dates are text.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from llmtune_kernel.config.problems import Path, Problem, dotted
from llmtune_kernel.config.run import SHORT_FORMS
from llmtune_kernel.locale import N_, _, _n, look_up

_TAG = "tag:yaml.org,2002:"
_PLAIN = [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
]


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few nested aliases can stand for gigabytes, or for themselves.
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not supported", problem_mark=mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Puts in quotes what the loader would take for a number, a truth value or nothing."""


for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {}
    for _name, _pattern, _starts in _PLAIN:
        _class.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})$"), _starts)


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # Only in double quotes are the rarer line breaks written as escapes, and read back as they were.
    style = '"' if re.search("[\x85\u2028\u2029]", text) else None
    return dumper.represent_scalar(_TAG + "str", text, style=style)


_Dumper.add_representer(str, _represent_text)


class Document:
    """What a YAML text says.

    Args:
        text: YAML.
        first_line: Number of its first line in the source.

    Attributes:
        value: Plain values; None for an empty text, and for one that cannot be read.
        lines: The line of each key and list item, by its path.
        problems: Syntax error, keys that are there twice, values that are not plain.
    """

    def __init__(self, text: str, first_line: int = 1) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._first_line = first_line
        self.value: Any = None
        try:
            node = yaml.compose(text, Loader=_Loader)
            self.value = self._plain(node, ()) if node else None
        except yaml.YAMLError as error:
            self.problems = [_syntax_problem(error, text, first_line)]
        except RecursionError:
            self.problems = [Problem(first_line, "", _("the values are nested too deeply"))]

    def _plain(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            for index, item in enumerate(node.value):
                self.lines[*path, index] = self._line(item)
            return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]
        tag = node.tag.replace(_TAG, "!!")
        if not isinstance(node, yaml.ScalarNode):
            message = (
                _("a list cannot be read as {tag}", tag=tag)
                if isinstance(node, yaml.SequenceNode)
                else _("a section cannot be read as {tag}", tag=tag)
            )
            self._add(node, path, message, _("remove {tag}", tag=tag))
            return None
        try:
            return _scalar(kind, node.value)
        except (KeyError, ValueError):
            message = _("{value!r} cannot be read as {tag}", value=node.value[:40], tag=tag)
            self._add(node, path, message, _("write a plain value"))
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._add(
                    key,
                    path,
                    _("a key must be a word, not a list or a section"),
                    _("put text with [ or {{ in quotes"),
                )
                continue
            if key.value == "<<":
                self._add(key, path, _("merge keys (<<) are not supported"), _("write the keys out"))
                continue
            inner = (*path, key.value)
            if key.value in values:
                self._add(key, inner, self._duplicate(key, inner), _("keep one of them"))
                continue
            self.lines[inner] = self._line(key)
            values[key.value] = self._plain(value, inner)
        return values

    def _duplicate(self, key: yaml.Node, path: Path) -> str:
        # Not by its number: whoever shows the message may count the lines from elsewhere.
        distance = self._line(key) - self.lines[path]
        if distance == 0:
            return _("duplicate key, twice on this line")
        return _n(
            "duplicate key, the first is {count} line above",
            "duplicate key, the first is {count} lines above",
            distance,
        )

    def _line(self, node: yaml.Node) -> int:
        return int(node.start_mark.line) + self._first_line

    def _add(self, node: yaml.Node, path: Path, message: str, hint: str) -> None:
        self.problems.append(Problem(self._line(node), dotted(path), message, hint))


def dump(values: dict[str, Any]) -> str:
    """YAML that `Document` reads back to the same values."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def is_number(text: str) -> bool:
    """Whether `text`, without quotes, would be read as a number."""
    return any(re.fullmatch(pattern, text) for name, pattern, _ in _PLAIN if name in ("int", "float"))


def _scalar(kind: str, text: str) -> Any:
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    if kind == "int":
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    return {"str": text, "null": None, "bool": text.lower() == "true"}[kind]


_TAB = "found character '\\t'"
# What the parser says, and what is said instead: a message and a hint.
_IN_WORDS = {
    "but got '?'": (N_("a ? cannot stand in brackets or braces"), N_("put the text in quotes")),
    "expected alphabetic or numeric": (
        N_("a value cannot start with * or &"),
        N_("put the value in quotes"),
    ),
    _TAB: (N_("a tab cannot be used here"), N_("indent with spaces")),
    "that cannot start any token": (N_("a value cannot start with {char}"), N_("put the value in quotes")),
    "mapping values are not allowed": (
        N_("unexpected colon"),
        N_("check the indentation, or put text with a colon in quotes"),
    ),
    "could not find expected ':'": (
        N_("a key needs a colon and a space after it"),
        N_("write key: value"),
    ),
    "expected <block end>": (
        N_("the indentation does not match the lines above"),
        N_("give keys of one section the same"),
    ),
    "expected the node content": (N_("a value is missing here"), N_("put the value in quotes")),
    "unexpected end of stream": (N_("a quote is opened and never closed"), N_("close the quote")),
    "expected ',' or ']'": (N_("a [ is opened and never closed"), N_("close the list with ]")),
    "expected ',' or '}'": (N_("a { is opened and never closed"), N_("close it with }")),
    "aliases are not supported": (
        N_("aliases (*name) are not supported"),
        N_("write the value out, or in quotes"),
    ),
    "but found another document": (N_("a second document starts here"), N_("remove the --- line")),
    "unknown escape character": (
        N_("a backslash in double quotes starts an escape"),
        N_("use single quotes"),
    ),
}
# Of these the start is the place to look at: the parser notices only later.
_LOOK_AT_START = ("could not find expected ':'", "unexpected end of stream", "expected ',' or")


def _syntax_problem(error: yaml.YAMLError, text: str, first_line: int) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):  # a control character
        before = text[: getattr(error, "position", 0)]
        return Problem(
            before.count("\n") + first_line,
            "",
            _("YAML syntax error: a character that cannot be shown"),
            _("remove it"),
        )
    said = error.problem or str(error)
    mark = error.problem_mark or error.context_mark
    if error.context_mark and "but got '?'" not in said and any(words in said for words in _LOOK_AT_START):
        mark = error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    rows = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    row = rows[line] if line < len(rows) else ""
    message, hint = said, ""
    if "\t" in row[: len(row) - len(row.lstrip())]:
        said = _TAB
    for words, (message_, hint_) in _IN_WORDS.items():
        if words in said:
            message = look_up(message_).replace("{char}", row[column : column + 1])
            hint = look_up(hint_)
            break
    if line > 0 and ("mapping values" in said or "expected <block end>" in said):
        hint = _keys_under_a_short_form(rows[line - 1], row) or hint
    message = _("YAML syntax error at column {column}: {message}", column=column + 1, message=message)
    return Problem(line + first_line, "", message, hint)


def _keys_under_a_short_form(above: str, row: str) -> str:
    """The remedy for keys below a section that has its value on its line already; empty where it is no such line."""
    short = re.match(r"(\w+): +([^\s#{\['\"][^#]*?) *(#.*)?$", above)
    if short is None or short[1] not in SHORT_FORMS or row[:1] != " ":
        return ""
    written = f"{short[1]}: {{{SHORT_FORMS[short[1]]}: {short[2]}, {row.partition('#')[0].strip()}}}"
    return _("write {value}", value=written)
