"""The one error class meant for users."""

from __future__ import annotations

from collections.abc import Iterable

from llmtune_kernel.config.changes import Change
from llmtune_kernel.locale import _


class UserError(Exception):
    """A mistake that the user can mend; shown as text, never as a traceback.

    Args:
        what: What is wrong, one sentence.
        where: Where it is: file, line, row, key. Empty when `what` says it.
        fix: What to do about it, one sentence.
        changes: Of the configuration, each of which would mend it.
    """

    def __init__(self, what: str, where: str = "", fix: str = "", changes: Iterable[Change] = ()) -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix
        self.changes = list(changes)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(_("  where: {where}", where=self.where))
        if self.fix:
            lines.append(_("  fix:   {fix}", fix=self.fix))
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback: the message, its first line in red."""
        first, *rest = str(self).splitlines()
        return [f"\x1b[31m{first}\x1b[0m", *rest]


def first_line(error: BaseException) -> str:
    """What an error of a library says, on one line, that after a heading; its kind if it says nothing."""
    first, *others = (str(error).strip() or type(error).__name__).splitlines()
    return others[0].strip() if first.endswith(":") and others else first
