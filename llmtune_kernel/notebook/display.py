"""The live output of a run in its cell: a thread follows the events and keeps the widgets up to date."""

from __future__ import annotations

import contextvars
import functools
import html
import queue
import threading
import time
import uuid
from typing import Any

from llmtune_kernel.config import RunConfig, UserError, read_config
from llmtune_kernel.locale import N_, _, look_up
from llmtune_kernel.notebook.chart import Chart, LossChart, PlotlyChart
from llmtune_kernel.notebook.curves import Curves
from llmtune_kernel.notebook.panel import Panel, take_messages_at_once
from llmtune_kernel.notebook.presence import presence
from llmtune_kernel.notebook.progress import LogLine, News, Progress
from llmtune_kernel.notebook.protocol import ChartSnapshot, StaticOutput
from llmtune_kernel.notebook.publishing import publish
from llmtune_kernel.notebook.snapshot import output_metadata, tagged_outputs
from llmtune_kernel.runs import control
from llmtune_kernel.runs.events import EventReader
from llmtune_kernel.runs.run import Run

_TICK = 0.25  # seconds between two looks at the events, so at most four updates a second
_COMMANDS = {
    "pause": control.Pause,
    "resume": control.Resume,
    "stop": control.Stop,
    "save": control.Save,
    "sample": control.SampleNow,
}
_NOTES = {
    "pause": N_("pausing after this step"),
    "resume": N_("going on"),
    "stop": N_("stopping after this step"),
    "save": N_("saving after this step"),
    "sample": N_("sampling after this step"),
}


def update_interval(elapsed: float) -> float:
    """Seconds between two updates of the numbers: more and more, so that a long run costs the browser little."""
    return min(max(_TICK, elapsed / 60), 30.0)


@functools.cache
def live_displays() -> set[str]:
    """Ids of the displays that this process keeps up to date."""
    return set()


class LiveDisplay:
    """One live output of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._id = uuid.uuid4().hex
        self._reader = EventReader(run.paths.events)
        self._progress = Progress(run.name)
        self._inbox: queue.SimpleQueue[LogLine] = queue.SimpleQueue()  # from the threads of the buttons
        self._note = ""
        self._absent = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Publish the outputs and return at once."""
        news = self._look()
        if self._progress.over:
            curves = Curves()
            curves.train.add(news.train)
            curves.eval.add(news.eval)
            self._publish_static(curves, {}, update=False)
            return
        self._chart: Chart = LossChart(title=self._run.name)
        take_messages_at_once(self._chart.widget)
        config = _configuration(self._run)
        tracked = "tensorboard" in config.tracking.report_to
        self._panel = Panel(
            self._chart.widget,
            self._command,
            can_sample=bool(config.samples.prompts),
            tensorboard=f'%tensorboard --logdir "{self._run.paths.tensorboard}"' if tracked else "",
        )
        self._panel.show(self._progress)
        for part, widget in self._panel.outputs.items():
            text = (
                _(
                    "{name} was running when this output was made. To see how it stands: %load_ext llmtune_kernel, "
                    "then %attach {name}.",
                    name=self._run.name,
                )
                if part == "panel"
                else ""
            )
            view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
            bundle = {
                "application/vnd.jupyter.widget-view+json": view,
                "text/html": f"<span>{html.escape(text)}</span>",
                "text/plain": text,
            }
            self._publish(part, bundle, update=False)
        presence().when_absent(self._on_absent)
        live_displays().add(self._id)
        # The context holds the cell that asked: whatever the thread publishes belongs to that cell.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run,
            args=(self._follow, news),
            name=f"llmtune-display-{self._run.name}",
            daemon=True,
        )
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the static outputs of a run that is over are published."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _follow(self, waiting: News) -> None:
        try:
            self._keep_up(waiting)
        finally:
            live_displays().discard(self._id)

    def _keep_up(self, waiting: News) -> None:
        began = time.monotonic()
        updated = began - _TICK
        while True:
            waiting.extend(self._look())
            while not self._inbox.empty():
                waiting.log.append(self._inbox.get())
            if self._absent:
                self._replace_chart()
            now = time.monotonic()
            urgent = waiting.urgent or self._note
            if self._progress.over or urgent or now - updated >= update_interval(now - began):
                self._update(waiting)
                waiting, updated = News(), now
            if self._progress.over:
                self._finish()
                return
            time.sleep(_TICK)

    def _look(self) -> News:
        # In this order: a worker writes its last state before it lets go of the lock.
        alive = self._run.paths.alive
        news = self._progress.take(self._reader.read())
        if not alive and not self._progress.over:
            self._progress.fail(self._run.error())
        return news

    def _update(self, news: News) -> None:
        note, self._note = self._note, ""
        if note or news.urgent:
            self._panel.note(note)
        self._panel.show(self._progress)
        self._draw_curves(news)
        self._panel.add_samples(news.samples)
        self._panel.add_log(news.log)

    def _draw_curves(self, news: News) -> None:
        if news.train:
            self._chart.append_train(news.train)
        if news.eval:
            self._chart.append_eval(news.eval)

    def _finish(self) -> None:
        presence().forget(self._on_absent)
        # Outside the context of the cell, as a message of the cell that runs now: programs that run notebooks, like
        # nbconvert, hear no others, and a page finds an output by its display id alone.
        outputs = contextvars.Context().run(
            self._publish_static, self._chart.curves, self._chart.chosen, update=True
        )
        if isinstance(self._chart, LossChart):
            self._chart.send_snapshot(ChartSnapshot(id=self._id, outputs=outputs))
        self._panel.close()

    def _publish_static(
        self, curves: Curves, chosen: dict[str, Any], *, update: bool
    ) -> dict[str, StaticOutput]:
        outputs = tagged_outputs(self._progress, curves, self._run.paths, self._id, chosen)
        for part, output in outputs.items():
            self._publish(part, output.data, update=update)
        return outputs

    def _publish(self, part: str, bundle: dict[str, Any], *, update: bool) -> None:
        metadata = output_metadata(self._progress, self._id, part)
        publish(bundle, metadata=metadata, display_id=f"llmtune-{self._id}-{part}", update=update)

    def _on_absent(self) -> None:
        self._absent = True

    def _replace_chart(self) -> None:
        self._absent = False
        try:
            chart = PlotlyChart(self._chart.curves)
        except ImportError:
            self._inbox.put(
                LogLine(
                    time.time(),
                    "warning",
                    _(
                        "The live chart needs the extension jupyterlab-llmtune in JupyterLab's environment, or "
                        "anywidget in the kernel's: pip install anywidget"
                    ),
                )
            )
            return
        replaced, self._chart = self._chart, chart
        self._panel.replace_chart(chart.widget)
        replaced.widget.close()

    def _command(self, command: str) -> None:
        """A button was pressed. Runs on the thread of the page's messages, so it only passes on."""
        self._note = look_up(_NOTES[command])
        threading.Thread(target=self._send, args=(command,), daemon=True).start()

    def _send(self, command: str) -> None:
        try:
            control.send(self._run.paths, _COMMANDS[command]())
        except UserError as error:
            self._inbox.put(LogLine(time.time(), "warning", error.what))
        except Exception as error:
            self._inbox.put(
                LogLine(
                    time.time(),
                    "warning",
                    _("The worker did not take the command {command}: {error}", command=command, error=error),
                )
            )


def _configuration(run: Run) -> RunConfig:
    return read_config(run.paths.config.read_text(encoding="utf-8"), source=str(run.paths.config))
