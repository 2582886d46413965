"""Events of a run: their types, the writer (one per run, in the worker) and the reader (any number)."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

StateName = Literal[
    "queued", "loading", "training", "pausing", "paused", "stopping", "finished", "stopped", "failed"
]
TERMINAL: frozenset[str] = frozenset({"finished", "stopped", "failed"})


class _Payload(BaseModel):
    model_config = ConfigDict(extra="forbid")


class State(_Payload):
    """The run entered a state; `detail` says more, e.g. what is being loaded."""

    state: StateName
    detail: str = ""


class Metrics(_Payload):
    """Measures of one logged training step."""

    step: int
    max_steps: int
    epoch: float
    loss: float | None = Field(
        description="Mean over trained tokens, pairs or answers since the last metrics; null if not finite."
    )
    learning_rate: float
    grad_norm: float | None
    tokens: int = Field(description="Tokens seen since the run began, without padding.")
    tokens_per_second: float = Field(description="Without padding, since the last metrics.")
    memory: int = Field(description="Bytes: accelerator memory, or resident memory of the worker on a CPU.")
    eta: float = Field(description="Seconds left, estimated from the recent speed.")
    measures: dict[str, float] = Field(
        default_factory=dict, description="What else the objective measures, means since the last metrics."
    )


class Evaluation(_Payload):
    """Mean loss over the trained tokens, pairs or answers of the evaluation rows."""

    step: int
    epoch: float
    loss: float | None
    tokens: int = Field(description="Trained tokens of the rows.")
    seconds: float
    measures: dict[str, float] = Field(
        default_factory=dict, description="What else the objective measures, means over the rows."
    )


class Message(_Payload):
    """One turn of a conversation."""

    role: str
    content: str


class Answer(_Payload):
    """What the model answered to a prompt."""

    prompt: list[Message]
    answer: str


class Sample(_Payload):
    """Answers of the model with the weights of `step`; `request` is the id of the command that asked, if any."""

    step: int
    request: str | None = None
    answers: list[Answer]


class Checkpoint(_Payload):
    """Weights were saved in `path`, relative to the run directory."""

    step: int
    path: str
    kind: Literal["checkpoint", "result"]


class Log(_Payload):
    """A line for the reader."""

    level: Literal["info", "warning"] = "info"
    message: str


class Error(_Payload):
    """Why the run failed: a user's mistake (`where`, `fix`) or a fault (`tail` of the worker's log)."""

    what: str
    where: str = ""
    fix: str = ""
    log: str = Field(default="", description="Path of worker.log, for faults.")
    tail: list[str] = Field(default_factory=list, description="Last lines of worker.log, for faults.")


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seq: int = Field(ge=0)
    time: float = Field(description="Unix time in seconds.")


class StateEvent(_Event):
    type: Literal["state"] = "state"
    payload: State


class MetricsEvent(_Event):
    type: Literal["metrics"] = "metrics"
    payload: Metrics


class EvaluationEvent(_Event):
    type: Literal["evaluation"] = "evaluation"
    payload: Evaluation


class SampleEvent(_Event):
    type: Literal["sample"] = "sample"
    payload: Sample


class CheckpointEvent(_Event):
    type: Literal["checkpoint"] = "checkpoint"
    payload: Checkpoint


class LogEvent(_Event):
    type: Literal["log"] = "log"
    payload: Log


class ErrorEvent(_Event):
    type: Literal["error"] = "error"
    payload: Error


Event = Annotated[
    StateEvent | MetricsEvent | EvaluationEvent | SampleEvent | CheckpointEvent | LogEvent | ErrorEvent,
    Field(discriminator="type"),
]
Payload = State | Metrics | Evaluation | Sample | Checkpoint | Log | Error
EVENT: TypeAdapter[Event] = TypeAdapter(Event)

_TYPES: dict[type[BaseModel], str] = {
    State: "state",
    Metrics: "metrics",
    Evaluation: "evaluation",
    Sample: "sample",
    Checkpoint: "checkpoint",
    Log: "log",
    Error: "error",
}


class EventWriter:
    """Appends events to a file; safe to call from several threads of one process.

    Sequence numbers go on from the last whole event already in the file; a torn last line, which no reader has
    taken for an event, is cut off.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._seq = 0
        self._file = path.open("a", encoding="utf-8")
        reader = EventReader(path)
        for event in reader.read():
            self._seq = event.seq + 1
        self._file.truncate(reader.offset)

    def write(self, payload: Payload) -> None:
        """Append one event and flush it to the operating system."""
        with self._lock:
            record: dict[str, Any] = {
                "seq": self._seq,
                "time": round(time.time(), 6),
                "type": _TYPES[type(payload)],
                "payload": payload.model_dump(),
            }
            self._seq += 1  # first: what a full disk keeps from being flushed is written with the next event
            self._file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        with self._lock:
            self._file.close()


class EventReader:
    """Reads events as they are appended, from a byte offset; a torn last line waits for its end."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._inode: int | None = None
        self.offset = offset

    def read(self) -> Iterator[Event]:
        """Yield the whole events appended since the last call."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            if self._inode not in (None, inode):  # another run took the name
                self.offset = 0
            self._inode = inode
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.offset += len(line)
                yield EVENT.validate_json(line)
