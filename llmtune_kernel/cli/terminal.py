"""Text on a terminal: what models and data say is shown, never obeyed."""

from __future__ import annotations

import re
import sys

from rich.console import Console

# Control characters but tab and newline, and marks that reverse the direction of what follows.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """`text` without what a terminal would act on."""
    return _OBEYED.sub("", text)


def one_line(text: str) -> str:
    """`text`, cleaned, on one line."""
    return " ".join(clean(text).split())


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is; where it is no terminal, lines are not cut at 80 characters."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr, markup=False, emoji=False, highlight=False, width=None if terminal else 1000
    )


def say(text: str) -> None:
    """Write a message to stderr."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()
