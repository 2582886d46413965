"""What the kernel says of the data of a configuration as a whole."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmtune_kernel.data.problems import ProblemKind
from llmtune_kernel.notebook.protocol.message import Message, Reply


class LengthGroups(Message):
    """Rows by their length in tokens before cutting, with which the page tells what another `max_length` would do."""

    policy: Literal["right", "left", "drop", "error", "part"] = Field(
        description="What becomes of a row that is too long; `part`: it is used in pieces."
    )
    lengths: list[int] = Field(description="Of a preference those of the longer side.")
    others: list[int] = Field(description="Of the other side of a preference, else 0.")
    rows: list[int] = Field(description="How many are that long.")
    needed: list[int] = Field(description="The least max_length with which something is learned.")
    needing: list[int] = Field(description="How many rows need it.")


class Twins(Message):
    """Rows that are an earlier one again, or nearly."""

    count: int
    rows: list[tuple[int, int]] = Field(description="The first of them, each with the earlier one.")


class LeftOut(Message):
    """Rows that are left out for one kind of reason."""

    kind: ProblemKind
    count: int
    rows: list[int] = Field(description="The first of them.")
    message: str = Field(description="What is wrong with the first one.")


class CountedSource(Message):
    """A source of the training data; tokens are those after cutting."""

    name: str
    rows: int
    used: int
    train_rows: int = Field(description="In an epoch, those that weights repeat as often.")
    epoch_tokens: int = Field(description="Of these.")
    epoch_trained_tokens: int


class SoFar(Message):
    """What is known of the training data, or of those rows that were read; tokens are those after cutting."""

    rows: int
    tokens: int
    trained_tokens: int
    max_length: int
    groups: LengthGroups
    left_out: list[LeftOut]


class Statistics(SoFar):
    """The training data as a whole."""

    train_rows: int
    epoch_tokens: int = Field(description="Of the rows to train on, those that weights repeat as often.")
    epoch_trained_tokens: int
    steps: int
    run_tokens: int
    duplicates: Twins
    near_duplicates: Twins
    compared: int = Field(description="Rows looked at for near duplicates.")
    languages: list[tuple[str, float]] = Field(description="Code of ISO 639, and share of the rows.")
    sources: list[CountedSource]


class StatisticsReply(Reply):
    payload: Statistics
