"""What the kernel says of the rows of a table."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from llmtune_kernel.notebook.protocol.message import Message, Mistake
from llmtune_kernel.notebook.protocol.tables import Kind


class RowTurn(Message):
    """A turn of a conversation, or what else it says: `thinking` and calls (`call`) of the turn, its `tools`.

    Attributes:
        role: Empty for a plain text.
        mark: `answer` where it is learned or judged, `dropped` where the chat template leaves it out, `wrong` where it
            is why the row is left out.
    """

    role: str
    text: str
    mark: Literal["", "answer", "dropped", "wrong"]


class RowSide(Message):
    """The tokens of a row, or of one side of a preference."""

    name: Literal["", "chosen", "rejected", "desirable", "undesirable"]
    turns: list[RowTurn]
    text: str = Field(description="As the chat template writes it.")
    ids: list[int]
    pieces: list[str] = Field(description="The text of each token.")
    trained: list[tuple[int, int]] = Field(description="Spans of tokens that are learned.")
    kept: tuple[int, int] = Field(description="The span of tokens that is left after cutting.")


class RowView(Message):
    """A row as it is, and as the trainer sees it."""

    values: dict[str, str | None] = Field(description="The whole values of the row as text.")
    format: str
    model: str = Field(description="Whose tokenizer it is.")
    problem: str | None = Field(description="Why it is left out.")
    fix: str
    shared: int = Field(
        description="Tokens that both sides of a preference have in common before their answers."
    )
    sides: list[RowSide]


class ProblemFound(Message):
    """How far a view was looked through for a row that cannot be trained on."""

    place: int | None = Field(description="Its place in the view.")
    next: int = Field(description="The place from which to look on.")
    is_done: bool = Field(description="Whether no rows come after that.")


class TableColumn(Message):
    """A column and what is known of its values; `empty` has none so far."""

    name: str
    kind: Kind
    sql: str = Field(description="How a filter names it.")


class TablePage(Message):
    """Some rows of a view as text to show, and how far the table has come."""

    columns: list[TableColumn]
    numbers: list[int] = Field(description="Of the rows, as the trainer counts them from 0.")
    cells: list[list[str | None]] = Field(
        description="Of each row the beginnings of its values, in the order of the columns."
    )
    matching: int = Field(description="Rows of the view known so far.")
    seen: int = Field(description="Rows of the source looked through for them.")
    is_done: bool = Field(description="Whether `matching` is final.")
    place: int | None = Field(
        description="Where the row to find is in the view; null if it is not, by what is known."
    )
    rows: int = Field(description="Rows of the source known so far.")
    is_whole: bool = Field(description="Whether no more rows come.")
    fault: Mistake | None = Field(description="A mistake in the source after its last row.")
    has_changed: bool = Field(description="Whether the source is known to hold other rows by now.")


class Frequent(Message):
    value: str
    rows: int


class ColumnSummary(Message):
    """A column of a view in numbers, over the first `seen` rows of the source.

    Attributes:
        distinct: Estimated where it is not `distinct_is_exact`.
        lengths: Whether minimum, maximum and mean are of the lengths of texts in characters.
        minimum: Text where the column holds times.
        frequent: Values that are there more than once.
    """

    kind: Kind
    rows: int
    nulls: int
    distinct: int
    distinct_is_exact: bool
    lengths: bool
    minimum: float | str | None
    maximum: float | str | None
    mean: float | None
    frequent: list[Frequent]
    seen: int
    is_done: bool


class SavedView(Message):
    """How many rows were saved, and what names them in `data.train`: text, or a section that says how they are read."""

    rows: int
    source: str | dict[str, Any]
