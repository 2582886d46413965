"""All that a view of a run shows at first, however long the run is."""

from __future__ import annotations

import os
import stat
from collections import deque
from pathlib import Path

from pydantic import ValidationError

from llmtune_kernel.config import UserError
from llmtune_kernel.locale import _
from llmtune_kernel.notebook.curves import Curves, eval_row, listed, train_row
from llmtune_kernel.notebook.protocol import File, RunView
from llmtune_kernel.runs.directory import RunDirectory, unreadable
from llmtune_kernel.runs.events import (
    CheckpointEvent,
    ErrorEvent,
    EvaluationEvent,
    Event,
    EventReader,
    LogEvent,
    MetricsEvent,
    SampleEvent,
    StateEvent,
)
from llmtune_kernel.runs.listing import summary_of

_ROWS = 2000
_SAMPLES = 20
_LOG_LINES = 200


def view_run(directory: RunDirectory) -> RunView:
    """The run as it is now.

    Raises:
        UserError: it cannot be read.
    """
    try:
        reader = EventReader(directory.events)
        shown = _Shown()
        for event in reader.read():
            shown.add(event)
        return RunView(
            summary=summary_of(directory),
            text=directory.config.read_text(encoding="utf-8") if directory.config.exists() else "",
            config=directory.read_resolved().get("config"),
            directory=str(directory.path),
            files=_files(directory.path),
            train=listed(shown.curves.train, _ROWS),
            eval=listed(shown.curves.eval, _ROWS),
            events=shown.events(),
            offset=reader.offset,
        )
    except OSError as error:
        raise unreadable(directory.path, error, directory.name) from error
    except ValidationError as error:
        raise UserError(
            _("An event of the run {name!r} cannot be read.", name=directory.name),
            str(directory.events),
            _("The file is damaged, or a newer version of jupyterlab-llmtune wrote it."),
        ) from error


class _Shown:
    """What is kept of the events: each of the last ones, and the curves."""

    def __init__(self) -> None:
        self.curves = Curves()
        self._latest: dict[str, Event] = {}
        self._samples: deque[Event] = deque(maxlen=_SAMPLES)
        self._log: deque[Event] = deque(maxlen=_LOG_LINES)
        self._session: list[Event] = []

    def add(self, event: Event) -> None:
        match event:
            case StateEvent(payload=entered):
                if entered.state == "queued":  # a session begins
                    self._session.clear()
                self._latest["state"] = event
            case MetricsEvent(payload=found):
                self.curves.train.add([train_row(found)])
                self._latest["metrics"] = event
            case EvaluationEvent(payload=measured):
                self.curves.eval.add([eval_row(measured)])
                self._latest["evaluation"] = event
            case SampleEvent():
                self._samples.append(event)
            case LogEvent():
                self._log.append(event)
            case CheckpointEvent() | ErrorEvent():
                self._session.append(event)

    def events(self) -> list[Event]:
        kept = [*self._latest.values(), *self._samples, *self._log, *self._session]
        return sorted(kept, key=lambda event: event.seq)


def _files(root: Path) -> list[File]:
    """All files below a folder by their paths; what a link points to is not looked at."""
    found = []
    for folder, _folders, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            try:
                status = path.lstat()
            except FileNotFoundError:  # the worker replaced it just now
                continue
            if stat.S_ISREG(status.st_mode):
                found.append(File(path=path.relative_to(root).as_posix(), size=status.st_size))
    return sorted(found, key=lambda file: file.path)
