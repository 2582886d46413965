"""Texts and their translations. A text is written in English, and this is the key of its translations."""

from __future__ import annotations

import functools
import gettext
import json
import re
import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmtune_kernel.locale.language import ENGLISH, language

TABLE = "LC_MESSAGES/llmtune_kernel.json"


def _(text: str, /, **values: object) -> str:
    """A text in the user's language.

    Args:
        text: A literal with named `{placeholders}` as `str.format` takes them; braces that stay are doubled.
        values: What is put in their places.
    """
    return _filled(look_up(text), values)


def _n(one: str, many: str, count: int, /, **values: object) -> str:
    """A text that counts something, in the user's language.

    Args:
        one: As `_`, for a count of 1.
        many: The same for other counts, with the placeholder `{count}`.
    """
    table = _table(language())
    forms = table.forms(one) if table else None
    text = forms[table.plural(count)] if table and forms else one if count == 1 else many
    return _filled(text, {"count": count, **values})


def sentence(words: str) -> str:
    """`words` with a capital letter and a full stop; a question keeps its mark."""
    capital = words[:1].upper() + words[1:]
    return capital if words.endswith(("?", "？")) or not words else _("{sentence}.", sentence=capital)


def either(choices: Iterable[str]) -> str:
    """`a or b or c`."""
    return _(" or ").join(choices)


def N_(text: str) -> str:
    """Mark a literal that is shown later, by `look_up`."""
    return text


def look_up(text: str) -> str:
    """A text that was marked by `N_` in the user's language, as it is: nothing is put into it."""
    table = _table(language())
    forms = table.forms(text) if table else None
    return forms[0] if forms else text


class _Numbers(string.Formatter):
    """Puts values into a text; numbers with a format as a language writes them."""

    def __init__(self, marks: dict[str, str]) -> None:
        self._marks = str.maketrans(marks)

    def format_field(self, value: Any, format_spec: str) -> str:
        """`value` as `str.format` writes it, with the marks of the language."""
        written: str = super().format_field(value, format_spec)
        return written.translate(self._marks) if format_spec and isinstance(value, int | float) else written


# In the other languages as in English.
_NUMBERS = {"ru_RU": _Numbers({",": "\u00a0", ".": ","})}


def _filled(text: str, values: Mapping[str, object]) -> str:
    numbers = _NUMBERS.get(language())
    return numbers.vformat(text, (), values) if numbers else text.format(**values)


class _Table:
    """The translations into a language, in the form of the front end's: for each text its plural forms."""

    def __init__(self, path: Path) -> None:
        self._texts: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        header = self._texts.pop("")
        assert isinstance(header, dict)
        found = re.search(r"plural=(.+);", header["plural_forms"])
        assert found
        self.plural = gettext.c2py(found[1])

    def forms(self, text: str) -> list[str] | None:
        return self._texts.get(text)


@functools.cache
def _table(language: str) -> _Table | None:
    """None for English, which needs none."""
    return None if language == ENGLISH else _Table(Path(__file__).parent / language / TABLE)
