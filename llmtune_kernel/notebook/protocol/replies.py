"""What the kernel answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from llmtune_kernel.config import Change
from llmtune_kernel.notebook.protocol.chart import ChartSnapshot
from llmtune_kernel.notebook.protocol.message import Message, Mistake, Reply
from llmtune_kernel.notebook.protocol.requests import Nothing
from llmtune_kernel.notebook.protocol.rows import (
    ColumnSummary,
    ProblemFound,
    RowView,
    SavedView,
    TablePage,
)
from llmtune_kernel.notebook.protocol.tables import OpenedTable
from llmtune_kernel.runs.completion import FinishReason
from llmtune_kernel.runs.events import Event
from llmtune_kernel.runs.listing import RunSummary


class Version(Message):
    """Versions of the kernel's half and of its Python."""

    version: str
    python: str


class ConfigurationProblem(Message):
    """One mistake in a configuration; `line` is null for values of a form."""

    line: int | None
    key: str
    message: str
    hint: str = ""
    changes: list[Change] = Field(default_factory=list, description="Each would mend it.")


class Validation(Message):
    """Whether a configuration is right; `config` holds every value where it is.

    Attributes:
        translation: Our YAML, where the text is a LLaMA-Factory file.
    """

    ok: bool
    problems: list[ConfigurationProblem] = Field(default_factory=list)
    config: dict[str, Any] | None = None
    translation: str | None = None


class Variable(Message):
    """A variable of the notebook that can be a data set.

    Attributes:
        content: Differs when the rows do, as far as a sample of them tells; empty if they cannot be read now.
    """

    name: str
    type: str
    rows: int
    columns: list[str]
    content: str


class ModelChoice(Message):
    """A model to choose: built in, in the local Hub cache, or of the catalogue; the description is for people."""

    name: str
    kind: Literal["built-in", "cached", "catalogue"]
    family: str
    parameters: float | None = Field(description="In billions.")
    context: int | None = Field(description="Tokens that it was trained for.")
    licence: str
    gated: bool | None = Field(
        description="Whether its terms are to be accepted on the Hub first; null where that has changed over time."
    )
    description: str
    advice: dict[str, str | list[str]] = Field(
        description="Values of a configuration that suit it better than what else is taken, by their keys."
    )


class DatasetChoice(Message):
    """A data set of the catalogue; what is for people is in their language."""

    name: str
    hub: str = Field(description="Its id on the Hugging Face Hub.")
    task: str
    rows: int | None
    licence: str
    read_as: str = Field(
        description="The format of its rows, columns of other names, and what is taken of it."
    )
    description: str


class Preset(Message):
    """Settings for a purpose; `values` are a part of a configuration."""

    name: str
    title: str
    description: str
    values: dict[str, Any]


class Notice(Message):
    """Something to know before the run, and what would mend it."""

    message: str
    changes: list[Change] = Field(default_factory=list)


class Span(Message):
    """A piece of a rendered example."""

    text: str
    trained: bool


class Example(Message):
    """A row as the model sees it."""

    row: int
    spans: list[Span]


class BadRow(Message):
    """A row that is left out, and why; `column` is empty where it is the row as a whole."""

    row: int
    column: str
    message: str


class Lengths(Message):
    """How long the rows are, in tokens, with a histogram."""

    edges: list[float]
    counts: list[int]
    min: int
    median: float
    max: int


class Inspection(Message):
    """What the trainer will see, and what the run will take. Times in seconds, memory in bytes."""

    model: str
    rows: int
    train_rows: int
    eval_rows: int
    columns: list[str]
    format: str
    format_columns: list[str]
    tokens: int
    trained_tokens: int
    epoch_tokens: int = Field(description="Of the rows to train on, those that weights repeat as often.")
    epoch_trained_tokens: int
    truncated: int
    skipped: int = Field(description="Rows that cannot be trained on and are left out.")
    dropped: int = Field(description="Rows that are too long and are left out.")
    problems: list[BadRow] = Field(description="The first of the rows left out.")
    lengths: Lengths
    preview: list[Example]
    steps: int
    seconds: float | None = Field(description="From the last speed measured on this machine with this model.")
    memory: int = Field(description="Estimate of the most that is needed at once.")
    memory_available: int
    notices: list[Notice]
    content: str = Field(description="Differs when the data do, as far as that is told without reading them.")


class Comparison(Message):
    """Whether data are known to be others by now."""

    has_changed: bool


class File(Message):
    """A file of a run directory; `path` is relative to it, `size` in bytes."""

    path: str
    size: int


class RunView(Message):
    """All that a view of a run shows at first; what comes later is in the events from `offset` on."""

    summary: RunSummary
    text: str = Field(description="The configuration as written by the user.")
    config: dict[str, Any] | None = Field(description="Every value; null before the worker resolved it.")
    directory: str
    files: list[File]
    train: dict[str, list[float | None]] = Field(
        description="Columns step, loss, learning_rate, grad_norm, and the measures; at most 2,000 rows."
    )
    eval: dict[str, list[float | None]] = Field(description="Columns step, loss, and the measures.")
    events: list[Event] = Field(
        description="The last state, metrics, samples, log lines and errors, in order."
    )
    offset: int


class Answer(Message):
    """What a model said in full; `column` counts from 0. See `runs.completion`."""

    column: int
    text: str
    finish_reason: FinishReason
    tokens: int


class VersionReply(Reply):
    payload: Version


class SchemaReply(Reply):
    payload: dict[str, Any]


class ValidateReply(Reply):
    payload: Validation


class VariablesReply(Reply):
    payload: list[Variable]


class RegisteredReply(Reply):
    payload: list[str]


class Folder(Message):
    """Of the kernel, from that of Jupyter's files; null if it is not in there."""

    path: str | None


class FolderReply(Reply):
    payload: Folder


class CatalogueReply(Reply):
    payload: list[DatasetChoice]


class RunsReply(Reply):
    payload: list[RunSummary]


class ModelsReply(Reply):
    payload: list[ModelChoice]


class PresetsReply(Reply):
    payload: list[Preset]


class InspectReply(Reply):
    payload: Inspection


class ViewReply(Reply):
    payload: RunView


class Outputs(Message):
    """Ids of outputs that are kept up to date, and what the others become; of unknown runs there is neither."""

    live: list[str]
    snapshots: list[ChartSnapshot]


class OutputsReply(Reply):
    payload: Outputs


class EditReply(Reply):
    payload: RunSummary


class AskReply(Reply):
    payload: list[Answer]


class DataChangedReply(Reply):
    payload: Comparison


class OpenTableReply(Reply):
    payload: OpenedTable


class TablePageReply(Reply):
    payload: TablePage


class TableRowReply(Reply):
    payload: RowView


class TableProblemReply(Reply):
    payload: ProblemFound


class ColumnSummaryReply(Reply):
    payload: ColumnSummary


class SaveTableReply(Reply):
    payload: SavedView


class DoneReply(Reply):
    """Answer to requests whose effect shows elsewhere: as events, as a list of runs, or not at all."""

    payload: Nothing = Nothing()


class ErrorReply(Message):
    id: str
    type: Literal["error"] = "error"
    error: Mistake
