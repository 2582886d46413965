"""`llmtune inspect`: what the trainer will see, computed by a worker."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmtune_kernel.cli.listing import catalogue
from llmtune_kernel.cli.terminal import clean, console
from llmtune_kernel.cli.training import read_file
from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.data.options import config_of, parts_of, section_of
from llmtune_kernel.locale import _
from llmtune_kernel.runs.wording import example_title, facts, progress_text
from llmtune_kernel.runs.workers import pool

Summary = dict[str, Any]
_BAR = 40  # characters of the longest bar


def inspect(options: argparse.Namespace) -> int:
    """Print format, sizes and first rows of a data set, or of the data of a configuration; or the catalogue.

    Raises:
        UserError: any mistake in the configuration, the data or the model's name.
    """
    if options.catalog is not None:
        return catalogue(options)
    config = _configuration(options)
    of_run = options.source.endswith((".yaml", ".yml"))
    summary = _inspect(config, for_run=of_run)
    if options.json:
        sys.stdout.write(json.dumps(summary, ensure_ascii=False) + "\n")
        return 0
    stdout = console()
    table = Table.grid(padding=(0, 2))
    for name, value in facts(summary):
        table.add_row(Text(name, style="bold"), Text(clean(value), overflow="fold"))
    stdout.print(table)
    stdout.print(_histogram(summary["lengths"]))
    coloured = stdout.color_system is not None and not stdout.no_color
    legend = _("trained tokens are green") if coloured else _("trained tokens are in ⟦⟧")
    stdout.print(Text(legend, style="dim"))
    for example in summary["preview"]:
        _print_example(stdout, example, coloured)
    return 0


def _configuration(options: argparse.Namespace) -> RunConfig:
    if options.source.endswith((".yaml", ".yml")):
        for part in parts_of(options):
            raise UserError(
                _("--{option} is of a data set, and this is a configuration.", option=part),
                options.source,
                _("Write it there: train: {{source: …, {option}: …}}", option=part),
            )
        given: dict[str, Any] = {"model.name_or_path": options.model}
        given |= {f"data.{name}": value for name, value in section_of(options).items()}
        overrides = [f"{key}={json.dumps(value)}" for key, value in given.items() if value]
        config = read_file(options.source, overrides)[0]
    else:
        config = config_of(options.source, options, "llmtune inspect")
    for variable in config.data.variables():
        name = f"${variable.name}"
        what = _("{name} is a variable of a notebook, and there is no notebook here.", name=name)
        raise UserError(what, f"data.{variable.split}", _("Save it to a file, and name the file."))
    return config


def _inspect(config: RunConfig, for_run: bool) -> Summary:
    found: Summary = {}
    with console(stderr=True).status(_("Loading the tokenizer")) as status:

        def take(answer: dict[str, Any]) -> None:
            if answer["type"] == "summary":
                found.update(answer["summary"])
            else:
                status.update(progress_text(answer["stage"], answer["done"], answer["total"]))

        job = {
            "job": "inspect",
            "config": config.model_dump(mode="json"),
            "variables": {},
            "first": 3,
            "for_run": for_run,
            "statistics": True,
            "details": False,
        }
        pool().call(job, take)
    return found


def _histogram(lengths: dict[str, Any]) -> Table:
    """How many rows are how long in tokens, a bar for each bin."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    edges, counts = lengths["edges"], lengths["counts"]
    for low, high, rows in zip(edges, edges[1:], counts, strict=False):
        bar = "█" * -(-_BAR * rows // max(counts))
        table.add_row(f"{low:,}–{high - 1:,}" if high - low > 1 else f"{low:,}", bar, f"{rows:,}")
    return table


def _print_example(stdout: Console, example: dict[str, Any], coloured: bool) -> None:
    text = Text()
    for span in example["spans"]:
        said = clean(span["text"])
        if not span["trained"]:
            text.append(said)
        elif coloured:
            text.append(said, style="green")
        else:
            text.append(f"⟦{said}⟧")
    stdout.print(Text("\n" + example_title(example), style="bold"))
    text.rstrip()
    stdout.print(text, soft_wrap=True)
