"""The same prompts to runs, live or over, and to their base models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmtune_kernel.config import ModelConfig
from llmtune_kernel.locale import _
from llmtune_kernel.runs.completion import Completion
from llmtune_kernel.runs.run import Prompt, Run, sample


def ask(
    chosen: Sequence[Run],
    prompts: list[Prompt],
    settings: dict[str, Any],
    *,
    base: bool,
    models: Sequence[ModelConfig] = (),
) -> dict[str, list[Completion]]:
    """Answers by column: with `base` the base models of the runs first, then further `models`, then the runs.

    A live run answers with its weights of now, the rest is one job of a worker.

    Raises:
        UserError: a run without a result, a wrong setting.
    """
    live = [run for run in chosen if run.paths.alive]
    bases = (bases_of(chosen) if base else {}) | {base_column(model): model for model in models}
    over = {run.name: run for run in chosen if run not in live}
    others: dict[str, Run | ModelConfig] = {**bases, **over}
    answers = sample(others, prompts, settings) if others else {}
    for run in live:
        answers[run.name] = run.complete(prompts, settings)
    return {column: answers[column] for column in [*bases, *(run.name for run in chosen)]}


def base_column(model: ModelConfig) -> str:
    """How a base model heads its answers: never the name of a run, which has no parentheses."""
    quantization = model.quantization if model.quantization != "none" else None
    scaling = model.rope_scaling if model.rope_scaling != "none" else None
    parts = (model.revision, model.dtype if model.dtype != "auto" else None, quantization, scaling)
    return f"{model.name_or_path} ({', '.join([_('base'), *filter(None, parts), *model.adapters])})"


def bases_of(chosen: Sequence[Run]) -> dict[str, ModelConfig]:
    """The base models of runs, each once, as the runs resolved them; the default one without runs."""
    if not chosen:
        return {base_column(ModelConfig()): ModelConfig()}
    found: dict[str, ModelConfig] = {}
    for run in chosen:
        configured, resolved = run.config.model, run.paths.read_resolved()
        keys = ("name_or_path", "revision", "dtype")
        exact = {key: resolved["base"][key] for key in keys} if resolved else {}
        if resolved and (positions := resolved["base"].get("positions")):
            exact["rope_factor"] = positions["rope_parameters"]["factor"]
        exact["adapters"] = [str(folder) for folder in run.paths.earlier()]
        found.setdefault(base_column(configured), configured.model_copy(update=exact))
    return found
