"""The control socket of a run, seen from outside: send one command, get one answer."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _
from llmtune_kernel.runs.completion import Completion
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.listing import summary_of


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Stop(_Command):
    """Save, then end the run; it can be continued."""

    command: Literal["stop"] = "stop"


class Pause(_Command):
    command: Literal["pause"] = "pause"


class Resume(_Command):
    command: Literal["resume"] = "resume"


class Save(_Command):
    """Write a checkpoint now."""

    command: Literal["save"] = "save"


class SampleNow(_Command):
    """Answer `prompts` (or those of the configuration) with the current weights.

    With `stream` the answers go over the connection as well, which stays open meanwhile: `{text}` for each piece, then
    `{done, answers}` or `{done, error}`. Closing the connection ends them.
    """

    command: Literal["sample"] = "sample"
    request: str | None = None
    prompts: list[str | list[dict[str, str]]] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    stream: bool = False

    @model_validator(mode="after")
    def _stream_has_a_request(self) -> SampleNow:
        if self.stream and self.request is None:
            raise ValueError("a stream has a request id")
        return self


Command = Annotated[Stop | Pause | Resume | Save | SampleNow, Field(discriminator="command")]
COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


class NotRunning(UserError):
    """The run has no worker that could take a command."""


def send(directory: RunDirectory, command: Command, timeout: float = 10.0) -> None:
    """Hand a command to the worker of a run; it takes effect at the next step boundary and shows as an event.

    A worker that is just starting has no socket yet: waits for it up to `timeout` seconds.

    Raises:
        NotRunning: the run is not running.
        UserError: the worker refuses the command, or does not answer.
    """
    _hand_over(directory, command, timeout).close()


def stream(
    directory: RunDirectory,
    prompts: list[str | list[dict[str, str]]],
    settings: dict[str, Any],
    on_text: Callable[[str], None] = lambda piece: None,
    check_cancelled: Callable[[], None] = lambda: None,
    timeout: float = 10.0,
) -> list[Completion]:
    """Answers of a live run, one a prompt.

    Waits while the run is loading, and for the next step boundary.

    Args:
        on_text: Called with each piece of the answers, one answer after the other.
        check_cancelled: Called ten times a second; may raise to end the answer.

    Raises:
        NotRunning: the run is not running, or ended before it answered.
        UserError: the worker cannot answer, or does not take the command.
    """
    command = SampleNow(request=uuid.uuid4().hex, prompts=prompts, settings=settings, stream=True)
    with _hand_over(directory, command, timeout) as connection:
        while True:
            while not connection.poll(0.1):
                check_cancelled()
            check_cancelled()
            try:
                message = json.loads(connection.recv_bytes())
            except (OSError, EOFError):
                raise _not_running(directory) from None
            if "error" in message:
                raise UserError(**message["error"])
            if "answers" in message:
                return [Completion(**answer) for answer in message["answers"]]
            on_text(message["text"])


def _hand_over(directory: RunDirectory, command: Command, timeout: float) -> Connection:
    """The connection over which the worker took the command."""
    deadline = time.monotonic() + timeout
    while True:
        if not directory.alive:
            raise _not_running(directory)
        try:
            address = json.loads(directory.control.read_text(encoding="utf-8"))
            connection = Client(address["address"], authkey=bytes.fromhex(address["key"]))
            with contextlib.ExitStack() as opened:
                opened.enter_context(connection)
                connection.send_bytes(command.model_dump_json().encode())
                answer = json.loads(connection.recv_bytes())
                if not answer["ok"]:
                    raise UserError(answer["what"], answer["where"], answer["fix"])
                opened.pop_all()
                return connection
        except (OSError, EOFError, ValueError, AuthenticationError) as error:
            if time.monotonic() > deadline:
                raise UserError(
                    _("The run {name!r} does not answer.", name=directory.name),
                    str(directory.log),
                    _("Try again."),
                ) from error
            time.sleep(0.1)


def _not_running(directory: RunDirectory) -> NotRunning:
    finished = summary_of(directory).state == "finished"
    if finished:
        what = _("The run {name!r} is not running: it is finished.", name=directory.name)
        fix = _("Sample from it, or start a new run.")
    else:
        what = _("The run {name!r} is not running.", name=directory.name)
        fix = directory.how_to_go_on()
    return NotRunning(what, str(directory.path), fix)
