"""What `%dataset` gives: rows, and what the trainer makes of them, for code."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.sources import anchored, find_sources
from llmtune_kernel.data.table import ALL, View
from llmtune_kernel.locale import _, _n
from llmtune_kernel.notebook.inspecting import dataset_bundles
from llmtune_kernel.notebook.looking import Summary, fingerprints, inspect_data, snapshots
from llmtune_kernel.notebook.publishing import publish
from llmtune_kernel.notebook.tables import check_name, open_table

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


class Dataset:
    """The rows of a source, and what the trainer makes of them.

    All of it is what a run would read now: a variable or a file that changes is read again.

    Args:
        config: Of which the data, the model and the template count; its training data are one source.
        variables: Where `$name` is looked up, and where `to_variable` puts rows.
        seen: What the job `inspect` found, with details.
    """

    def __init__(
        self,
        config: RunConfig,
        variables: dict[str, Any],
        seen: Summary | None = None,
        given: list[Row] | None = None,
    ) -> None:
        # Where the kernel works may change later.
        (source,) = config.data.sources("train")
        folder = str(Path(config.data.dataset_dir).absolute())
        data = config.data.model_copy(update={"train": anchored(source), "dataset_dir": folder})
        self._config = config.model_copy(update={"data": data})
        self._variables, self._given = variables, given
        self._content: tuple[object, ...] | None = None
        self._loaded: list[Row] | None = None
        self._found: Summary | None = None
        self._shown_in: int | None = None
        if seen is not None:
            with self._files():
                self._found = seen

    def _with(self, rows: list[Row]) -> Dataset:
        # The rows are read as those of the source are, which may be registered with names of columns.
        data = self._config.data
        (place,) = find_sources(data, "train", lambda _split, _number: {})
        reading = place.source.model_dump(include={"format", "columns", "tags"})
        data = data.model_copy(update={"train": SourceConfig(source="$rows", **reading), "limit": None})
        return Dataset(self._config.model_copy(update={"data": data}), self._variables, given=rows)

    @property
    def rows(self) -> list[Row]:
        """The rows as they are read, in order: row 3 of a message is `rows[3]`.

        Raises:
            UserError: they cannot be read.
        """
        if self._given is not None:
            return self._given
        with self._files():
            if self._loaded is None:
                self._loaded = self._load(ALL)
            return self._loaded

    @property
    def problems(self) -> pd.DataFrame:
        """The rows that are not trained on: `row`, `column` (empty where it is the row as a whole), `reason`, `fix`.

        Where the source has `num_samples`, of the rows that are drawn.
        """
        import pandas as pd

        return pd.DataFrame(self._details["problems"], columns=["row", "column", "reason", "fix"])

    @property
    def lengths(self) -> pd.Series[int]:
        """Tokens of each row that is trained on, before cutting, by its number.

        Where the source has `num_samples`, of the rows that are drawn.
        """
        import pandas as pd

        found = self._details
        return pd.Series(
            found["lengths"], index=pd.Index(found["rows"], name="row"), name="tokens", dtype=int
        )

    def filter(self, condition: str | Callable[[Row], bool]) -> Dataset:
        """The rows that fit a condition.

        Args:
            condition: An SQL expression of DuckDB over the columns, such as `length(output) > 20`, or a function of a
                row.

        Raises:
            UserError: it is neither, the expression has a mistake, or no row fits.
        """
        if isinstance(condition, str):
            rows = self._load(View(filter=condition))
        elif callable(condition):
            rows = [row for row in self.rows if condition(row)]
        else:
            raise UserError(
                _("{value!r} is no condition.", value=condition),
                fix=_('Write SQL, such as "length(output) > 20", or give a function of a row.'),
            )
        if not rows:
            raise UserError(_("No row fits the condition."))
        return self._with(rows)

    def split(self, fraction: float = 0.1, seed: int = 42) -> tuple[Dataset, Dataset]:
        """Two parts at random: the larger one to train on, and `fraction` of the rows to evaluate on.

        Raises:
            UserError: there are fewer than two rows, or `fraction` is not between 0 and 1.
        """
        if not (isinstance(fraction, Real) and 0 < fraction < 1):
            raise UserError(_("A fraction is between 0 and 1; got {value}.", value=repr(fraction)))
        from llmtune_kernel.data.encoding import split_rows

        rows = self.rows
        if len(rows) < 2:
            raise UserError(_("One row cannot be split."), fix=_("Take more rows."))
        parts = split_rows(len(rows), fraction, seed)
        train, evaluation = ([rows[number] for number in part] for part in parts)
        return self._with(train), self._with(evaluation)

    def to_variable(self, name: str) -> None:
        """Put the rows into a new variable of the notebook, to be used as `data: $name`.

        Raises:
            UserError: it is no name of a variable, or there is one already.
        """
        name = str(name).removeprefix("$")
        check_name(name, self._variables)
        self._variables[name] = self.rows

    def __len__(self) -> int:
        """How many rows there are."""
        with self._files():
            return len(self.rows) if self._found is None else int(self._found["rows"])

    def __repr__(self) -> str:
        return _n(
            "Dataset of {count:,} row: .rows .problems .lengths .filter() .split() .to_variable()",
            "Dataset of {count:,} rows: .rows .problems .lengths .filter() .split() .to_variable()",
            len(self),
        )

    def _ipython_display_(self) -> None:
        """Show the data again, but not twice in one cell."""
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
        if shell is not None and self._shown_in == shell.execution_count:
            return
        for bundle in dataset_bundles(self._summary):
            publish(bundle)

    def shown(self, execution: int) -> Dataset:
        """Note in which cell it was shown."""
        self._shown_in = execution
        return self

    def _load(self, view: View) -> list[Row]:
        with ExitStack() as resources:
            source = self._config.data.sources("train")[0]
            table = open_table(source, self._config.data.dataset_dir, self._names, resources)
            if table.left_out:
                warnings.warn(
                    _(
                        "Left out, since their values cannot be kept: {columns}",
                        columns=", ".join(table.left_out),
                    ),
                    stacklevel=3,
                )
            return table.load(view)

    @property
    def _names(self) -> Mapping[str, Any]:
        return self._variables if self._given is None else {"rows": self._given}

    @property
    def _details(self) -> dict[str, Any]:
        details: dict[str, Any] = self._summary["details"]
        return details

    @property
    def _summary(self) -> Summary:
        with self._files() as files:
            if self._found is None:
                self._found = inspect_data(self._config, files, 3, for_run=False)
            return self._found

    @contextmanager
    def _files(self) -> Iterator[dict[str, str]]:
        """What `snapshots` gives; what was found before is forgotten if the rows have changed since."""
        with snapshots(self._config, self._names) as files:
            content = fingerprints(self._config, files)
            if content != self._content:
                self._content, self._loaded, self._found = content, None, None
            yield files
