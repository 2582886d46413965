"""What every message of the protocol is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A part of the protocol: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class Reply(Message):
    """The answer to the request of this id."""

    id: str
    type: Literal["reply"] = "reply"
