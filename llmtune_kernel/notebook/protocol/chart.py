"""Custom messages of the chart widget."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from llmtune_kernel.notebook.protocol.message import Message


class ChartAppend(Message):
    """Rows for the chart; one float32 buffer, column after column, NaN where a value is missing."""

    type: Literal["append"] = "append"
    table: Literal["train", "eval"]
    start: int = Field(ge=0, description="Index of the first row.")
    count: int = Field(ge=0)
    columns: list[str] = Field(
        description="`step`, `loss`, …, and the measures of the objective by their names."
    )


class ChartReset(Message):
    """Forget all rows."""

    type: Literal["reset"] = "reset"


class ChartReplay(Message):
    """Asked by the page: send everything again."""

    type: Literal["replay"] = "replay"


class StaticOutput(Message):
    """What an output becomes."""

    data: dict[str, Any]
    metadata: dict[str, Any] = Field(default_factory=dict)


class ChartSnapshot(Message):
    """The run is over: outputs whose `metadata.llmtune` is `{id, part}` become `outputs[part]`."""

    type: Literal["snapshot"] = "snapshot"
    id: str
    outputs: dict[str, StaticOutput]
