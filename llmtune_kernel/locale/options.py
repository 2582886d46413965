"""Options of a command whose help and mistakes are in the user's language, where argparse knows only English."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, NoReturn

from llmtune_kernel.locale.texts import N_, _, look_up

_HEADINGS = (N_("positional arguments"), N_("options"), N_("show this help message and exit"))
_MISTAKES = (
    N_("argument {name}: {mistake}"),
    N_("the following arguments are required: {names}"),
    N_("unrecognized arguments: {words}"),
    N_("one of the arguments {names} is required"),
    N_("not allowed with argument {name}"),
    N_("expected one argument"),
    N_("expected at least one argument"),
    N_("invalid {type} value: {value}"),
    N_("invalid choice: {value} (choose from {choices})"),
)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, _("usage: ") if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """As argparse's; to be made when it is used, since the language may change."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, **settings)
        for group in self._action_groups:
            group.title = look_up(group.title or "")
        for action in self._actions:  # so far only that of --help
            action.help = look_up(action.help or "")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end the process with exit code 2."""
        self.print_usage(sys.stderr)
        self.exit(2, _("{program}: error: {mistake}", program=self.prog, mistake=mistake(message)) + "\n")


def mistake(message: str) -> str:
    """What argparse found wrong, in the user's language; as it is where it is not known."""
    for known in _MISTAKES:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(known))
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return look_up(known).format(**{name: mistake(part) for name, part in found.groupdict().items()})
    return message
