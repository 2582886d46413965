"""What the kernel sends unasked, and the greeting that tells whether a page has the extension."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmtune_kernel.notebook.protocol.message import Message, Mistake
from llmtune_kernel.notebook.protocol.statistics import SoFar
from llmtune_kernel.runs.events import Event
from llmtune_kernel.runs.listing import RunSummary


class EventsPush(Message):
    """New events of a run; `offset` is where the next ones will begin."""

    type: Literal["events"] = "events"
    run: str
    events: list[Event]
    offset: int


class RunsPush(Message):
    """Runs that are new or have changed, names of those that have gone, and why the runs folder cannot be read."""

    type: Literal["runs"] = "runs"
    runs: list[RunSummary]
    removed: list[str] = Field(default_factory=list)
    fault: Mistake | None = None


class AnswerPush(Message):
    """The next piece of what a column answers to the request `ask` of this id."""

    type: Literal["answer"] = "answer"
    id: str
    column: int
    text: str


class ProgressPush(Message):
    """How far the request `statistics` of this id has come, in rows, and what is known of them."""

    type: Literal["progress"] = "progress"
    id: str
    stage: Literal["reading", "comparing"]
    done: int
    total: int
    so_far: SoFar | None = None


class HelloOpen(Message):
    """Data with which the kernel opens the comm `llmtune.hello`."""

    version: str


class Hello(Message):
    """The page's answer on it: it has the extension."""

    type: Literal["hello"] = "hello"
    version: str
