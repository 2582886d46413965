"""How answers are drawn: the settings that samples and answers to learn from share."""

from __future__ import annotations

from typing import Any

from llmtune_kernel.config.section import setting


def answer_length() -> Any:
    """Tokens of the longest answer."""
    return setting(128, "Answer length", "Longest answer.", unit="tokens", ge=1)


def top_p() -> Any:
    """The probability that the tokens to draw from have together."""
    return setting(
        1.0,
        "Top p",
        "Draw from the likeliest tokens that together have this probability; 1 draws from all.",
        gt=0,
        le=1,
    )


def top_k(usual: int) -> Any:
    """How many tokens to draw from."""
    return setting(
        usual, "Top k", "Draw from this many of the likeliest tokens; 0 sets no limit.", unit="tokens", ge=0
    )
