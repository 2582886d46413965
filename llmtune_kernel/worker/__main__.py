"""`python -m llmtune_kernel.worker DESCRIPTOR [unsloth]`: serve jobs that come over a socket; see `runs/workers.py`."""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import socket
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtune_kernel.config import UserError
from llmtune_kernel.data.languages import load_languages
from llmtune_kernel.models.unsloth_import import import_first
from llmtune_kernel.quantizers import quieten_libraries
from llmtune_kernel.runs.workers import FRAME, Cancelled
from llmtune_kernel.worker.train import train

if TYPE_CHECKING:
    from llmtune_kernel.worker.sample import Loader


class Channel:
    """This end of the socket: jobs come in as frames, answers go out as JSON lines."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next job and the descriptors that came with it; None when the other side has gone."""
        header, descriptors, _, _ = socket.recv_fds(self._socket, FRAME.size, 1, socket.MSG_WAITALL)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        if len(header) < FRAME.size:
            return None
        (size,) = FRAME.unpack(header)
        data = bytearray()
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                return None
            data += part
        return json.loads(data), descriptors

    def answer(self, answer: dict[str, Any]) -> None:
        """Send one answer."""
        self._socket.sendall(json.dumps(answer, ensure_ascii=False).encode() + b"\n")

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if the job was cancelled, or if whoever wants it has gone."""
        # Nothing else comes while a job is done.
        if select.select([self._socket], [], [], 0)[0]:
            raise Cancelled

    def wait_for_end(self) -> None:
        """Return when the other side has gone."""
        self._socket.recv(1)


def warm_up(*, with_unsloth: bool = False) -> None:
    """Import what every job needs; takes seconds. What the libraries say to a terminal is kept out of the log.

    Raises:
        UserError: Unsloth is wanted, and cannot be imported.
    """
    quieten_libraries()
    if with_unsloth:
        import_first()
    import peft
    import torch
    import transformers

    import llmtune_kernel.data.encoding
    import llmtune_kernel.inference.generation
    import llmtune_kernel.models.adapters
    import llmtune_kernel.training.trainer

    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    assert all((peft, torch, llmtune_kernel))


def serve(channel: Channel, *, with_unsloth: bool = False) -> None:
    """Do jobs until the other side goes, or until one is a run: then this process is that run, to its end.

    Args:
        with_unsloth: Import Unsloth first, when the first job is there.
    """
    # Libraries ask where they are while they are imported, and the folder of whoever started this may go meanwhile.
    os.chdir("/")
    # Beside the main thread, which meanwhile takes a job and, if it is a run, hears its orders.
    beside = ThreadPoolExecutor(1, "llmtune-imports")
    imports = None if with_unsloth else beside.submit(warm_up)
    beside.submit(load_languages)  # nobody waits for it yet
    loader: Loader | None = None
    while (received := channel.receive()) is not None:
        job, descriptors = received
        _take_environment(job.pop("environment"))
        if imports is None:  # not before: Unsloth sets variables of the environment
            imports = beside.submit(warm_up, with_unsloth=True)
        place = job.pop("cwd")
        if job["job"] == "cancel":  # came when its job was done already
            continue
        get_ready = functools.partial(_get_ready, imports, place)
        if job["job"] == "train":
            loader = None
            train(
                Path(job["directory"]),
                job["config"],
                Path(job["checkpoint"]) if job["checkpoint"] else None,
                lock=descriptors[0],
                get_ready=get_ready,
                kernel_gone=channel.wait_for_end,
            )
            return
        get_ready()
        loader = _answer(channel, job, loader)


def _get_ready(imports: Future[None], place: str) -> None:
    """Return when the libraries are imported, in the folder of whoever wants the job; raises what the import raised."""
    imports.result()
    os.chdir(place)


def _take_environment(environment: dict[str, str]) -> None:
    for key in os.environ.keys() - environment.keys():
        del os.environ[key]
    os.environ.update(environment)


def _answer(channel: Channel, job: dict[str, Any], loader: Loader | None) -> Loader | None:
    """Do a job; returns what holds the model for the next question, if this was one."""
    from llmtune_kernel.worker.estimate import estimate
    from llmtune_kernel.worker.inspect import inspect
    from llmtune_kernel.worker.row import find_problem, row
    from llmtune_kernel.worker.sample import Loader, sample

    loader = (loader or Loader()) if job["job"] == "sample" else None
    try:
        if loader is not None:
            sample(job, channel.answer, loader, channel.check_cancelled)
        else:
            jobs = {"row": row, "problem": find_problem, "inspect": inspect, "estimate": estimate}
            jobs[job["job"]](job, channel.answer, channel.check_cancelled)
    except Cancelled:
        channel.answer({"type": "cancelled"})
    except UserError as error:
        changes = [change.model_dump(mode="json") for change in error.changes]
        said = {"what": error.what, "where": error.where, "fix": error.fix, "changes": changes}
        channel.answer({"type": "error", **said})
    except Exception:
        traceback.print_exc()
        channel.answer({"type": "fault", "tail": traceback.format_exc().splitlines()[-12:]})
    else:
        channel.answer({"type": "done"})
    return loader


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Channel(int(sys.argv[1])), with_unsloth="unsloth" in sys.argv[2:])
