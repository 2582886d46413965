"""`python -m llmtune_kernel.worker DESCRIPTOR`: serve jobs that come over a socket; see `runs/workers.py`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from llmtune_kernel.config import UserError
from llmtune_kernel.worker.train import train


class Channel:
    """This end of the socket: jobs come in, answers go out, both JSON lines."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._lines = self._socket.makefile("r", encoding="utf-8")

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next job and the descriptors that came with it; None when the other side has gone."""
        # One byte carries the descriptors; read alone, nothing of the line is buffered with it.
        mark, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        line = self._lines.readline() if mark else ""
        return (json.loads(line), descriptors) if line else None

    def answer(self, answer: dict[str, Any]) -> None:
        """Send one answer."""
        self._socket.sendall(json.dumps(answer, ensure_ascii=False).encode() + b"\n")

    def wait_for_end(self) -> None:
        """Return when the other side has gone."""
        self._lines.readline()


def warm_up() -> None:
    """Import what every job needs; takes seconds, and imports only."""
    import peft
    import torch
    import transformers

    import llmtune_kernel.data.encoding
    import llmtune_kernel.inference.generation
    import llmtune_kernel.models.adapters
    import llmtune_kernel.training.trainer

    assert all((peft, torch, transformers, llmtune_kernel))


def serve(channel: Channel) -> None:
    """Do jobs until the other side goes, or until one is a run: then this process is that run, to its end."""
    # Beside the main thread, which meanwhile takes a job and, if it is a run, hears its orders.
    imports = threading.Thread(target=warm_up, name="llmtune-imports")
    imports.start()
    while (received := channel.receive()) is not None:
        job, descriptors = received
        _take_environment(job.pop("environment"))
        os.chdir(job.pop("cwd"))
        if job["job"] == "train":
            train(
                Path(job["directory"]),
                job["config"],
                Path(job["checkpoint"]) if job["checkpoint"] else None,
                lock=descriptors[0],
                imported=imports.join,
                kernel_gone=channel.wait_for_end,
            )
            return
        imports.join()
        _answer(channel, job)


def _take_environment(environment: dict[str, str]) -> None:
    for key in os.environ.keys() - environment.keys():
        del os.environ[key]
    os.environ.update(environment)


def _answer(channel: Channel, job: dict[str, Any]) -> None:
    from llmtune_kernel.worker.inspect import inspect
    from llmtune_kernel.worker.sample import sample

    try:
        {"inspect": inspect, "sample": sample}[job["job"]](job, channel.answer)
    except UserError as error:
        channel.answer({"type": "error", "what": error.what, "where": error.where, "fix": error.fix})
    except Exception:
        traceback.print_exc()
        channel.answer({"type": "fault", "tail": traceback.format_exc().splitlines()[-12:]})
    else:
        channel.answer({"type": "done"})


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Channel(int(sys.argv[1])))
