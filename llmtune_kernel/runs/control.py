"""The control socket of a run, seen from outside: send one command, get one answer."""

from __future__ import annotations

import json
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from llmtune_kernel.config.errors import UserError
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
    """Answer `prompts` (or those of the configuration) with the current weights."""

    command: Literal["sample"] = "sample"
    request: str | None = None
    prompts: list[str | list[dict[str, str]]] | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


Command = Annotated[Stop | Pause | Resume | Save | SampleNow, Field(discriminator="command")]
COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


def send(directory: RunDirectory, command: Command, timeout: float = 10.0) -> None:
    """Hand a command to the worker of a run; it takes effect at the next step boundary and shows as an event.

    A worker that is just starting has no socket yet: waits for it up to `timeout` seconds.

    Raises:
        UserError: the run is not running.
    """
    deadline = time.monotonic() + timeout
    while True:
        if not directory.alive:
            raise _not_running(directory)
        try:
            address = json.loads(directory.control.read_text(encoding="utf-8"))
            with Client(address["address"], authkey=bytes.fromhex(address["key"])) as connection:
                connection.send_bytes(command.model_dump_json().encode())
                answer = json.loads(connection.recv_bytes())
        except (OSError, EOFError, ValueError, AuthenticationError) as error:
            if time.monotonic() > deadline:
                raise UserError(
                    f"The run {directory.name!r} does not answer.", str(directory.log), "Try again."
                ) from error
            time.sleep(0.1)
            continue
        if not answer["ok"]:
            raise UserError(answer["what"], answer["where"], answer["fix"])
        return


def _not_running(directory: RunDirectory) -> UserError:
    finished = summary_of(directory).state == "finished"
    return UserError(
        f"The run {directory.name!r} is not running{': it is finished' if finished else ''}.",
        str(directory.path),
        "Sample from it, or start a new run." if finished else f"Continue it with --resume {directory.name}.",
    )
