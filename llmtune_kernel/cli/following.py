"""Follow a run by its event file, until it is over or the user leaves."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from llmtune_kernel.cli.views import View
from llmtune_kernel.config import UserError
from llmtune_kernel.locale import _
from llmtune_kernel.runs.events import (
    EVENT,
    TERMINAL,
    CheckpointEvent,
    EvaluationEvent,
    Event,
    MetricsEvent,
    StateEvent,
)
from llmtune_kernel.runs.run import Run

_SECONDS_BETWEEN_LOOKS = 0.1


@dataclass
class Outcome:
    """Where a run stood when it was left or over: `state`, last step and losses, path of the result."""

    state: str = "queued"
    left: bool = False
    step: int = 0
    loss: float | None = None
    eval_loss: float | None = None
    result: str = ""

    def take(self, event: Event) -> None:
        match event:
            case StateEvent(payload=state):
                self.state = state.state
            case MetricsEvent(payload=metrics):
                self.step, self.loss = metrics.step, metrics.loss
            case EvaluationEvent(payload=evaluation):
                self.eval_loss = evaluation.loss
            case CheckpointEvent(payload=checkpoint) if checkpoint.kind == "result":
                self.result = checkpoint.path


def follow(run: Run, view: View, *, offset: int = 0, stops: bool) -> Outcome:
    """Show the events of a run as they come.

    Args:
        offset: Byte of the event file to begin at.
        stops: Whether the first Ctrl-C asks the run to stop, and the second leaves it; otherwise the first leaves.
    """
    outcome, order = Outcome(), _StopOrder(run)
    lines = _Lines(run.paths.events, offset)
    with _counted_interrupts() as interrupts:
        while True:
            # In this order: a worker writes its last state before it lets go of the lock.
            alive = run.paths.alive
            for line, event in lines.read():
                outcome.take(event)
                view.show(line, event)
            if not alive:
                break
            if len(interrupts) > (1 if stops else 0):
                outcome.left = True
                return outcome
            if interrupts and not order.given:
                order.give()
                view.note(
                    _("Stopping {name}: it saves at the next step. Ctrl-C again leaves it.", name=run.name)
                )
            if problem := order.take_problem():
                view.note(str(problem))
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    if outcome.state not in TERMINAL:
        outcome.state = "failed"
    return outcome


@contextmanager
def _counted_interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list, so that none comes in the middle of a line."""
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda signum, _: interrupts.append(signum))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass
class _StopOrder:
    """The order to stop, given beside the following: a worker that is just starting takes it only later."""

    run: Run
    given: bool = False
    _problems: list[UserError] = field(default_factory=list)

    def give(self) -> None:
        self.given = True
        threading.Thread(target=self._send, name="llmtune-stop", daemon=True).start()

    def _send(self) -> None:
        try:
            self.run.stop()
        except UserError as error:
            self._problems.append(error)

    def take_problem(self) -> UserError | None:
        """What kept the order from being taken, said once."""
        return self._problems.pop() if self._problems else None


class _Lines:
    """The whole lines of an event file with their events; the end of a line torn by a crash is no event."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path, self._offset = path, offset

    def read(self) -> Iterator[tuple[bytes, Event]]:
        """Yield what was appended since the last call."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                try:
                    event = EVENT.validate_json(line)
                except ValidationError:
                    continue
                yield line, event
