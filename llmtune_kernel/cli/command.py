"""The command line: its words, and what it returns."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from llmtune_kernel.cli.estimating import estimate
from llmtune_kernel.cli.inspecting import inspect
from llmtune_kernel.cli.listing import models, runs
from llmtune_kernel.cli.orders import ORDERS, give
from llmtune_kernel.cli.sampling import sample
from llmtune_kernel.cli.terminal import say
from llmtune_kernel.cli.training import attach, convert, train
from llmtune_kernel.config import UserError
from llmtune_kernel.data.options import add_data_options
from llmtune_kernel.locale import _, look_up, sentence, unknown_language
from llmtune_kernel.locale.options import Parser
from llmtune_kernel.runs.workers import WorkerFault

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[Parser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command `llmtune`.

    Args:
        arguments: Those after the name of the command; by default of this process.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if problem := unknown_language():
        say(problem)
    options = _parser().parse_args(arguments)
    try:
        code: int = options.do(options)
        sys.stdout.flush()
    except UserError as error:
        say(str(error))
        return 1 if isinstance(error, WorkerFault) else 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has seen enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _parser() -> Parser:
    parser = Parser(prog="llmtune", description=_("Fine-tune language models."), epilog=_exit_codes())
    parser.add_argument(
        "--version",
        action="version",
        version=f"llmtune {version('jupyterlab-llmtune')}",
        help=_("show program's version number and exit"),
    )
    commands = parser.add_subparsers(title=_("commands"), required=True, metavar="COMMAND")
    _add_following(commands)
    for name, order in ORDERS.items():
        command = _add(commands, name, give, look_up(order.help))
        command.add_argument("name", metavar="NAME", help=_("name of the run"))
        command.set_defaults(order=name)
    _add_looking(commands)
    return parser


def _exit_codes() -> str:
    return _(
        "exit codes:\n"
        "  0    done; with train and attach: the run finished\n"
        "  1    the worker failed, or ended without a word\n"
        "  2    a mistake in the command, the configuration or the data\n"
        "  3    the run was stopped\n"
        "  130  Ctrl-C; a run that was followed goes on\n"
        "  141  nobody reads the output any more\n"
    )


def _add(commands: _Commands, name: str, do: Callable[..., int], text: str) -> Parser:
    parser = commands.add_parser(name, help=text, description=sentence(text), epilog=_exit_codes())
    parser.set_defaults(do=do)
    return parser


def _add_following(commands: _Commands) -> None:
    parser = _add(commands, "train", train, _("start a run, or continue one, and follow it to its end"))
    stops = _("Ctrl-C stops the run and saves; a second one leaves it running.")
    parser.description = f"{parser.description}\n{stops}"
    parser.add_argument("file", nargs="?", metavar="FILE.yaml", help=_("the configuration"))
    parser.add_argument("--name", metavar="NAME", help=_("name of the run; by default run-1, run-2, …"))
    parser.add_argument(
        "--resume", metavar="NAME", help=_("continue a run; without FILE.yaml as it was configured")
    )
    _add_overrides(parser)
    parser.add_argument(
        "--json", action="store_true", help=_("print the events of the run, one JSON text a line")
    )
    parser = _add(commands, "convert", convert, _("print a LLaMA-Factory file as a configuration of ours"))
    parser.add_argument("file", metavar="FILE.yaml", help=_("a file of LLaMA-Factory"))
    parser = _add(
        commands,
        "estimate",
        estimate,
        _("how much memory a run needs, and on which GPUs it fits; trains nothing"),
    )
    parser.add_argument("file", metavar="FILE.yaml", help=_("the configuration"))
    parser.add_argument(
        "--gpu", metavar="GPU", help=_("make it fit on this one, such as T4, in place of this machine")
    )
    _add_overrides(parser)
    parser.add_argument("--json", action="store_true", help=_("print one JSON text"))
    parser = _add(commands, "attach", attach, _("follow a run to its end; Ctrl-C leaves it"))
    parser.add_argument("name", metavar="NAME", help=_("name of the run"))
    parser.add_argument(
        "--json", action="store_true", help=_("print the events of the run, one JSON text a line")
    )


def _add_overrides(parser: Parser) -> None:
    parser.add_argument(
        "--set",
        action="extend",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help=_("wins over the file, e.g. training.max_steps=10"),
    )


def _add_looking(commands: _Commands) -> None:
    parser = _add(commands, "runs", runs, _("list all runs, newest first"))
    parser.add_argument("--json", action="store_true", help=_("one JSON text a line"))
    parser = _add(commands, "models", models, _("list models to tune, or those that fit all words"))
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help=_("part of a name, a size, a licence or a purpose such as code"),
    )
    parser.add_argument("--json", action="store_true", help=_("print one JSON text"))
    parser = _add(commands, "sample", sample, _("answers of a run or of a base model"))
    parser.add_argument(
        "target", metavar="NAME|MODEL", help=_("name of a run, or of a model such as smollm2-135m")
    )
    parser.add_argument("prompts", nargs="+", metavar="PROMPT", help=_("what to ask"))
    parser.add_argument("--base", action="store_true", help=_("the base model of the run as well"))
    parser.add_argument("--max-new-tokens", type=int, metavar="N", help=_("longest answer in tokens"))
    parser.add_argument(
        "--temperature", type=float, metavar="T", help=_("0 takes the likeliest token each time")
    )
    parser = _add(
        commands, "inspect", inspect, _("format, sizes and first rows of data, as the trainer sees them")
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "source",
        nargs="?",
        metavar="FILE.yaml|DATA",
        help=_("a configuration, a file of rows, or a name of the catalogue"),
    )
    source.add_argument(
        "--catalog",
        nargs="*",
        metavar="WORD",
        help=_("list well-known public data sets by task, or those that fit all words"),
    )
    add_data_options(parser)
    parser.add_argument("--json", action="store_true", help=_("print one JSON text"))
