"""Options on the line of a magic. A wrong one is a `UserError` that names the right ones."""

from __future__ import annotations

import argparse
import difflib
import shlex
from typing import NoReturn

from llmtune_kernel.config.errors import UserError


class HelpWanted(Exception):
    """`--help` was given; holds the text."""


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpWanted(parser.format_help())


class Options(argparse.ArgumentParser):
    """Options of one magic.

    Args:
        magic: Its name with the percent signs.
        description: What it does.
    """

    def __init__(self, magic: str, description: str) -> None:
        super().__init__(
            prog=magic,
            description=description,
            add_help=False,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_argument("--help", "-h", action=_Help, nargs=0, help="show this text")

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
                f"The line cannot be read: {error}.", f"{self.prog} {line}", "Close the quote."
            ) from None
        known, unknown = self.parse_known_args(words)
        if unknown:
            options = sorted(self._option_string_actions)
            close = difflib.get_close_matches(unknown[0], options, n=1)
            valid = ", ".join(option for option in options if option.startswith("--"))
            fix = f"Did you mean {close[0]}?" if close else f"Options of {self.prog}: {valid}."
            raise UserError(f"{unknown[0]} is not an option of {self.prog}.", f"{self.prog} {line}", fix)
        return known

    def error(self, message: str) -> NoReturn:
        """Called by argparse on a wrong value."""
        raise UserError(
            f"{message[0].upper()}{message[1:]}.", self.prog, f"{self.prog} --help shows how it is used."
        )
