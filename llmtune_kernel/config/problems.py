"""What is wrong with a configuration: every mistake with its place and the way to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmtune_kernel.config.changes import Change
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _, _n

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake.

    Attributes:
        line: Its line, counted from 1 in the cell or file; None where it is on no line.
        key: Dotted path of the key, such as training.learning_rate; empty where the whole text is meant.
        message: What is wrong.
        hint: How to mend it; may be empty.
        override: The `--set KEY=…` that the value came from; empty where it came from the text.
        changes: Of the configuration, each of which would mend it.
    """

    line: int | None
    key: str
    message: str
    hint: str = ""
    override: str = ""
    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        line = _("line {line}", line=self.line) if self.line is not None else ""
        key = "" if self.override.startswith(f"--set {self.key}=") else self.key
        places = [place for place in (line, self.override, key) if place]
        return ": ".join([*places, self.message]) + (f"; {self.hint}" if self.hint else "")


class ConfigError(UserError):
    """All mistakes of a configuration at once, one a line; `problems` holds them in order of their lines.

    Args:
        source: What has the mistakes: "cell", the path of a file, a call.
    """

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line or 0)
        self.source = source
        said = _n(
            "The configuration has 1 mistake:", "The configuration has {count} mistakes:", len(problems)
        )
        where = _("cell") if source == "cell" else source
        super().__init__("\n".join([said, *map(str, self.problems)]), where)

    def without_lines(self) -> ConfigError:
        """The same for readers who have the text at another place."""
        return ConfigError([replace(problem, line=None) for problem in self.problems], self.source)


def dotted(path: Path) -> str:
    """`("samples", "prompts", 1)` as `samples.prompts[1]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
