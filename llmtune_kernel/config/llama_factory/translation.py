"""What becomes of a file: values of ours, each with the argument that it is from, and what is said of the rest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmtune_kernel.config.llama_factory.arguments import OF_METHOD, OF_STAGE, SAME
from llmtune_kernel.config.problems import Path, Problem
from llmtune_kernel.locale import _

_SETTING = re.compile(r"\b(model|data|method|objective|training|tracking)\.(\w+)(?=(: )?)")
# Its arguments by our settings that take the same values.
_ITS = {
    ours: its
    for arguments in (*OF_STAGE.values(), *OF_METHOD.values(), SAME)
    for its, ours in reversed(arguments.items())
    if ours
}
_ITS |= {"data.train": "dataset", "data.eval": "eval_dataset", "method.type": "finetuning_type"}


@dataclass
class Translation:
    """A file in our terms.

    Attributes:
        values: Our sections.
        origins: By the path of each of our values the argument that it is from; "" for what the file leaves out.
        used: Arguments that are part of a value that another one gives.
        without_effect: Arguments that change nothing, each with the reason.
        problems: As (argument, message, hint): what cannot be translated.
        called: Names of arguments in this file that others have in other files.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    without_effect: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    called: Mapping[str, str] = field(default_factory=dict)

    def put(self, path: str, value: Any, argument: str = "") -> None:
        """Set one of our values."""
        section, key = path.split(".")
        self.values.setdefault(section, {})[key] = value
        self.origins[section, key] = argument
        self.origins.setdefault((section,), argument)

    def drop(self, path: str) -> None:
        """Leave one of our values out, if it is there."""
        section, key = path.split(".")
        self.values.get(section, {}).pop(key, None)
        self.origins.pop((section, key), None)

    def refuse(self, argument: str, message: str, hint: str = "") -> None:
        """Say that an argument cannot be translated."""
        self.problems.append((argument, message, hint))

    def refuse_unknown(self, argument: str, known: Sequence[str]) -> None:
        """Say that LLaMA-Factory has no such argument, and which of those that it has is much like it."""
        close = difflib.get_close_matches(argument, known, n=1, cutoff=0.7)
        hint = _("did you mean {name}?", name=close[0]) if close else _("leave it out")
        self.refuse(argument, _("LLaMA-Factory has no such argument"), hint)

    def says_nothing_of(self, argument: str) -> bool:
        """Whether an argument was neither translated nor said to be without effect."""
        return not (
            argument in self.used or argument in self.without_effect or argument in self.origins.values()
        )

    def untranslated(self, lines: Mapping[Path, int]) -> list[Problem]:
        """What cannot be translated, at the lines of the file."""
        return [
            Problem(_line(argument, lines), argument, message, hint)
            for argument, message, hint in self.problems
        ]

    def at_arguments(self, problems: Iterable[Problem], lines: Mapping[Path, int]) -> list[Problem]:
        """Problems of our values, told as such of the arguments that they are from.

        Changes of our values would not mend a file, and are left out.
        """
        return [self._at_argument(problem, lines) for problem in problems]

    def _at_argument(self, problem: Problem, lines: Mapping[Path, int]) -> Problem:
        if problem.override:
            return problem
        path = tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", problem.key))
        argument = self._argument(path, problem.message)
        return replace(
            problem,
            line=_line(argument, lines),
            key=argument or self.in_its_words(problem.key),
            message=self.in_its_words(problem.message),
            hint=self.in_its_words(problem.hint),
            changes=(),
        )

    def in_its_words(self, text: str) -> str:
        """A text about our settings with the arguments in their place that say the same; other settings stay."""

        def its(found: re.Match[str]) -> str:
            argument = self.origins.get((found[1], found[2]))
            known = _ITS.get(found[0], "")
            if known or (argument and not found[3]):  # of another argument a value would not be the same
                return argument or self.called.get(known, known)
            return found[0]

        quantization = self.called.get("quantization_bit", "quantization_bit")
        for name, bits in (("nf4", 4), ("int8", 8)):
            text = text.replace(f"model.quantization: {name}", f"{quantization}: {bits}")
        kind = self.called.get("finetuning_type", "finetuning_type")
        return re.sub(r"\bmethod: (?=(?:lora|full|freeze)\b)", f"{kind}: ", _SETTING.sub(its, text))

    def _argument(self, path: Path, message: str) -> str:
        """What a value is from; where a whole section is meant, what is from that the message names."""
        if len(path) == 1:
            named = [(*path, word) for word in re.findall(r"\w+", message)]
            path = next((one for one in named if self.origins.get(one)), path)
        known = (path[:end] for end in range(len(path), 0, -1))
        return next((self.origins[one] for one in known if one in self.origins), "")


def _line(argument: str, lines: Mapping[Path, int]) -> int | None:
    """Where an argument stands; of a section of v1 it is named after a dot."""
    section, _dot, _key = argument.partition(".")
    return lines.get(tuple(argument.split(".")), lines.get((section,)))
