"""Options on the line of a magic. A wrong one is a `UserError` that names the right ones."""

from __future__ import annotations

import argparse
import difflib
import shlex
from typing import NoReturn

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _, sentence
from llmtune_kernel.locale.options import Parser, mistake


class HelpWanted(Exception):
    """`--help` was given; holds the text."""


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpWanted(parser.format_help())


class Options(Parser):
    """Options of one magic; made when it is used, in the language of that moment.

    Args:
        magic: Its name with the percent signs.
        description: What it does.
    """

    def __init__(self, magic: str, description: str) -> None:
        super().__init__(
            prog=magic,
            description=description,
            add_help=False,
        )
        self.add_argument("--help", "-h", action=_Help, nargs=0, help=_("show this text"))

    def read(self, line: str) -> argparse.Namespace:
        """The options on a line.

        Raises:
            UserError: an unknown option, a wrong value, an open quote.
            HelpWanted: `--help` was given.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UserError(
                _("The line cannot be read: {error}.", error=error),
                f"{self.prog} {line}",
                _("Close the quote."),
            ) from None
        known, unknown = self.parse_known_args(words)
        if unknown:
            options = sorted(self._option_string_actions)
            close = difflib.get_close_matches(unknown[0], options, n=1)
            valid = ", ".join(option for option in options if option.startswith("--"))
            fix = (
                _("Did you mean {names}?", names=close[0])
                if close
                else _("Options of {magic}: {valid}.", magic=self.prog, valid=valid)
            )
            raise UserError(
                _("{option} is not an option of {magic}.", option=unknown[0], magic=self.prog),
                f"{self.prog} {line}",
                fix,
            )
        return known

    def error(self, message: str) -> NoReturn:
        """Called by argparse on a wrong value."""
        raise UserError(
            sentence(mistake(message)),
            self.prog,
            _("{magic} --help shows how it is used.", magic=self.prog),
        )
