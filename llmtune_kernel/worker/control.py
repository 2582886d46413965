"""The control socket of a run, seen from inside: a listener thread, and the orders taken at step boundaries."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmtune_kernel.config import RunConfig, SamplesConfig, UserError
from llmtune_kernel.config.explain import explain
from llmtune_kernel.locale import _, sentence
from llmtune_kernel.runs.control import COMMAND, Command, Pause, SampleNow, Stop
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Payload, State


class Stopped(Exception):
    """The run was asked to stop before it trained."""


# Seconds that a listener may leave unread what it is told before it is given up: training waits meanwhile.
_PATIENCE = 30


class Gone(Exception):
    """Whoever listened to an answer has gone."""


class Audience:
    """Who listens to the answer to one `SampleNow` as it grows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        plain = socket.socket(fileno=os.dup(connection.fileno()))
        with plain, contextlib.suppress(OSError):  # it may be closed already
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _PATIENCE, 0))

    def check(self) -> None:
        """Raise `Gone` if nobody listens any more."""
        if self._connection.poll():  # a listener says nothing; what can be read is the end
            raise Gone

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message.

        Raises:
            Gone: nobody listens any more.
        """
        try:
            self._connection.send_bytes(json.dumps(message, ensure_ascii=False).encode())
        except OSError:
            raise Gone from None

    def close(self) -> None:
        self._connection.close()


class ControlServer:
    """Listens on a socket that only this user, with the key in control.json, can talk to."""

    def __init__(self, directory: RunDirectory, emit: Callable[[Payload], None]) -> None:
        self._directory, self._emit = directory, emit
        self._guard = threading.Lock()
        self._open = True
        self._orders: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._audiences: dict[str, Audience] = {}
        self._stop = threading.Event()
        # A socket's path may have about 100 characters: run directories are often deeper than that.
        self._folder = Path(tempfile.mkdtemp(prefix="llmtune-"))
        key = secrets.token_bytes(32)
        self._listener = Listener(str(self._folder / "control"), family="AF_UNIX", authkey=key)
        descriptor = os.open(directory.control, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"address": self._listener.address, "key": key.hex()}, file)
        threading.Thread(target=self._listen, name="llmtune-control", daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                self._serve(self._listener.accept())
            except (EOFError, AuthenticationError, ConnectionError):
                continue
            except OSError:  # closed
                return

    def _serve(self, connection: Connection) -> None:
        with contextlib.ExitStack() as opened:
            opened.enter_context(connection)
            try:
                order = COMMAND.validate_json(connection.recv_bytes())
                if isinstance(order, SampleNow):
                    sample_settings(SamplesConfig(), order.settings)
            except (ValidationError, UserError) as error:
                if not isinstance(error, UserError):
                    error = UserError(_("Not a command: {error}", error=error), _("control socket"))
                refusal = {"what": error.what, "where": error.where, "fix": error.fix}
                connection.send_bytes(json.dumps({"ok": False, **refusal}).encode())
                return
            streamed = isinstance(order, SampleNow) and order.stream
            if not streamed:
                self.order(order)
            connection.send_bytes(json.dumps({"ok": True}).encode())
            if isinstance(order, SampleNow) and streamed:
                opened.pop_all()
                self._welcome(str(order.request), Audience(connection))
                self.order(order)

    def _welcome(self, request: str, audience: Audience) -> None:
        with self._guard:
            if self._open:
                self._audiences[request] = audience
            else:
                audience.close()

    @contextlib.contextmanager
    def audience(self, order: SampleNow) -> Iterator[Audience | None]:
        """Who listens to the answer to an order, if anybody does; sent away at the end."""
        with self._guard:
            audience = self._audiences.pop(order.request, None) if order.request else None
        try:
            yield audience
        finally:
            if audience is not None:
                audience.close()

    def order(self, order: Command) -> None:
        """Give an order from inside this process; one that comes after the end changes nothing."""
        with self._guard:
            if not self._open:
                return
            if isinstance(order, Stop):
                self._stop.set()
                self._emit(State(state="stopping", detail=_("at the next step")))
            elif isinstance(order, Pause):
                self._emit(State(state="pausing", detail=_("at the next step")))
            self._orders.put(order)

    def check_stop(self, *_: object) -> None:
        """Raise `Stopped` if a stop was ordered; for the time before training."""
        if self._stop.is_set():
            raise Stopped

    def next(self, wait: float = 0.0) -> Command | None:
        """The next order, or None if there is none within `wait` seconds."""
        with contextlib.suppress(queue.Empty):
            return self._orders.get(timeout=wait) if wait else self._orders.get_nowait()
        return None

    def close(self) -> None:
        """Stop listening and remove the socket; no order is taken any more."""
        with self._guard:
            self._open = False
            for audience in self._audiences.values():
                audience.close()
        self._directory.control.unlink(missing_ok=True)
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def sample_settings(base: SamplesConfig, changes: dict[str, object]) -> SamplesConfig:
    """`base` with some settings changed.

    Raises:
        UserError: an unknown setting, or a value out of bounds.
    """
    # As a part of a whole configuration, because the words for what is wrong are those of its keys.
    values = {"data": "rows", "samples": {**base.model_dump(), **changes}}
    try:
        return RunConfig.model_validate(values).samples
    except ValidationError as error:
        first = next(explain(error, lambda path: (None, "")))
        name = first.key.removeprefix("samples.")
        what = _("{name}: {message}.", name=name, message=first.message)
        raise UserError(what, _("sampling settings"), sentence(first.hint)) from None
