"""The comm `llmtune`: answers the front end's requests and pushes it the events of runs."""

from __future__ import annotations

import contextvars
import itertools
import logging
import platform
import threading
from collections.abc import Callable, Mapping
from typing import Any

from comm.base_comm import BaseComm
from pydantic import BaseModel, ValidationError

from llmtune_kernel import __version__
from llmtune_kernel.config import ConfigError, UserError, config_from_dict, json_schema, read_config
from llmtune_kernel.notebook import protocol
from llmtune_kernel.notebook.variables import list_variables
from llmtune_kernel.runs import control
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import EventReader
from llmtune_kernel.runs.listing import summaries

TARGET = "llmtune"
_TICK = 0.25  # seconds between two pushes, so at most four a second
_EVENTS_A_PUSH = 500  # about 150 kB: Jupyter lets one MB a second pass

_log = logging.getLogger(__name__)

Namespace = Callable[[], Mapping[str, Any]]


def register(namespace: Namespace) -> None:
    """Open a link to each page that connects.

    Args:
        namespace: Returns a copy of the notebook's variables.
    """
    from comm import get_comm_manager

    def connect(comm: BaseComm, _: dict[str, Any]) -> None:
        Link(comm, namespace)

    get_comm_manager().register_target(TARGET, connect)


def unregister() -> None:
    """Let no page connect any more."""
    from comm import get_comm_manager

    get_comm_manager().targets.pop(TARGET, None)


class Link:
    """One page: requests come in on any thread, each is answered on a thread of its own."""

    def __init__(self, comm: BaseComm, namespace: Namespace) -> None:
        self._comm = comm
        self._namespace = namespace
        self._lock = threading.Lock()
        self._readers: dict[str, EventReader] = {}
        self._closed = threading.Event()
        self._tail: threading.Thread | None = None
        comm.on_msg(self._on_message)
        comm.on_close(self._on_close)

    def _on_message(self, message: dict[str, Any]) -> None:
        # The context holds the request. ipykernel looks there for the thread to which this page's next message goes;
        # without it that would be the main one, which may be busy for hours.
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run,
            args=(self._answer, message["content"]["data"]),
            name="llmtune-comm",
            daemon=True,
        ).start()

    def _on_close(self, _: dict[str, Any]) -> None:
        self._closed.set()

    def _answer(self, data: dict[str, Any]) -> None:
        name = str(data.get("id", ""))
        try:
            request = protocol.REQUEST.validate_python(data)
            reply, then = self._handle(request)
        except UserError as error:
            self._refuse(name, error.what, error.where, error.fix)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            self._refuse(
                name, f"Not a request: {first['msg']}.", where, "Kernel and page may have different versions."
            )
        except Exception as error:
            _log.exception("A request of the page failed.")
            self._refuse(name, f"The kernel failed to answer: {type(error).__name__}: {error}")
        else:
            self._send(reply)
            then()

    def _handle(self, request: protocol.Request) -> tuple[BaseModel, Callable[[], None]]:
        """The reply to a request, and what to do when it is sent."""
        match request:
            case protocol.VersionRequest(id=id):
                version = protocol.Version(version=__version__, python=platform.python_version())
                return protocol.VersionReply(id=id, payload=version), _nothing
            case protocol.SchemaRequest(id=id):
                return protocol.SchemaReply(id=id, payload=json_schema()), _nothing
            case protocol.ValidateRequest(id=id, payload=source):
                return protocol.ValidateReply(id=id, payload=_validate(source)), _nothing
            case protocol.VariablesRequest(id=id):
                return protocol.VariablesReply(id=id, payload=list_variables(self._namespace())), _nothing
            case protocol.RunsRequest(id=id):
                return protocol.RunsReply(id=id, payload=summaries()), _nothing
            case protocol.ControlRequest(id=id, payload=command):
                control.send(RunDirectory.find(command.run), command.to_command())
                return protocol.DoneReply(id=id), _nothing
            case protocol.SubscribeRequest(id=id, payload=wanted):
                reader = EventReader(RunDirectory.find(wanted.run).events, wanted.offset)
                return protocol.DoneReply(id=id), lambda: self._subscribe(wanted.run, reader)
            case protocol.UnsubscribeRequest(id=id, payload=unwanted):
                with self._lock:
                    self._readers.pop(unwanted.run, None)
                return protocol.DoneReply(id=id), _nothing

    def _subscribe(self, run: str, reader: EventReader) -> None:
        with self._lock:
            self._readers[run] = reader
            if self._tail is None:
                context = contextvars.copy_context()
                self._tail = threading.Thread(
                    target=context.run, args=(self._push,), name="llmtune-comm-events", daemon=True
                )
                self._tail.start()

    def _push(self) -> None:
        while not self._closed.wait(_TICK):
            with self._lock:
                for run, reader in self._readers.items():
                    events = list(itertools.islice(reader.read(), _EVENTS_A_PUSH))
                    if events:
                        self._send(protocol.EventsPush(run=run, events=events, offset=reader.offset))

    def _refuse(self, name: str, what: str, where: str = "", fix: str = "") -> None:
        self._send(protocol.ErrorReply(id=name, error=protocol.Mistake(what=what, where=where, fix=fix)))

    def _send(self, message: BaseModel) -> None:
        if not self._closed.is_set():
            self._comm.send(message.model_dump(mode="json"))


def _nothing() -> None:
    """Nothing more to do when the reply is sent."""


def _validate(source: protocol.ConfigurationSource) -> protocol.Validation:
    try:
        config = (
            read_config(source.text) if source.text is not None else config_from_dict(source.values or {})
        )
    except ConfigError as error:
        problems = [
            protocol.ConfigurationProblem(
                line=problem.line, key=problem.key, message=problem.message, hint=problem.hint
            )
            for problem in error.problems
        ]
        return protocol.Validation(ok=False, problems=problems)
    return protocol.Validation(ok=True, config=config.model_dump(mode="json"))
