"""The texts of the kernel's half and their translations.

python scripts/messages.py        prints, for each language, what is missing, stale or wrong

The texts are those of `_()`, `_n()` and `N_()` in llmtune_kernel, and what its catalogue says of data sets.
"""

from __future__ import annotations

import ast
import json
import re
import string
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "llmtune_kernel"
_CATALOGUE = PACKAGE / "data" / "known.json"
LANGUAGES = ("ja_JP", "ko_KR", "ru_RU", "zh_CN")

# What a user reads of a call: arguments by their place, and by their name.
_VISIBLE: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "UserError": ((0, 1, 2), ("what", "where", "fix")),
    "NotRunning": ((0, 1, 2), ("what", "where", "fix")),
    "RunFailed": ((0, 1, 2), ("what", "where", "fix")),
    "Problem": ((2, 3), ("message", "hint")),
    "RowProblem": ((2, 3), ("reason", "fix")),
    "TemplateProblem": ((0, 1), ("reason", "fix")),
    "ValueError": ((0, 1), ()),
    "TimeoutError": ((0,), ()),
    "State": ((), ("detail",)),
    "Log": ((), ("message",)),
    "Error": ((), ("what", "fix")),
    "LogLine": ((2,), ("message",)),
    "Notice": ((), ("message",)),
    "change_to": ((2,), ("label",)),
    "leave_out": ((1,), ("label",)),
    "Change": ((), ("label",)),
    "Button": ((), ("description", "tooltip")),
    "_button": ((0, 2), ()),
    "Accordion": ((), ("titles",)),
    "HTML": ((0,), ()),
    "Options": ((1,), ("description",)),
    "Parser": ((), ("description", "epilog")),
    "add_parser": ((), ("help", "description")),
    "add_subparsers": ((), ("title", "description", "help")),
    "add_argument": ((), ("help",)),
    "say": ((0,), ()),
    "note": ((0,), ()),
    "status": ((0,), ()),
    "update": ((0,), ()),
    "print": ((0,), ()),
    "Text": ((0,), ()),
}
_VISIBLE_ATTRIBUTES = ("description", "tooltip", "value", "help", "title")
_VISIBLE_KEYS = ("text/plain", "text/html")
# Every word that these functions make is shown.
_WORDED = ("facts", "measures", "_numbers", "_details", "_plain", "state_name", "_header")

# What is for programmers, for logs, or for the front end, which translates it.
_NOT_SHOWN = (
    "AssertionError",
    "AttributeError",
    "Field",
    "MarkedYAMLError",
    "RuntimeError",
    "TypeError",
    "_section",
    "cast",
    "setting",
)
_NOT_SHOWN_METHODS = ("debug", "info", "exception", "compile", "sub", "match", "fullmatch", "search")
# Constants that hold code, style, or what others say.
_NOT_SHOWN_NAMES = ("_EXAMPLE", "_ABOUT_DEFAULT", "_LINE", "_LOOK_AT_START", "_SESSION", "_TAB")
_NOT_CHECKED = (
    "config/page.py",  # docs
    "config/peft_settings.py",
    "config/presets.py",
    "data/table/naming.py",  # SQL
    "data/table/query.py",
    "data/table/summary.py",
    "locale/language.py",  # says what English is the answer to
    "models/page.py",  # docs
    "notebook/protocol/",
)

_WORD = re.compile(r"[^\W\d_]{2}")
_PROSE = re.compile(r"[^\W\d_]{2}[,:;]? [^\W\d_]{2}")
_TAG = re.compile(r"<[^<>]*>|<[^<>]*$|^[^<>]*>|&\w+;")
# A word with such a sign in it is a path, a key or an option: the same in all languages.
_SIGN = re.compile(r"\.\w|[%()$_/=\[\]]|^--?\w")

Sources = Mapping[str, str]


def sources() -> dict[str, str]:
    """The modules of the package by their paths in it."""
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def messages(found: Sources | None = None) -> dict[str, str | None]:
    """All texts, each with its plural or None.

    Raises:
        ValueError: a text is not a literal.
    """
    texts: dict[str, str | None] = {}
    for path, source in (sources() if found is None else found).items():
        for node in ast.walk(ast.parse(source)):
            name = _name(node)
            if name not in ("_", "_n", "N_"):
                continue
            assert isinstance(node, ast.Call)
            wanted = node.args[: 2 if name == "_n" else 1]
            if not all(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in wanted):
                raise ValueError(f"{path}:{node.lineno}: the text is not a literal")
            one, *many = [text.value for text in wanted if isinstance(text, ast.Constant)]
            texts[one] = many[0] if many else texts.get(one)
    if found is None:
        texts |= dict.fromkeys(dataset["good_for"] for dataset in json.loads(_CATALOGUE.read_text("utf-8")))
    return texts


def untranslated(found: Sources | None = None) -> list[str]:
    """The texts that a user sees and no translator does, each with its place."""
    return [
        f"{path}:{literal.lineno}: {_shown(literal).strip()}"
        for path, source in (sources() if found is None else found).items()
        if not path.startswith(_NOT_CHECKED)
        for literal in sorted(_bare_literals(path, ast.parse(source)), key=_place)
        if not _is_code(_shown(literal))
    ]


def faults(language: str) -> list[str]:
    """What is wrong with the translations into a language."""
    table = translations(language)
    header = table.pop("")
    assert isinstance(header, dict)
    wanted = messages()
    forms = int(header["plural_forms"].partition("nplurals=")[2][0])
    wrong = [f"stale: {text}" for text in table if text not in wanted]
    for text, plural in wanted.items():
        said = [form for form in table.get(text, []) if form]
        if len(said) != (1 if plural is None else forms):
            wrong.append(f"missing: {text}")
        wrong += [
            f"placeholders: {text} -> {form}"
            for form in said
            if placeholders(form) != placeholders(plural or text)
        ]
    return wrong


def placeholders(text: str) -> list[str]:
    """The fields of a template, in order of their names."""
    try:
        return sorted(
            f"{name}!{conversion}:{spec}"
            for _, name, spec, conversion in string.Formatter().parse(text)
            if name is not None
        )
    except ValueError:  # a single brace: a text that is shown as it is
        return []


def translations(language: str) -> dict[str, list[str]]:
    """The table of a language; its header is under the empty text."""
    path = PACKAGE / "locale" / language / "LC_MESSAGES" / "llmtune_kernel.json"
    table: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return table


def _bare_literals(path: str, module: ast.Module) -> set[ast.expr]:
    hidden = set(_hidden(path, module))
    found = {
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Constant | ast.JoinedStr) and node not in hidden and _says(node, _PROSE)
    }
    for function in _scopes(module):
        for node in ast.walk(function):
            for shown in _visible(node):
                found |= {
                    text
                    for text in _literals(shown, [function, module])
                    if text not in hidden and _says(text, _WORD) and not _is_code(_shown(text))
                }
        if isinstance(function, ast.FunctionDef) and function.name in _WORDED:
            found |= {
                node
                for node in ast.walk(function)
                if isinstance(node, ast.JoinedStr | ast.Constant)
                and node not in hidden
                and _says(node, _WORD)
                and not _is_code(_shown(node))
            }
    return found


def _hidden(path: str, module: ast.Module) -> Iterator[ast.AST]:
    """Literals that nobody is shown, or that are translated; and the parts of others."""
    for node in ast.walk(module):
        docs = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body
        if docs and isinstance(docs[0], ast.Expr):
            yield docs[0].value
        if isinstance(node, ast.JoinedStr):
            yield from (
                part for part in ast.walk(node) if part is not node and not isinstance(part, ast.Call)
            )
        if isinstance(node, ast.Subscript):
            yield node.slice
        if isinstance(node, ast.Compare):
            yield from [node.left, *node.comparators]
            yield from (item for side in node.comparators for item in ast.walk(side))
        if isinstance(node, ast.Assign) and {
            target.id for target in node.targets if isinstance(target, ast.Name)
        } & {*_NOT_SHOWN_NAMES}:
            yield from ast.walk(node.value)
        if isinstance(node, ast.keyword) and node.arg == "style":
            yield node.value
        if isinstance(node, ast.Dict):
            yield from (key for key in node.keys if key is not None)
        if not isinstance(node, ast.Call):
            continue
        name = _name(node)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        programmers = name == "ValueError" and not path.startswith("config/")
        if name in ("_", "_n", "N_", *_NOT_SHOWN) or method in _NOT_SHOWN_METHODS or programmers:
            yield from (part for argument in [*node.args, *node.keywords] for part in _own(argument))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but not the texts that its calls are given."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Call):
            yield from _own(child)


def _visible(node: ast.AST) -> Iterator[ast.expr]:
    """What a user sees of a node."""
    if isinstance(node, ast.Call):
        places, names = _VISIBLE.get(_name(node), ((), ()))
        yield from (node.args[place] for place in places if place < len(node.args))
        yield from (keyword.value for keyword in node.keywords if keyword.arg in names)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr in _VISIBLE_ATTRIBUTES:
                yield node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in _VISIBLE_KEYS:
                yield value


def _literals(node: ast.AST, scopes: list[ast.AST], seen: frozenset[str] = frozenset()) -> Iterator[ast.expr]:
    """The literals that an expression can become; names are followed to what they are set to."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield node
        case ast.BinOp(left=left, right=right):
            yield from _literals(left, scopes, seen)
            yield from _literals(right, scopes, seen)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _literals(body, scopes, seen)
            yield from _literals(orelse, scopes, seen)
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _literals(part, scopes, seen)
        case ast.Call(func=ast.Attribute(attr="join"), args=[argument]):
            yield from _literals(argument, scopes, seen)
        case ast.Name(id=name) if name not in seen:
            for scope in scopes:
                for value in _assigned(scope, name):
                    yield from _literals(value, scopes, seen | {name})


def _assigned(scope: ast.AST, name: str) -> Iterator[ast.expr]:
    for node in _own_statements(scope):
        if isinstance(node, ast.NamedExpr | ast.AnnAssign | ast.Assign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for part, value in zip(target.elts, node.value.elts, strict=False):
                        if isinstance(part, ast.Name) and part.id == name:
                            yield value


def _own_statements(scope: ast.AST) -> Iterator[ast.AST]:
    """What is in a function or a module, without the functions inside it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield child
            yield from _own_statements(child)


def _scopes(module: ast.Module) -> list[ast.AST]:
    return [module, *(node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))]


def _name(node: ast.AST) -> str:
    """The last name of what is called; empty where nothing is."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _says(node: ast.Constant | ast.JoinedStr, words: re.Pattern[str]) -> bool:
    return bool(words.search(_TAG.sub(" ", _shown(node))))


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _is_code(text: str) -> bool:
    """Whether it is the same in all languages: a command, or nothing but paths, keys and options."""
    words = _TAG.sub(" ", text).removeprefix("data: ").split()
    return words[:1] == ["llmtune"] or all(_SIGN.search(word) or not _WORD.search(word) for word in words)


def _shown(node: ast.expr) -> str:
    """The words of a literal; a digit stands for what is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "0"
            for part in node.values
        )
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


if __name__ == "__main__":
    lines = [f"{language} {fault}" for language in LANGUAGES for fault in faults(language)]
    sys.stdout.writelines(f"{line}\n" for line in [*untranslated(), *lines])
    sys.exit(1 if lines else 0)
