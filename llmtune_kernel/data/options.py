"""Options with which data are looked at, in a notebook and on a terminal."""

from __future__ import annotations

import argparse
from typing import Any

from llmtune_kernel.config import RunConfig, config_from_dict
from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _

_SECTION = ("format", "template", "max_length", "dataset_dir")
_PARTS = ("subset", "split")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add them, in the language of this moment."""
    parser.add_argument("--model", metavar="M", help=_("whose tokenizer and chat template to use"))
    parser.add_argument(
        "--template", metavar="T", help=_("another chat template: a name such as chatml, or a Jinja file")
    )
    parser.add_argument("--subset", metavar="S", help=_("which configuration of a data set on a hub"))
    parser.add_argument("--split", metavar="S", help=_("which split, where there are several; else train"))
    parser.add_argument(
        "--format", metavar="F", help=_("the format of the rows, where it cannot be recognised")
    )
    parser.add_argument(
        "--columns",
        nargs="+",
        metavar="FIELD=COLUMN",
        help=_("columns by other names, such as prompt=question completion=answer"),
    )
    parser.add_argument("--max-length", type=int, metavar="N", help=_("longest row in tokens"))
    parser.add_argument(
        "--dataset-dir",
        metavar="FOLDER",
        help=_("the folder with the file dataset_info.json, where SOURCE is a name in it"),
    )


def section_of(options: argparse.Namespace) -> dict[str, Any]:
    """What the options say of the section `data`, but for its source.

    Raises:
        UserError: a column is no `FIELD=COLUMN`.
    """
    section = {name: value for name in _SECTION if (value := getattr(options, name)) is not None}
    if options.columns is None:
        return section
    pairs = [pair.partition("=") for pair in options.columns]
    for pair, (field, _equals, column) in zip(options.columns, pairs, strict=True):
        if not field or not column:
            raise UserError(
                _("{pair} does not say which column is what.", pair=repr(pair)),
                "--columns",
                _("Write prompt=question completion=answer"),
            )
    return {**section, "columns": {field: column for field, _equals, column in pairs}}


def parts_of(options: argparse.Namespace) -> dict[str, str]:
    """Which part of a source the options name."""
    return {name: value for name in _PARTS if (value := getattr(options, name)) is not None}


def config_of(source: str, options: argparse.Namespace, where: str) -> RunConfig:
    """The configuration with which a source is looked at: who looks wants to see all that is wrong.

    Raises:
        UserError: a mistake in the options, as one of `where`.
    """
    parts = parts_of(options)
    train = {"source": source, **parts} if parts else source
    values: dict[str, Any] = {"data": {"train": train, "on_bad_row": "skip", **section_of(options)}}
    values |= {"model": options.model} if options.model else {}
    return config_from_dict(values, where)
