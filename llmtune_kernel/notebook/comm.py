"""The comm `llmtune`: answers the front end's requests and pushes it events, runs and answers."""

from __future__ import annotations

import contextvars
import itertools
import logging
import platform
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comm.base_comm import BaseComm
from pydantic import BaseModel, ValidationError

from llmtune_kernel import __version__
from llmtune_kernel.config import (
    ConfigError,
    UserError,
    config_from_dict,
    converted,
    json_schema,
    read_config,
)
from llmtune_kernel.config.presets import PRESETS
from llmtune_kernel.data.catalogue import find_datasets, licence, read_as, task_title
from llmtune_kernel.data.registered import registered_names
from llmtune_kernel.locale import _
from llmtune_kernel.models.catalogue import model_choices
from llmtune_kernel.notebook import protocol
from llmtune_kernel.notebook.cancelling import Cancellations
from llmtune_kernel.notebook.preferences import preferences
from llmtune_kernel.notebook.variables import list_variables
from llmtune_kernel.notebook.viewing import view_run
from llmtune_kernel.runs import control
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.editing import delete_runs, edit_run
from llmtune_kernel.runs.events import EventReader
from llmtune_kernel.runs.listing import summaries, summary_of
from llmtune_kernel.runs.watching import RunsChange, RunsWatch

if TYPE_CHECKING:
    from llmtune_kernel.notebook.asking import Questions
    from llmtune_kernel.notebook.tables import Tables

TARGET = "llmtune"
_TICK = 0.25  # seconds between two pushes of events, so at most four a second
_EVENTS_A_PUSH = 500  # about 150 kB: Jupyter lets one MB a second pass
_WATCH_TICK = 1.0  # seconds between two looks at the runs folder
_RUNS_A_PUSH = 300  # about 200 kB
# What the page prefers, and what begins or ends a following, takes effect in the order in which the page said it.
_IN_ORDER = ("version", "subscribe", "unsubscribe", "watch", "unwatch")

_log = logging.getLogger(__name__)

Namespace = Callable[[], Mapping[str, Any]]
Assign = Callable[[str, Any], None]
Reply = tuple[BaseModel, Callable[[], None]]


def register(namespace: Namespace, assign: Assign) -> None:
    """Open a link to each page that connects.

    Args:
        namespace: Returns a copy of the notebook's variables.
        assign: Gives one of them its value.
    """
    from comm import get_comm_manager

    def connect(comm: BaseComm, _: dict[str, Any]) -> None:
        Link(comm, namespace, assign)

    get_comm_manager().register_target(TARGET, connect)


def unregister() -> None:
    """Let no page connect any more."""
    from comm import get_comm_manager

    get_comm_manager().targets.pop(TARGET, None)


class Link:
    """One page: requests come in on any thread, each is answered on a thread of its own."""

    def __init__(self, comm: BaseComm, namespace: Namespace, assign: Assign) -> None:
        self._comm = comm
        self._namespace = namespace
        self._assign = assign
        self._lock = threading.Lock()
        self._readers: dict[str, EventReader] = {}
        self._closed = threading.Event()
        self._tail: threading.Thread | None = None
        self._unwatched = threading.Event()
        self._follower: threading.Thread | None = None
        self._cancellations = Cancellations()
        self._asked: Questions | None = None
        self._tables: Tables | None = None
        comm.on_msg(self._on_message)
        comm.on_close(self._on_close)

    def _on_message(self, message: dict[str, Any]) -> None:
        data = message["content"]["data"]
        if data.get("type") in _IN_ORDER:
            self._follower = _start(self._answer, "llmtune-comm", data, self._follower)
        else:
            _start(self._answer, "llmtune-comm", data)

    def _on_close(self, _: dict[str, Any]) -> None:
        self._closed.set()
        with self._lock:
            self._unwatched.set()
            self._cancellations.cancel_all()
            if self._tables is not None:
                _start(self._tables.close_all, "llmtune-comm")

    def _answer(self, data: dict[str, Any], after: threading.Thread | None = None) -> None:
        if after is not None:
            after.join()
        name = str(data.get("id", ""))
        try:
            request = protocol.REQUEST.validate_python(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            self._refuse(
                name,
                _("Not a request: {reason}.", reason=first["msg"]),
                where,
                _("Kernel and page may have different versions."),
            )
            return
        try:
            reply, then = self._handle(request)
        except UserError as error:
            self._send(protocol.ErrorReply(id=name, error=_mistake(error)))
        except Exception as error:
            _log.exception("A request of the page failed.")
            self._refuse(
                name,
                _("The kernel failed to answer: {kind}: {error}", kind=type(error).__name__, error=error),
            )
        else:
            self._send(reply)
            then()

    def _handle(self, request: protocol.Request) -> Reply:
        """The reply to a request, and what to do when it is sent."""
        match request:
            case protocol.VersionRequest(id=id, payload=greeting):
                preferences().take(greeting)
                version = protocol.Version(version=__version__, python=platform.python_version())
                return protocol.VersionReply(id=id, payload=version), _nothing
            case protocol.ControlRequest(id=id, payload=command):
                control.send(RunDirectory.find(command.run), command.to_command())
            case protocol.SubscribeRequest(id=id, payload=wanted):
                reader = EventReader(RunDirectory.find(wanted.run).events, wanted.offset)
                return protocol.DoneReply(id=id), lambda: self._subscribe(wanted.run, reader)
            case protocol.UnsubscribeRequest(id=id, payload=unwanted):
                with self._lock:
                    self._readers.pop(unwanted.run, None)
            case protocol.WatchRequest(id=id):
                watch = RunsWatch()
                first = watch.look()
                return protocol.DoneReply(id=id), lambda: self._watch(watch, first)
            case protocol.UnwatchRequest(id=id):
                with self._lock:
                    self._unwatched.set()
            case protocol.EditRequest(id=id, payload=edit):
                edited = edit_run(RunDirectory.find(edit.run), edit.name, edit.tags, edit.note)
                return protocol.EditReply(id=id, payload=summary_of(edited)), _nothing
            case protocol.DeleteRequest(id=id, payload=doomed):
                delete_runs([RunDirectory.find(run) for run in doomed.runs])
            case protocol.AskRequest(id=id, payload=question):
                answers = self._questions().ask(
                    id, question, lambda column, text: self._say(id, column, text)
                )
                return protocol.AskReply(id=id, payload=answers), _nothing
            case protocol.CancelRequest(id=id, payload=unwanted):
                self._cancellations.cancel(unwanted.id)
            case protocol.StatisticsRequest(id=id, payload=counted):
                from llmtune_kernel.notebook.counting import count

                with self._cancellations.of(id) as cancellation:
                    found = count(counted, self._namespace(), lambda far: self._tell(id, far), cancellation)
                return protocol.StatisticsReply(id=id, payload=found), _nothing
            case protocol.CloseTableRequest(id=id, payload=closed):
                self._opened_tables().close(closed.table)
            case _:
                return self._look_up(request), _nothing
        return protocol.DoneReply(id=id), _nothing

    def _look_up(
        self,
        request: protocol.SchemaRequest
        | protocol.ValidateRequest
        | protocol.VariablesRequest
        | protocol.RegisteredRequest
        | protocol.FolderRequest
        | protocol.CatalogueRequest
        | protocol.RunsRequest
        | protocol.ModelsRequest
        | protocol.PresetsRequest
        | protocol.InspectRequest
        | protocol.ViewRequest
        | protocol.OutputsRequest
        | protocol.DataChangedRequest
        | protocol.OpenTableRequest
        | protocol.TablePageRequest
        | protocol.TableRowRequest
        | protocol.TableProblemRequest
        | protocol.ColumnSummaryRequest
        | protocol.SaveTableRequest,
    ) -> BaseModel:
        """The reply to a request that changes nothing that there is."""
        match request:
            case protocol.SchemaRequest(id=id):
                return protocol.SchemaReply(id=id, payload=json_schema())
            case protocol.ValidateRequest(id=id, payload=source):
                return protocol.ValidateReply(id=id, payload=_validate(source))
            case protocol.VariablesRequest(id=id):
                return protocol.VariablesReply(id=id, payload=list_variables(self._namespace()))
            case protocol.RegisteredRequest(id=id, payload=registry):
                return protocol.RegisteredReply(id=id, payload=registered_names(Path(registry.dataset_dir)))
            case protocol.FolderRequest(id=id, payload=server):
                return protocol.FolderReply(id=id, payload=_folder(server.root))
            case protocol.CatalogueRequest(id=id):
                return protocol.CatalogueReply(id=id, payload=_catalogue())
            case protocol.RunsRequest(id=id):
                return protocol.RunsReply(id=id, payload=summaries())
            case protocol.ModelsRequest(id=id):
                models = [protocol.ModelChoice.model_validate(vars(model)) for model in model_choices()]
                return protocol.ModelsReply(id=id, payload=models)
            case protocol.PresetsRequest(id=id):
                presets = [protocol.Preset.model_validate(vars(preset)) for preset in PRESETS]
                return protocol.PresetsReply(id=id, payload=presets)
            case protocol.InspectRequest(id=id, payload=wanted):
                from llmtune_kernel.notebook.looking import look

                return protocol.InspectReply(id=id, payload=look(wanted, self._namespace()))
            case protocol.ViewRequest(id=id, payload=named):
                return protocol.ViewReply(id=id, payload=view_run(RunDirectory.find(named.run)))
            case protocol.OutputsRequest(id=id, payload=saved):
                from llmtune_kernel.notebook.leftovers import leftovers

                return protocol.OutputsReply(id=id, payload=leftovers(saved.outputs))
            case protocol.DataChangedRequest(id=id, payload=seen):
                from llmtune_kernel.notebook.looking import compare

                return protocol.DataChangedReply(id=id, payload=compare(seen, self._namespace()))
            case protocol.OpenTableRequest(id=id, payload=source):
                opened = self._opened_tables().open(source, self._namespace())
                return protocol.OpenTableReply(id=id, payload=opened)
            case protocol.TablePageRequest(id=id, payload=page):
                return protocol.TablePageReply(
                    id=id, payload=self._opened_tables().page(page, self._namespace())
                )
            case protocol.TableRowRequest(id=id, payload=row):
                return protocol.TableRowReply(id=id, payload=self._opened_tables().row(row))
            case protocol.TableProblemRequest(id=id, payload=sought):
                return protocol.TableProblemReply(id=id, payload=self._opened_tables().find_problem(sought))
            case protocol.ColumnSummaryRequest(id=id, payload=column):
                return protocol.ColumnSummaryReply(id=id, payload=self._opened_tables().summarize(column))
            case protocol.SaveTableRequest(id=id, payload=view):
                done = self._opened_tables().save(view, self._namespace(), self._assign)
                return protocol.SaveTableReply(id=id, payload=done)

    def _subscribe(self, run: str, reader: EventReader) -> None:
        with self._lock:
            self._readers[run] = reader
            if self._tail is None:
                self._tail = _start(self._push, "llmtune-comm-events")

    def _push(self) -> None:
        while not self._closed.wait(_TICK):
            with self._lock:
                for run, reader in list(self._readers.items()):
                    try:
                        events = list(itertools.islice(reader.read(), _EVENTS_A_PUSH))
                    except (OSError, ValueError):
                        _log.exception("The events of %s cannot be read.", run)
                        del self._readers[run]
                        continue
                    if events:
                        self._send(protocol.EventsPush(run=run, events=events, offset=reader.offset))

    def _watch(self, watch: RunsWatch, first: RunsChange) -> None:
        """Push all runs, then what changes; a page that asks again gets all again."""
        with self._lock:
            self._unwatched.set()
            self._unwatched = threading.Event()
            if self._closed.is_set():
                return
            _start(self._push_runs, "llmtune-comm-runs", watch, first, self._unwatched)

    def _push_runs(self, watch: RunsWatch, change: RunsChange, over: threading.Event) -> None:
        self._send_runs(change)
        while not over.wait(_WATCH_TICK):
            before, change = change, watch.look()
            news = change.runs or change.removed or str(change.fault) != str(before.fault)
            if news and not over.is_set():
                self._send_runs(change)

    def _send_runs(self, change: RunsChange) -> None:
        fault = _mistake(change.fault) if change.fault else None
        for start in range(0, max(1, len(change.runs)), _RUNS_A_PUSH):
            runs = change.runs[start : start + _RUNS_A_PUSH]
            removed = change.removed if start == 0 else []
            self._send(protocol.RunsPush(runs=runs, removed=removed, fault=fault))

    def _questions(self) -> Questions:
        from llmtune_kernel.notebook.asking import Questions

        with self._lock:
            if self._asked is None:
                self._asked = Questions(self._cancellations)
            return self._asked

    def _opened_tables(self) -> Tables:
        from llmtune_kernel.notebook.tables import Tables

        with self._lock:
            if self._tables is None:
                self._tables = Tables()
            return self._tables

    def _say(self, id: str, column: int, text: str) -> None:
        self._send(protocol.AnswerPush(id=id, column=column, text=text))

    def _tell(self, id: str, progress: dict[str, Any]) -> None:
        self._send(protocol.ProgressPush.model_validate({**progress, "id": id}))

    def _refuse(self, name: str, what: str, where: str = "", fix: str = "") -> None:
        self._send(protocol.ErrorReply(id=name, error=protocol.Mistake(what=what, where=where, fix=fix)))

    def _send(self, message: BaseModel) -> None:
        if not self._closed.is_set():
            self._comm.send(message.model_dump(mode="json"))


def _folder(root: str) -> protocol.Folder:
    """Where this process is, in the folder of Jupyter's files."""
    here, whole = Path.cwd().resolve(), Path(root).expanduser().resolve()
    path = here.relative_to(whole).as_posix() if here.is_relative_to(whole) else None
    return protocol.Folder(path="" if path == "." else path)


def _mistake(error: UserError) -> protocol.Mistake:
    if isinstance(error, ConfigError):
        error = error.without_lines()  # the YAML does not begin on the first line of its cell
    return protocol.Mistake(what=error.what, where=error.where, fix=error.fix, changes=error.changes)


def _nothing() -> None:
    """Nothing more to do when the reply is sent."""


def _start(target: Callable[..., None], name: str, *arguments: Any) -> threading.Thread:
    """Run a function on a thread of its own, in the context of this one."""
    # The context holds the request. ipykernel looks there for the thread to which this page's next message goes;
    # without it that would be the main one, which may be busy for hours.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(target, *arguments), name=name, daemon=True)
    thread.start()
    return thread


def _catalogue() -> list[protocol.DatasetChoice]:
    return [
        protocol.DatasetChoice(
            name=one.name,
            hub=one.hub,
            task=task_title(one),
            rows=one.rows,
            licence=licence(one),
            read_as=read_as(one),
            description=one.good_for,
        )
        for one in find_datasets([])
    ]


def _validate(source: protocol.ConfigurationSource) -> protocol.Validation:
    try:
        if source.text is None:
            config, translation = config_from_dict(source.values or {}), None
        else:
            config, translation = read_config(source.text), converted(source.text)
    except ConfigError as error:
        problems = [
            protocol.ConfigurationProblem(
                line=problem.line,
                key=problem.key,
                message=problem.message,
                hint=problem.hint,
                changes=list(problem.changes),
            )
            for problem in error.problems
        ]
        return protocol.Validation(ok=False, problems=problems)
    return protocol.Validation(ok=True, config=config.model_dump(mode="json"), translation=translation)
