"""Well-known public data sets to choose from: facts written down in 2026; nothing is fetched."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.config.sources import Format, RowField, SourceConfig
from llmtune_kernel.locale import N_, _, look_up

# What data are for, in the order in which it is shown.
TASKS = {
    "instruction": N_("Instructions"),
    "chat": N_("Conversations"),
    "reasoning": N_("Reasoning and maths"),
    "code": N_("Code"),
    "tools": N_("Tool calls"),
    "preference": N_("Preferences"),
    "kto": N_("Answers marked good or bad"),
    "summarization": N_("Summaries"),
    "domain": N_("Special fields"),
    "multilingual": N_("Languages other than English"),
    "pretraining": N_("Plain text"),
}


@dataclass(frozen=True)
class KnownDataset:
    """A data set; `name` is what a configuration says, `hub` its id on the Hugging Face Hub.

    `columns`: for fields of `format` the column that holds them, where its name is another. `columns_found`: columns
    that the card documents, and what is in them. `licence`: as the card names it; empty where it is to be read there.
    `tasks`: keys of `TASKS`, the main one first. `rows`: of the split;
    None where the card does not say. `gated`: its terms are to be accepted on the Hub first.
    """

    name: str
    hub: str
    format: Format
    columns_found: dict[str, str]
    licence: str
    languages: list[str]
    tasks: list[str]
    good_for: str
    rows: int | None = None
    subset: str | None = None
    split: str = "train"
    columns: dict[RowField, str | None] = field(default_factory=dict)
    gated: bool = False

    @property
    def source(self) -> SourceConfig:
        """Where it is, and how it is read."""
        return SourceConfig(
            source=f"hf:{self.hub}",
            subset=self.subset,
            split=self.split,
            format=self.format,
            columns=self.columns,
            tags={},
        )


@functools.cache
def known_datasets() -> dict[str, KnownDataset]:
    """All data sets by name, those of a task together."""
    text = (importlib.resources.files("llmtune_kernel.data") / "known.json").read_text(encoding="utf-8")
    found = [KnownDataset(**entry) for entry in json.loads(text)]
    order = list(TASKS)
    return {one.name: one for one in sorted(found, key=lambda one: order.index(one.tasks[0]))}


def find_datasets(words: Sequence[str]) -> list[KnownDataset]:
    """The data sets that have every one of `words` in a name, task, language, format or licence; worded as is shown.

    Raises:
        UserError: there are none.
    """
    worded = [replace(one, good_for=look_up(one.good_for)) for one in known_datasets().values()]
    found = [one for one in worded if all(word.casefold() in _searched(one) for word in words)]
    if not found:
        raise UserError(
            _("No data set of the catalogue fits {words}.", words=" ".join(words)),
            "",
            _("Words may be names, languages such as zh, or tasks: {tasks}.", tasks=", ".join(TASKS)),
        )
    return found


def task_title(dataset: KnownDataset) -> str:
    """What the data set is mainly for."""
    return look_up(TASKS[dataset.tasks[0]])


def catalogue_tables(words: Sequence[str]) -> tuple[list[str], list[tuple[str, list[list[str]]]]]:
    """The data sets that fit `words` as a header, and for each task its title and rows of cells.

    Raises:
        UserError: there are none.
    """
    header = [
        _("name"),
        _("rows"),
        _("licence"),
        _("languages"),
        _("id on the Hub"),
        _("read as"),
        _("good for"),
    ]
    tables: dict[str, list[list[str]]] = {}
    for one in find_datasets(words):
        rows = "" if one.rows is None else f"{one.rows:,}"
        cells = [one.name, rows, licence(one), " ".join(one.languages), one.hub, read_as(one), one.good_for]
        tables.setdefault(task_title(one), []).append(cells)
    return header, list(tables.items())


def read_as(dataset: KnownDataset) -> str:
    """The format of the rows with the columns of other names, and what is taken of the data set."""
    columns = ", ".join(f"{field} = {column}" for field, column in dataset.columns.items() if column)
    read = [f"{dataset.format} ({columns})" if columns else dataset.format]
    if dataset.subset:
        read.append(_("subset {name}", name=dataset.subset))
    if dataset.split != "train":
        read.append(_("split {name}", name=dataset.split))
    return ", ".join(read)


def licence(dataset: KnownDataset) -> str:
    """The licence, and whether the terms are to be accepted first."""
    said = dataset.licence or _("see the card")
    return _("{licence}, gated", licence=said) if dataset.gated else said


def _searched(dataset: KnownDataset) -> str:
    tasks = [f"{task} {look_up(TASKS[task])}" for task in dataset.tasks]
    words = [dataset.name, dataset.hub, dataset.format, licence(dataset), *dataset.languages, *tasks]
    return "\n".join(words).casefold()
