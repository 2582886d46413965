"""What a run looks like in a terminal: a bar below a log, plain lines, or the event lines themselves."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from llmtune_kernel.cli.terminal import clean, console, one_line, say
from llmtune_kernel.locale import _
from llmtune_kernel.runs import events
from llmtune_kernel.runs.wording import duration, number, spoken, state_name, watched


class View(AbstractContextManager["View"]):
    """Shows events in the order they come."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def show(self, line: bytes, event: events.Event) -> None:
        """Show an event; `line` is it as it stands in the event file, with its newline."""

    def note(self, text: str) -> None:
        """Show a message that is not of the run."""
        say(text)


class JsonView(View):
    """Exactly the lines of the event file."""

    def show(self, line: bytes, event: events.Event) -> None:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


class PlainView(View):
    """A line or more for each event."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, line: bytes, event: events.Event) -> None:
        match event:
            case events.StateEvent(payload=state) if state.state != "failed":
                shown: Text | None = Text(_state(state))
            case events.MetricsEvent(payload=metrics):
                shown = Text(
                    _("step {step:,}/{steps:,}", step=metrics.step, steps=metrics.max_steps)
                    + f"  {_measures(metrics)}"
                )
            case _:
                shown = _said(event)
        if shown is not None:
            self._console.print(shown, soft_wrap=True)


class BarView(View):
    """A progress bar; the log, evaluations and samples go above it."""

    def __init__(self, console: Console, name: str) -> None:
        self._name = name
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[measures]}", markup=False),
            console=console,
            refresh_per_second=4,
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task(name, total=None, measures="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, line: bytes, event: events.Event) -> None:
        match event:
            case events.StateEvent(payload=state):
                self._progress.update(self._task, description=f"{self._name} {_state(state)}")
            case events.MetricsEvent(payload=metrics):
                self._progress.update(
                    self._task,
                    completed=metrics.step,
                    total=metrics.max_steps,
                    measures=f"{metrics.step:,}/{metrics.max_steps:,}  {_measures(metrics)}",
                )
            case _:
                self._print(_said(event))

    def note(self, text: str) -> None:
        self._print(Text(clean(text), style="bold"))

    def _print(self, text: Text | None) -> None:
        if text is not None:
            self._progress.console.print(text, soft_wrap=True)


def view_of(name: str, *, json: bool) -> View:
    """The view that suits stdout.

    Args:
        name: Name of the run.
    """
    if json:
        return JsonView()
    stdout = console()
    return BarView(stdout, name) if stdout.is_terminal and not stdout.is_dumb_terminal else PlainView(stdout)


def _state(state: events.State) -> str:
    name = state_name(state.state)
    return f"{name}: {one_line(state.detail)}" if state.detail else name


def _measures(metrics: events.Metrics) -> str:
    parts = [
        _("epoch {epoch:.2f}  loss {loss}", epoch=metrics.epoch, loss=number(metrics.loss)),
        *_watched(metrics.measures),
        _("{speed:,.0f} tokens/s", speed=metrics.tokens_per_second),
        _("{time} left", time=duration(metrics.eta)),
    ]
    return "  ".join(parts)


def _watched(measures: Mapping[str, float]) -> list[str]:
    return [f"{name} {value}" for name, value in watched(measures)]


def _said(event: events.Event) -> Text | None:
    """Log lines, evaluations, checkpoints and samples as text. Why a run failed is said when it is over."""
    match event:
        case events.LogEvent(payload=log):
            return Text(clean(log.message), style="yellow" if log.level == "warning" else "")
        case events.EvaluationEvent(payload=evaluation):
            measured = _watched(evaluation.measures)
            # Answers that nobody learns from have no loss.
            what = (
                _("evaluation")
                if evaluation.loss is None and measured
                else _("evaluation loss {loss}", loss=number(evaluation.loss))
            )
            parts = [_("step {step:,}", step=evaluation.step), what, *measured]
            return Text("  ".join(parts), style="cyan")
        case events.CheckpointEvent(payload=checkpoint):
            path = clean(checkpoint.path)
            saved = (
                _("result saved in {path}", path=path)
                if checkpoint.kind == "result"
                else _("checkpoint saved in {path}", path=path)
            )
            return Text(_("step {step:,}", step=checkpoint.step) + f"  {saved}")
        case events.SampleEvent(payload=sample):
            text = Text(_("step {step:,}", step=sample.step) + "  " + _("sample"), style="")
            for answer in sample.answers:
                for turn in spoken(answer.prompt):
                    text.append(f"\n  > {one_line(turn)}", style="dim")
                text.append("\n" + _indented(answer.answer))
            return text
    return None


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in clean(text).splitlines() or [""])
