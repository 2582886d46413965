"""What the page asks of the kernel."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from llmtune_kernel.notebook.protocol.message import Message
from llmtune_kernel.notebook.protocol.tables import (
    ColumnWanted,
    PageWanted,
    ProblemWanted,
    RowWanted,
    TableId,
    TableSource,
    ViewSaved,
)
from llmtune_kernel.runs.control import COMMAND, Command


class Nothing(Message):
    """A payload without content."""


class Greeting(Message):
    """What the page prefers where the environment of the kernel says nothing."""

    language: str = Field(default="", description="Such as ja-JP; empty for English.")
    runs_folder: str = Field(
        default="", description="Relative to the working directory; empty for the default."
    )


class ConfigurationSource(Message):
    """A configuration to check: the YAML text of a cell, or the values of a form."""

    text: str | None = None
    values: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> ConfigurationSource:
        if (self.text is None) == (self.values is None):
            raise ValueError("give either text or values")
        return self


class RunCommand(Message):
    """A command for the worker of a run, see `runs/control.py`."""

    run: str
    command: Literal["stop", "pause", "resume", "save", "sample"]
    request: str | None = None
    prompts: list[str | list[dict[str, str]]] | None = None
    settings: dict[str, Any] | None = None

    def to_command(self) -> Command:
        """The command as the worker's control socket takes it."""
        return COMMAND.validate_python(self.model_dump(exclude={"run"}, exclude_none=True))


class Subscription(Message):
    """Follow the events of a run from a byte offset of its events.jsonl."""

    run: str
    offset: int = Field(default=0, ge=0)


class RunName(Message):
    run: str


class RunNames(Message):
    runs: list[str]


class RunEdit(Message):
    """A new name, new tags or a new note for a run; None leaves what is there."""

    run: str
    name: str | None = None
    tags: list[str] | None = None
    note: str | None = None


class Look(Message):
    """Look at the data of a configuration through the eyes of the trainer."""

    text: str
    first: int = Field(default=3, ge=0, le=50, description="How many rows to render.")


class AskedModel(Message):
    """A run, or a base model by its name."""

    run: str | None = None
    model: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> AskedModel:
        if (self.run is None) == (self.model is None):
            raise ValueError("give either run or model")
        return self


class Question(Message):
    """A chat that ends with the user's turn, and up to four models to answer it."""

    columns: list[AskedModel] = Field(min_length=1, max_length=4)
    messages: list[dict[str, str]] = Field(min_length=1)
    settings: dict[str, Any] = Field(default_factory=dict)


class Unwanted(Message):
    """Id of the request `ask` or `statistics` whose answer is no longer wanted."""

    id: str


class Counted(Message):
    """A configuration whose data are looked at as a whole; rows that are left out never end it."""

    text: str


class DataSeen(Message):
    """A configuration, and what the `content` of its data was."""

    text: str
    content: str


class _Request(Message):
    id: str


class VersionRequest(_Request):
    """The first request of a page, and said again when what it prefers has changed."""

    type: Literal["version"]
    payload: Greeting = Greeting()


class SchemaRequest(_Request):
    type: Literal["schema"]
    payload: Nothing = Nothing()


class ValidateRequest(_Request):
    type: Literal["validate"]
    payload: ConfigurationSource


class VariablesRequest(_Request):
    type: Literal["variables"]
    payload: Nothing = Nothing()


class Registry(Message):
    """The folder of dataset_info.json, from the notebook's."""

    dataset_dir: str = Field(min_length=1)


class RegisteredRequest(_Request):
    type: Literal["registered"]
    payload: Registry


class ServerRoot(Message):
    """The folder of Jupyter's files, `~` for home."""

    root: str = Field(min_length=1)


class FolderRequest(_Request):
    """Where relative paths begin."""

    type: Literal["folder"]
    payload: ServerRoot


class CatalogueRequest(_Request):
    """The well-known public data sets, those of a task together."""

    type: Literal["catalogue"]
    payload: Nothing = Nothing()


class RunsRequest(_Request):
    type: Literal["runs"]
    payload: Nothing = Nothing()


class ControlRequest(_Request):
    type: Literal["control"]
    payload: RunCommand


class SubscribeRequest(_Request):
    type: Literal["subscribe"]
    payload: Subscription


class UnsubscribeRequest(_Request):
    type: Literal["unsubscribe"]
    payload: RunName


class ModelsRequest(_Request):
    type: Literal["models"]
    payload: Nothing = Nothing()


class PresetsRequest(_Request):
    type: Literal["presets"]
    payload: Nothing = Nothing()


class InspectRequest(_Request):
    type: Literal["inspect"]
    payload: Look


class WatchRequest(_Request):
    """Push the list of runs now and whenever it changes."""

    type: Literal["watch"]
    payload: Nothing = Nothing()


class UnwatchRequest(_Request):
    type: Literal["unwatch"]
    payload: Nothing = Nothing()


class ViewRequest(_Request):
    type: Literal["view"]
    payload: RunName


class RunOutput(Message):
    """An output that shows a run live, by what it carries in `metadata.llmtune`."""

    id: str
    run: str
    began: float = Field(
        description="Unix time of the first event of the run: another of its name is not meant."
    )


class RunOutputs(Message):
    outputs: list[RunOutput]


class OutputsRequest(_Request):
    """What saved outputs of live runs are to show, where this kernel does not keep them up to date."""

    type: Literal["outputs"]
    payload: RunOutputs


class EditRequest(_Request):
    type: Literal["edit"]
    payload: RunEdit


class DeleteRequest(_Request):
    """Move runs that are over to the trash of the runs folder."""

    type: Literal["delete"]
    payload: RunNames


class AskRequest(_Request):
    """Answered when all columns are done; the text comes before, in pieces, as `answer` messages."""

    type: Literal["ask"]
    payload: Question


class CancelRequest(_Request):
    type: Literal["cancel"]
    payload: Unwanted


class StatisticsRequest(_Request):
    """Progress is pushed until it is answered or cancelled."""

    type: Literal["statistics"]
    payload: Counted


class DataChangedRequest(_Request):
    """Compare without reading rows."""

    type: Literal["data_changed"]
    payload: DataSeen


class OpenTableRequest(_Request):
    """Open the rows of a source as a table; it is closed with the page at the latest."""

    type: Literal["open_table"]
    payload: TableSource


class TablePageRequest(_Request):
    type: Literal["table_page"]
    payload: PageWanted


class TableRowRequest(_Request):
    """One row of a table through the eyes of the trainer."""

    type: Literal["table_row"]
    payload: RowWanted


class TableProblemRequest(_Request):
    """Look for the next row of a view that cannot be trained on."""

    type: Literal["table_problem"]
    payload: ProblemWanted


class ColumnSummaryRequest(_Request):
    """A column in numbers, over the rows that are known by now."""

    type: Literal["column_summary"]
    payload: ColumnWanted


class SaveTableRequest(_Request):
    """Answered when all rows are saved."""

    type: Literal["save_table"]
    payload: ViewSaved


class CloseTableRequest(_Request):
    type: Literal["close_table"]
    payload: TableId


Request = Annotated[
    VersionRequest
    | SchemaRequest
    | ValidateRequest
    | VariablesRequest
    | RegisteredRequest
    | FolderRequest
    | CatalogueRequest
    | RunsRequest
    | ControlRequest
    | SubscribeRequest
    | UnsubscribeRequest
    | ModelsRequest
    | PresetsRequest
    | InspectRequest
    | WatchRequest
    | UnwatchRequest
    | ViewRequest
    | OutputsRequest
    | EditRequest
    | DeleteRequest
    | AskRequest
    | CancelRequest
    | StatisticsRequest
    | DataChangedRequest
    | OpenTableRequest
    | TablePageRequest
    | TableRowRequest
    | TableProblemRequest
    | ColumnSummaryRequest
    | SaveTableRequest
    | CloseTableRequest,
    Field(discriminator="type"),
]
REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
