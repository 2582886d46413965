"""What page and kernel say of tables of data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.notebook.protocol.message import Message

Kind = Literal["text", "integer", "number", "boolean", "time", "json", "mixed", "other", "empty"]


class ReadBefore(Message):
    """What was read of a source that is read anew."""

    table: str | None = Field(default=None, description="Null where the kernel was another one.")
    content: str = ""
    excluded: list[int] = Field(default_factory=list, description="Numbers of rows that are left out.")


class TableSource(Message):
    """A source as `data.train` has it: text, or a section with split and subset."""

    source: str | SourceConfig
    dataset_dir: str = Field(min_length=1, description="The folder of dataset_info.json.")
    before: ReadBefore | None = None


class TableId(Message):
    """A table that this page has open."""

    table: str


class OpenedTable(Message):
    """A table that is open now."""

    table: str
    content: str = Field(description="Differs when the rows do, as far as that is told without reading them.")
    excluded: list[int] = Field(description="Those of before whose rows are the same.")
    left_out: list[str] = Field(description="Columns whose values cannot be kept: they are not in the table.")


class SortKey(Message):
    column: str
    descending: bool = False


class TableView(Message):
    """A choice of rows; without anything all rows in the order of the source."""

    search: str = Field(default="", description="Text that a value of a row holds, in any case.")
    filter: str = Field(default="", description="An SQL expression of DuckDB over the columns.")
    sort: list[SortKey] = Field(default_factory=list)
    excluded: list[int] = Field(default_factory=list, description="Numbers of rows that are left out.")


class PageWanted(Message):
    """Rows of a view; what is not known yet within a second is left out."""

    table: str
    first: int = Field(ge=0)
    count: int = Field(ge=0, le=1000)
    view: TableView = TableView()
    find: int | None = Field(
        default=None, ge=0, description="A row of the source, to be told its place in the view."
    )


class RowWanted(Message):
    """A row as the trainer sees it; of the configuration `text` the data are not read, but for how they are."""

    table: str
    number: int = Field(ge=0)
    text: str = Field(description="A configuration as in a cell.")


class ProblemWanted(Message):
    """The next row of a view that cannot be trained on; so many rows are looked through as take a moment."""

    table: str
    first: int = Field(ge=0, description="The place in the view of the first row to look at.")
    view: TableView = TableView()
    text: str = Field(description="A configuration as in a cell.")


class ColumnWanted(Message):
    table: str
    column: str
    view: TableView = TableView()


class ViewSaved(Message):
    """Save the rows of a view as a variable or a file that is not there yet."""

    table: str
    view: TableView = TableView()
    variable: str | None = None
    file: str | None = Field(default=None, description="Ends with .jsonl, .parquet or .arrow.")

    @model_validator(mode="after")
    def _one_of_them(self) -> ViewSaved:
        if (self.variable is None) == (self.file is None):
            raise ValueError("give either variable or file")
        return self
