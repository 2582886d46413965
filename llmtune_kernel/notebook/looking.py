"""Before a run: what the trainer will see of the data, what the run will take, and what to change."""

from __future__ import annotations

import functools
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmtune_kernel.config import RunConfig, UserError, in_words_of, read_config
from llmtune_kernel.config.data import SPLITS
from llmtune_kernel.data.files import fingerprint_file
from llmtune_kernel.data.identity import file_stamps
from llmtune_kernel.data.sources import find_sources
from llmtune_kernel.locale import _
from llmtune_kernel.notebook import protocol
from llmtune_kernel.notebook.contents import contents_of, is_other
from llmtune_kernel.notebook.notices import notices
from llmtune_kernel.notebook.variables import data_writers
from llmtune_kernel.runs.speed import measured_speed
from llmtune_kernel.runs.workers import Cancellation, Cancelled, pool

Summary = dict[str, Any]
OnProgress = Callable[[dict[str, Any]], None]
_KEPT_SECONDS = 60.0  # after that free memory may be another


def look(wanted: protocol.Look, namespace: Mapping[str, Any]) -> protocol.Inspection:
    """Let a worker look at the data of a configuration; asked again about the same data, it answers at once.

    There is one look at a time: a newer one, of any page, ends an older one.

    Args:
        namespace: Where `$name` is looked up.

    Raises:
        UserError: any mistake in the configuration, the data or the model's name, or a newer look was asked for.
    """
    config = read_config(wanted.text).model_copy(update={"resume": None})
    content = contents_of(config, namespace)
    with in_words_of(wanted.text), snapshots(config, namespace) as files:
        key = (config, wanted.first, os.getcwd(), fingerprints(config, files))
        summary = _looks().get(
            key, lambda cancellation: inspect_data(config, files, wanted.first, cancellation=cancellation)
        )
    speed = measured_speed(config)
    taken = protocol.Inspection.model_fields.keys() - {
        "lengths",
        "preview",
        "seconds",
        "notices",
        "content",
    }
    return protocol.Inspection(
        **{name: summary[name] for name in taken},
        lengths=protocol.Lengths(
            **{name: summary["lengths"][name] for name in protocol.Lengths.model_fields}
        ),
        preview=[protocol.Example(row=one["row"], spans=one["spans"]) for one in summary["preview"]],
        seconds=summary["run_tokens"] / speed if speed else None,
        notices=notices(config, summary),
        content=content,
    )


def compare(seen: protocol.DataSeen, namespace: Mapping[str, Any]) -> protocol.Comparison:
    """Whether the data of a configuration are known to be others than when they were looked at.

    Raises:
        UserError: a mistake in the configuration.
    """
    return protocol.Comparison(
        has_changed=is_other(contents_of(read_config(seen.text), namespace), seen.content)
    )


@contextmanager
def snapshots(config: RunConfig, namespace: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """For each notebook variable that the configuration names an Arrow file of its rows, which goes at the end.

    Raises:
        UserError: a variable is not defined, or cannot be stored.
    """
    with tempfile.TemporaryDirectory(prefix="llmtune-") as folder:
        files = {}
        for name, write in data_writers(config, namespace).items():
            files[name] = str(Path(folder) / f"{name}.arrow")
            write(Path(files[name]))
        yield files


def inspect_data(
    config: RunConfig,
    files: Mapping[str, str],
    first: int,
    on_progress: OnProgress = lambda progress: None,
    *,
    for_run: bool = True,
    details: bool = True,
    cancellation: Cancellation | None = None,
) -> Summary:
    """The summary of the job `inspect`, see `worker/inspect.py`.

    Args:
        files: From `snapshots`.
        first: How many rows to render.
        on_progress: Told what is being done (`stage`), rows `done` and in `total`, and what is known of them `so_far`.
        for_run: Whether the data have to be such as the objective learns from; else there are statistics too.
        details: Whether these tell of each row.

    Raises:
        UserError: any mistake in the data or the model's name.
        Cancelled: `cancellation` was used.
    """
    found: Summary = {}

    def take(answer: dict[str, Any]) -> None:
        if answer["type"] == "summary":
            found.update(answer["summary"])
        else:
            on_progress(answer)

    job = {
        "job": "inspect",
        "config": config.model_dump(mode="json"),
        "variables": dict(files),
        "first": first,
        "for_run": for_run,
        "statistics": not for_run,
        "details": details and not for_run,
    }
    pool().call(job, take, cancellation)
    return found


def fingerprints(config: RunConfig, files: Mapping[str, str]) -> tuple[object, ...]:
    """What changes when the rows change: of variables a hash of their content, of files size and time.

    Args:
        files: From `snapshots`.
    """
    found: list[object] = [fingerprint_file(path) for path in files.values()]
    for split in SPLITS:
        for place in find_sources(config.data, split, lambda _split, _number: {}):
            found += file_stamps(place.files)
    return tuple(found)


class _Looks:
    """One look at a time, the newest; its summary is kept for a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._kept: tuple[object, float, Summary] | None = None
        self._newest: tuple[object, Cancellation] = (None, Cancellation())

    def get(self, key: object, inspect: Callable[[Cancellation], Summary]) -> Summary:
        """The summary for `key`: the one that was kept, or a new one, for which an older look gives way.

        Raises:
            UserError: a newer look was asked for meanwhile.
        """
        with self._lock:
            if self._newest[0] != key:  # who asks the same waits and takes what was found
                self._newest[1].cancel()
            if (found := self._known(key)) is not None:
                return found
            cancellation = Cancellation()
            self._newest = (key, cancellation)
        try:
            with self._turn:
                with self._lock:
                    if (found := self._known(key)) is not None:
                        return found
                summary = inspect(cancellation)
                with self._lock:
                    self._kept = (key, time.monotonic(), summary)
                return summary
        except Cancelled:
            raise UserError(_("A newer look at the data took the place of this one.")) from None

    def _known(self, key: object) -> Summary | None:
        kept = self._kept
        fresh = kept and kept[0] == key and time.monotonic() - kept[1] < _KEPT_SECONDS
        return kept[2] if kept and fresh else None


@functools.cache
def _looks() -> _Looks:
    return _Looks()
