"""Which prompts are answered, and how answers are drawn."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from llmtune_kernel.config.section import Section, setting
from llmtune_kernel.locale import N_, _


def answer_length(usual: int) -> Any:
    """Tokens of the longest answer."""
    return setting(usual, "Answer length", "Longest answer.", unit="tokens", ge=1)


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


def _check_turn(turn: dict[str, str]) -> dict[str, str]:
    if turn.keys() != {"role", "content"} or turn["role"] not in ("system", "user", "assistant"):
        raise ValueError(
            _("a turn has a role (system, user or assistant) and a content"),
            _("write {{role: user, content: Hello}}"),
        )
    return turn


Turn = Annotated[
    dict[str, str],
    Field(description=N_("a turn {role: …, content: …}, both text")),
    AfterValidator(_check_turn),
]
Prompt = Annotated[
    Annotated[str, Field(min_length=1)] | Annotated[list[Turn], Field(min_length=1)],
    Field(description=N_("text, or a list of turns {role: …, content: …}")),
]


class SamplesConfig(Section):
    """Prompts that the model answers while it trains."""

    prompts: list[Prompt] = setting(
        [], "Prompts", "Questions to answer: text, or whole conversations as lists of turns."
    )

    @field_validator("prompts", mode="before")
    @classmethod
    def _text_to_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    every_steps: int | None = setting(
        None,
        "Answer every",
        "Answer every this many steps; left out, only at the end.",
        unit="steps",
        ge=1,
    )
    max_new_tokens: int = answer_length(128)
    temperature: float = setting(
        0.0, "Temperature", "0 always takes the likeliest token; higher varies the answers.", ge=0, le=2
    )
    top_p: float = top_p()
    top_k: int = top_k(50)
    repetition_penalty: float = setting(
        1.0, "Repetition penalty", "Above 1 makes tokens less likely that were used before.", gt=0
    )
    system: str | None = setting(None, "System prompt", "System turn put before each prompt that has none.")
