"""What the events of a run add up to: the state that every view of it shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from llmtune_kernel.locale import _
from llmtune_kernel.notebook.curves import Row, eval_row, train_row
from llmtune_kernel.runs import events
from llmtune_kernel.runs.events import TERMINAL
from llmtune_kernel.runs.worked import WorkedTime

KEPT_SAMPLES = 20
KEPT_LINES = 200


class LogLine(NamedTuple):
    time: float
    level: str
    message: str


@dataclass
class News:
    """What a batch of events added."""

    train: list[Row] = field(default_factory=list)
    eval: list[Row] = field(default_factory=list)
    samples: list[events.Sample] = field(default_factory=list)
    log: list[LogLine] = field(default_factory=list)
    state: bool = False

    @property
    def urgent(self) -> bool:
        """Whether it is worth more than another point on a curve."""
        return bool(self.state or self.samples or self.log or self.eval)

    def extend(self, other: News) -> None:
        """Add what a later batch added."""
        self.train += other.train
        self.eval += other.eval
        self.samples += other.samples
        self.log += other.log
        self.state = self.state or other.state


@dataclass
class Progress:
    """State of a run, folded from its events."""

    name: str
    state: str = "queued"
    detail: str = ""
    began: float | None = None
    worked: WorkedTime = field(default_factory=WorkedTime)
    metrics: events.Metrics | None = None
    first_loss: float | None = None
    evaluation: events.Evaluation | None = None
    result: str = ""
    error: events.Error | None = None
    samples: deque[events.Sample] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))

    @property
    def over(self) -> bool:
        return self.state in TERMINAL

    def take(self, batch: Iterable[events.Event]) -> News:
        """Fold a batch of events in; returns what is new."""
        news = News()
        for event in batch:
            if self.began is None:
                self.began = event.time
            self._take_one(event, news)
        self.samples.extend(news.samples)
        self.log.extend(news.log)
        return news

    def _take_one(self, event: events.Event, news: News) -> None:
        self.worked.take(event.time, event.payload.state if isinstance(event, events.StateEvent) else "")
        match event:
            case events.StateEvent(payload=state):
                self.state, self.detail, news.state = state.state, state.detail, True
                if not self.over:  # a run that goes on has left its end behind
                    self.error, self.result = None, ""
            case events.MetricsEvent(payload=metrics):
                self.metrics = metrics
                if self.first_loss is None:
                    self.first_loss = metrics.loss
                news.train.append(train_row(metrics))
            case events.EvaluationEvent(payload=evaluation):
                self.evaluation = evaluation
                news.eval.append(eval_row(evaluation))
            case events.SampleEvent(payload=sample) if sample.answers:
                news.samples.append(sample)
            case events.CheckpointEvent(payload=checkpoint):
                if checkpoint.kind == "result":
                    self.result = checkpoint.path
                news.log.append(LogLine(event.time, "info", _saved(checkpoint)))
            case events.LogEvent(payload=log):
                news.log.append(LogLine(event.time, log.level, log.message))
            case events.ErrorEvent(payload=error):
                self.error = error

    def fail(self, error: events.Error) -> None:
        """The worker died without saying so."""
        self.state, self.detail, self.error = "failed", "", error


def _saved(checkpoint: events.Checkpoint) -> str:
    step, path = checkpoint.step, checkpoint.path
    if checkpoint.kind == "result":
        return _("Result of step {step} saved in {path}", step=step, path=path)
    return _("Checkpoint of step {step} saved in {path}", step=step, path=path)
