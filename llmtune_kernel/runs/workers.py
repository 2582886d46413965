"""Worker processes: started in their own session, warmed up before they are needed, given one job at a time."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

from llmtune_kernel.config.changes import Change
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _

# A CPU allocator that returns all pages to the system after each step costs about a tenth of the speed. Those of the
# largest tensors, such as logits, cost little to ask for anew, and kept in pieces they would be missed.
_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**33),
    "MALLOC_TOP_PAD_": str(2**28),
    # Threads that spin while they wait take the cores from the kernel, and from other runs, which then crawl.
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "true",
}
# Read once at import by the libraries: a warm worker with other values is of no use.
_READ_AT_IMPORT = (
    "HF_",
    "HUGGINGFACE_",
    "TRANSFORMERS_",
    "TORCH",
    "PYTORCH_",
    "CUDA_",
    "OMP_",
    "MKL_",
    "LD_",
    "PYTHON",
)


def _import_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key.startswith(_READ_AT_IMPORT)}


# How many bytes of JSON follow. It carries the descriptors too.
FRAME = struct.Struct("!Q")
# What a worker may still do, such as load a model, after a job is cancelled; then it is ended.
_GRACE = 3.0


class Cancelled(Exception):
    """The job was cancelled by whoever asked for it."""


class Cancellation:
    """Lets any thread end a job. A job that heeds it leaves its worker warm; one that does not, ends with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._timer: threading.Timer | None = None
        self.cancelled = False

    def check(self) -> None:
        """Raise `Cancelled` if it was."""
        if self.cancelled:
            raise Cancelled

    def cancel(self) -> None:
        """End the job that is under way, or that comes."""
        with self._lock:
            if self.cancelled:
                return
            self.cancelled = True
            if self._worker is not None:
                self._worker.cancel()
                self._timer = threading.Timer(_GRACE, self._worker.process.kill)
                self._timer.daemon = True
                self._timer.start()

    @contextlib.contextmanager
    def over(self, worker: Worker) -> Iterator[None]:
        """While it lasts, cancelling ends the job of this worker.

        Raises:
            Cancelled: it was cancelled before.
        """
        with self._lock:
            self.check()
            self._worker = worker
        try:
            yield
        finally:
            with self._lock:
                self._worker = None
                if self._timer is not None:
                    self._timer.cancel()


class WorkerFault(UserError):
    """The worker broke while it did a job; says the last lines it printed and where its log is."""

    def __init__(self, what: str, tail: list[str], log: str) -> None:
        super().__init__("\n".join([what, *(f"  | {line}" for line in tail)]), log)


class Worker:
    """One worker process, seen from the process that started it.

    Jobs are frames of JSON over a socket pair, answers are JSON lines. The worker lives in its own session, so that
    an interrupt of a cell does not reach it; it ends when this end of the socket closes, unless it is training.

    Args:
        with_unsloth: It imports Unsloth before all else, once it has its job.
    """

    def __init__(self, *, with_unsloth: bool = False) -> None:
        ours, theirs = socket.socketpair()
        self._environment = _import_environment()
        # Nameless: nothing of it is left behind, however the processes end.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        command = [sys.executable, "-P", "-m", "llmtune_kernel.worker", str(theirs.fileno())]
        with theirs:
            self.process = subprocess.Popen(
                [*command, "unsloth"] if with_unsloth else command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={**_ENVIRONMENT, **os.environ},
                start_new_session=True,
            )
        self._socket = ours
        self._sending = threading.Lock()
        self._answers = ours.makefile("r", encoding="utf-8")

    @property
    def usable(self) -> bool:
        """Whether it lives and its libraries were imported with today's environment."""
        return self.process.poll() is None and self._environment == _import_environment()

    def _send(self, job: dict[str, Any], descriptors: list[int]) -> None:
        message = {**job, "cwd": os.getcwd(), "environment": {**_ENVIRONMENT, **os.environ}}
        data = json.dumps(message).encode()
        with self._sending:
            socket.send_fds(self._socket, [FRAME.pack(len(data))], descriptors)
            self._socket.sendall(data)

    def cancel(self) -> None:
        """Ask it to end the job it does; between two jobs this changes nothing."""
        with contextlib.suppress(OSError):  # it died: then the job ends anyway
            self._send({"job": "cancel"}, [])

    def hand_over(self, job: dict[str, Any], lock: int) -> None:
        """Give it a training job and the descriptor that holds the run's lock; from now on the worker is the run."""
        self._send(job, [lock])
        # The socket stays open on purpose: its end tells the worker that this process has gone.
        threading.Thread(target=self._attend, name="llmtune-run", daemon=True).start()

    def _attend(self) -> None:
        self.process.wait()  # or it would stay behind as a zombie
        self._release()

    def call(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Do a job and yield its answers.

        Raises:
            UserError: the job found a mistake of the user.
            Cancelled: `cancel` ended the job.
            WorkerFault: the worker broke.
        """
        try:
            self._send(job, [])
        except OSError:
            raise self._fault([]) from None
        while line := self._line():
            answer: dict[str, Any] = json.loads(line)
            if answer["type"] == "done":
                return
            if answer["type"] == "cancelled":
                raise Cancelled
            if answer["type"] == "error":
                changes = map(Change.model_validate, answer["changes"])
                raise UserError(answer["what"], answer["where"], answer["fix"], changes)
            if answer["type"] == "fault":
                raise self._fault(answer["tail"])
            yield answer
        raise self._fault([])

    def _line(self) -> str:
        """The next answer; empty when the worker has gone."""
        try:
            return self._answers.readline()
        except ConnectionError:  # it died with a job unread
            return ""

    def _fault(self, tail: list[str]) -> WorkerFault:
        printed = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0)
        with tempfile.NamedTemporaryFile(prefix="llmtune-worker-", suffix=".log", delete=False) as kept:
            kept.write(printed)
        what = (
            _("The worker process failed.")
            if tail
            else _("The worker process ended; perhaps memory ran out.")
        )
        tail = tail or printed.decode(errors="replace").splitlines()[-12:]
        return WorkerFault(what, tail, kept.name)

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait()
        self._release()

    def _release(self) -> None:
        self._answers.close()
        self._socket.close()
        self._log.close()


class WorkerPool:
    """Keeps one worker warm. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: Worker | None = None
        atexit.register(self.close)

    def prepare(self) -> None:
        """Start a worker that imports its libraries and waits, if none waits already."""
        with self._lock:
            if self._idle is None or not self._idle.usable:
                self._replace(Worker())

    def _replace(self, worker: Worker | None) -> None:
        if self._idle is not None:
            self._idle.close()
        self._idle = worker

    def _take(self) -> Worker:
        with self._lock:
            worker, self._idle = self._idle, None
        if worker is not None and not worker.usable:
            worker.close()
            worker = None
        return worker or Worker()

    def start(self, job: dict[str, Any], lock: int) -> None:
        """Hand a training job to a warm worker, or to a new one.

        One with Unsloth gets a worker of its own: what it changes in the libraries must not reach others, and would
        come too late where they are imported already.
        """
        if job["config"]["model"]["backend"] == "unsloth":
            Worker(with_unsloth=True).hand_over(job, lock)
            return
        worker = self._take()
        try:
            worker.hand_over(job, lock)
        except OSError:  # it died while it waited
            worker.close()
            Worker().hand_over(job, lock)

    def call(
        self,
        job: dict[str, Any],
        on_answer: Callable[[dict[str, Any]], None],
        cancellation: Cancellation | None = None,
    ) -> None:
        """Do a job in a warm worker, or in a new one, and keep it warm for the next.

        An exception in the caller (an interrupt, say) ends the worker.

        Raises:
            UserError, WorkerFault: see `Worker.call`.
            Cancelled: `cancellation` was used.
        """
        cancellation = cancellation or Cancellation()
        cancellation.check()
        worker = self._take()
        try:
            with cancellation.over(worker):
                for answer in worker.call(job):
                    on_answer(answer)
        except WorkerFault:
            worker.close()
            cancellation.check()  # then it was ended on purpose
            raise
        except (UserError, Cancelled):
            self._give_back(worker)
            raise
        except BaseException:
            worker.close()
            raise
        self._give_back(worker)

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._replace(worker)

    def close(self) -> None:
        """End the waiting worker; running ones go on."""
        with self._lock:
            self._replace(None)


@functools.cache
def pool() -> WorkerPool:
    """The pool of this process."""
    return WorkerPool()
