"""`llmtune sample`: answers of a run, or of a base model."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.text import Text

from llmtune_kernel.cli.terminal import clean, console
from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.locale import _
from llmtune_kernel.runs.comparing import ask, base_column
from llmtune_kernel.runs.completion import Completion
from llmtune_kernel.runs.run import Prompt, attach
from llmtune_kernel.runs.run import sample as ask_models


def sample(options: argparse.Namespace) -> int:
    """Print what the model answers to each prompt.

    Raises:
        UserError: there is neither a run nor a model of that name, or a setting is wrong.
    """
    given = {"max_new_tokens": options.max_new_tokens, "temperature": options.temperature}
    settings = {name: value for name, value in given.items() if value is not None}
    with console(stderr=True).status(_("Loading the model")):
        answers = _answers(options.target, list(options.prompts), settings, base=options.base)
    stdout = console()
    for number, prompt in enumerate(options.prompts):
        stdout.print(Text(f"> {clean(prompt)}", style="bold"), soft_wrap=True)
        for name, said in answers.items():
            text = Text(f"{clean(name)}: " if len(answers) > 1 else "", style="dim")
            answer = said[number]
            text.append(clean(answer.text), style="not dim")
            if answer.note:
                text.append(f" [{answer.note}]", style="dim")
            stdout.print(text, soft_wrap=True)
    return 0


def _answers(
    target: str, prompts: list[Prompt], settings: dict[str, object], *, base: bool
) -> dict[str, list[Completion]]:
    """For each column one answer a prompt. A run goes before a model of its name."""
    try:
        run = attach(target)
    except UserError as error:
        if target == ModelConfig().name_or_path or "/" in target or Path(target).exists():
            model = ModelConfig(name_or_path=target)
            return ask_models({base_column(model): model}, prompts, settings)
        fix = _(
            "{known} A model is named by a path, by its Hub id, or {built_in}.",
            known=error.fix,
            built_in=ModelConfig().name_or_path,
        )
        raise UserError(
            _("There is no run or model named {target!r}.", target=target), error.where, fix
        ) from None
    return ask([run], prompts, settings, base=base)
