"""What a model said to a prompt, and why it ended there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmtune_kernel.locale import _n

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Completion:
    """An answer of `tokens` tokens; it ended by itself (`stop`), or was cut at the most that was allowed (`length`)."""

    text: str
    finish_reason: FinishReason
    tokens: int

    @property
    def note(self) -> str:
        """Says that the answer was cut, and which option allows more; empty if it was not."""
        if self.finish_reason == "stop":
            return ""
        return _n(
            "Cut at {count} token; --max-new-tokens allows more.",
            "Cut at {count} tokens; --max-new-tokens allows more.",
            self.tokens,
        )


@dataclass(frozen=True)
class Drawn:
    """An answer as tokens: ids of its prompt and of the answer, its text, and whether it came to an end."""

    prompt: list[int]
    answer: list[int]
    text: str
    ended: bool
