"""What every message of the protocol is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from llmtune_kernel.config import Change


class Message(BaseModel):
    """A part of the protocol: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class Reply(Message):
    """The answer to the request of this id."""

    id: str
    type: Literal["reply"] = "reply"


class Mistake(Message):
    """What is wrong, where, and what to do; each of the changes of the configuration would mend it."""

    what: str
    where: str = ""
    fix: str = ""
    changes: list[Change] = Field(default_factory=list)
