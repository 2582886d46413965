"""The job `train`: this process is the run, from its configuration to its result."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from llmtune_kernel.config import RunConfig, UserError, in_words_of
from llmtune_kernel.locale import _
from llmtune_kernel.models.out_of_memory import out_of_memory
from llmtune_kernel.runs.control import Stop
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Error, EventWriter, Payload, State
from llmtune_kernel.worker.control import ControlServer, Stopped
from llmtune_kernel.worker.disk import no_space


def train(
    path: Path,
    values: dict[str, Any],
    checkpoint: Path | None,
    *,
    lock: int,
    get_ready: Callable[[], None],
    kernel_gone: Callable[[], None],
) -> None:
    """Train, and end in one of the states finished, stopped, failed.

    Args:
        path: The run directory.
        values: The configuration, validated by the launcher.
        checkpoint: Where to continue from.
        lock: Descriptor that holds the run's lock; held until the process ends.
        get_ready: Returns when the libraries are imported, in the folder that relative paths begin at.
        kernel_gone: Returns when the process that started this one has gone.
    """
    directory, config = RunDirectory(path), RunConfig.model_validate(values)
    _write_output_to(directory.log)
    events = EventWriter(directory.events)

    def emit(payload: Payload) -> None:
        try:
            events.write(payload)
        except OSError as error:
            if not no_space(error):  # then it is written with the next event
                raise

    control = ControlServer(directory, emit)
    stop_with(config, control, kernel_gone)
    end: list[Payload]
    try:
        emit(State(state="loading", detail=_("importing libraries")))
        get_ready()
        from llmtune_kernel.worker.session import Session

        with in_words_of(directory.config.read_text(encoding="utf-8")):
            finished = Session(config, directory, control, emit).run(checkpoint)
        end = [State(state="finished" if finished else "stopped")]
    except Stopped:
        end = [State(state="stopped", detail=_("before training began"))]
    except UserError as error:
        end = [
            Error(what=error.what, where=error.where, fix=error.fix),
            State(state="failed", detail=error.what),
        ]
    except BaseException as error:
        traceback.print_exc()
        fault = _fault(error, directory)
        end = [fault, State(state="failed", detail=fault.what)]
    control.close()  # first: nothing may follow the last state
    for payload in end:
        emit(payload)
    os.close(lock)


def _fault(error: BaseException, directory: RunDirectory) -> Error:
    what = _("The worker failed: {kind}: {error}", kind=type(error).__name__, error=error).splitlines()[0]
    fix = ""
    if out_of_memory(error):
        what = _("The memory is not enough for this run.")
        fix = _(
            "Lower training.per_device_train_batch_size or data.max_length, or set "
            "training.gradient_checkpointing."
        )
    elif no_space(error):
        what = _("There is not enough disk to go on.")
        fix = _("Free some space, then continue with --resume.")
    return Error(what=what, fix=fix, log=str(directory.log), tail=directory.log_tail())


def _write_output_to(log: Path) -> None:
    """Send all that this process prints, libraries' C code included, to the log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")


def stop_with(config: RunConfig, control: ControlServer, kernel_gone: Callable[[], None]) -> None:
    """Turn SIGTERM, and the end of the kernel if the configuration says so, into an order to stop."""

    def terminated(signum: int, frame: FrameType | None) -> None:
        # Not here: the thread that was interrupted may hold the locks that giving an order takes.
        threading.Thread(target=control.order, args=(Stop(),), name="llmtune-terminated").start()

    signal.signal(signal.SIGTERM, terminated)

    def wait() -> None:
        with contextlib.suppress(OSError):
            kernel_gone()
        control.order(Stop())

    if config.launch.on_kernel_exit == "stop":
        threading.Thread(target=wait, name="llmtune-kernel-watch", daemon=True).start()
