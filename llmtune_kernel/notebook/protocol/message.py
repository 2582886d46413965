"""What every message of the protocol is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A part of the protocol: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")
