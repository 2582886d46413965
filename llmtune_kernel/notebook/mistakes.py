"""Users' mistakes in a notebook: the message alone, without a traceback, and still a cell that failed."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from llmtune_kernel.config.errors import UserError

_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


def show_as_text(ip: InteractiveShell) -> None:
    """Let the shell show a `UserError` as its message."""
    if UserError not in ip.custom_exceptions:
        ip.set_custom_exc((UserError,), _show)  # type: ignore[no-untyped-call]


def stop_showing_as_text(ip: InteractiveShell) -> None:
    """Undo `show_as_text`."""
    if UserError in ip.custom_exceptions:
        ip.set_custom_exc((), None)  # type: ignore[no-untyped-call]


def _show(
    ip: InteractiveShell, kind: type[UserError], error: UserError, _: TracebackType, **__: Any
) -> list[str]:
    first, *rest = str(error).splitlines()
    text = [f"{_RED}{first}{_PLAIN}", *rest]
    ip._showtraceback(kind, error, text)
    return text
