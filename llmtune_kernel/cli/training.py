"""`llmtune train` and `llmtune attach`: start or find a run, and follow it."""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from llmtune_kernel.cli.following import Outcome, follow
from llmtune_kernel.cli.terminal import clean, say
from llmtune_kernel.cli.views import view_of
from llmtune_kernel.config import RunConfig, UserError, converted, dump_config, in_words_of, read_config
from llmtune_kernel.config.data import SPLITS
from llmtune_kernel.data.files import READERS
from llmtune_kernel.data.sources import find_sources
from llmtune_kernel.locale import _
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.launch import launch, own_configuration
from llmtune_kernel.runs.resuming import source_before
from llmtune_kernel.runs.run import Run
from llmtune_kernel.runs.run import attach as find
from llmtune_kernel.runs.wording import number, state_name

EXIT_CODES = {"finished": 0, "stopped": 3}
FAULT, MISTAKE, LEFT = 1, 2, 130


def train(options: argparse.Namespace) -> int:
    """Start a run, or continue one, and follow it to its end.

    Raises:
        UserError: any mistake that is found before the run starts.
    """
    config, text = _configuration(options)
    with in_words_of(text):
        for split in SPLITS:
            find_sources(config.data, split, functools.partial(source_before, config))
    source = RunDirectory.find(config.resume) if config.resume else None
    told = source.events.stat().st_size if source else 0
    run = launch(config, text=text, name=options.name)
    in_place = source is not None and source.path == run.directory
    say(_("{name} in {folder}", name=run.name, folder=run.directory))
    return _follow(run, json=options.json, offset=told if in_place else 0, stops=True)


def attach(options: argparse.Namespace) -> int:
    """Show a run from its beginning, and follow it to its end.

    Raises:
        UserError: there is no such run.
    """
    return _follow(find(options.name), json=options.json, offset=0, stops=False)


def read_file(path: str, overrides: list[str]) -> tuple[RunConfig, str]:
    """The configuration in a file, and its text as a run keeps it.

    Args:
        overrides: `KEY=VALUE` each.

    Raises:
        UserError: the file cannot be read, or has mistakes.
    """
    text = _text_of(path)
    config = read_config(text, source=path, overrides=overrides)
    if translation := converted(text, path):
        say(translation)
    return config, dump_config(config) if overrides else text


def convert(options: argparse.Namespace) -> int:
    """Print a LLaMA-Factory file as our YAML.

    Raises:
        UserError: it cannot be read or translated, or is none.
    """
    text = _text_of(options.file)
    translation = converted(text, options.file)
    if translation is None:
        read_config(text, source=options.file)
        what = _("This is no LLaMA-Factory file: it has no model_name_or_path.")
        fix = _("Train with it as it is: llmtune train {path}", path=options.file)
        raise UserError(what, options.file, fix)
    sys.stdout.write(translation)
    return 0


def _text_of(path: str) -> str:
    if Path(path).suffix.lower() in READERS.keys() - {".json"}:  # JSON is YAML as well
        what = _("This is data, not a configuration.")
        fix = _("Write a configuration that names it: data: {path}", path=path)
        raise UserError(what, path, fix)
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else _("it is not UTF-8 text")
        raise UserError(
            _("The configuration cannot be read: {reason}.", reason=reason), path, _("Check the path.")
        ) from None


def _configuration(options: argparse.Namespace) -> tuple[RunConfig, str]:
    overrides: list[str] = options.set
    file: str | None = options.file
    # The file may come last, after the values of --set.
    if file is None and overrides and "=" not in overrides[-1]:
        *overrides, file = overrides
    if file is not None:
        config, text = read_file(file, overrides)
        return (config.model_copy(update={"resume": options.resume}) if options.resume else config), text
    if options.resume:
        return own_configuration(options.resume, overrides)
    raise UserError(
        _("There is no configuration."),
        "llmtune train",
        _("Name a YAML file: llmtune train FILE.yaml, or a run to continue: llmtune train --resume NAME"),
    )


def _follow(run: Run, *, json: bool, offset: int, stops: bool) -> int:
    with view_of(run.name, json=json) as view:
        outcome = follow(run, view, offset=offset, stops=stops)
    if outcome.left:
        say(_("Left {name} to itself. Follow it again with: llmtune attach {name}", name=run.name))
        return LEFT
    if outcome.state == "failed":
        say(_("{name} failed.", name=run.name) + f"\n{run.failure()}")
        return FAULT if run.error().log else MISTAKE
    if not json:
        say(_summary(run, outcome))
    return EXIT_CODES[outcome.state]


def _summary(run: Run, outcome: Outcome) -> str:
    facts = [_("{name} {state}", name=run.name, state=state_name(outcome.state))]
    if outcome.step:
        facts.append(_("step {step:,}", step=outcome.step))
        facts.append(_("loss {loss}", loss=number(outcome.loss)))
    if outcome.eval_loss is not None:
        facts.append(_("evaluation loss {loss}", loss=number(outcome.eval_loss)))
    lines = [", ".join(facts)]
    if outcome.result:
        lines.append(_("Result: {path}", path=clean(str(run.directory / outcome.result))))
    if outcome.state == "finished":
        lines.append(_('Ask it: llmtune sample {name} "…"', name=run.name))
    elif run.paths.last_checkpoint():
        lines.append(_("Continue it: llmtune train --resume {name}", name=run.name))
    return "\n".join(lines)
