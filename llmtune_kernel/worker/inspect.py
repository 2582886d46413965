"""The job `inspect`: what the data of a configuration look like to the trainer, and what the run will take."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from llmtune_kernel.config import RunConfig
from llmtune_kernel.config.data import Split
from llmtune_kernel.data.named_templates import about_endless, set_template
from llmtune_kernel.data.sources import Place, find_sources
from llmtune_kernel.data.statistics import Growing, details, statistics
from llmtune_kernel.data.summary import summarise
from llmtune_kernel.models.depths import check_depths
from llmtune_kernel.models.loading import load_configuration
from llmtune_kernel.models.prequantized import check_prequantized, said_of_weights
from llmtune_kernel.models.rope import most_positions
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.models.unsloth import check_length, check_loadable
from llmtune_kernel.models.vocabulary import tokenizer_of
from llmtune_kernel.worker.earlier import earlier_adapters, find_base
from llmtune_kernel.worker.estimating import kept_estimator, this_machine
from llmtune_kernel.worker.fitting import solutions, told
from llmtune_kernel.worker.machine import check_machine
from llmtune_kernel.worker.prepare import (
    Chosen,
    PreparedData,
    largest_batch,
    prepare_data,
    refuse_unfit,
    run_tokens,
    total_steps,
)

_PAUSE = 0.25  # seconds between two times that progress is told


def inspect(
    job: dict[str, Any], answer: Callable[[dict[str, Any]], None], check_cancelled: Callable[[], None]
) -> None:
    """Answer with progress, with what is known of the rows `so_far` where statistics are wanted; then with a summary:
    that of `summarise`, and what `_plan` says of the run.

    Args:
        job: `config`; `variables`: for each notebook variable the Arrow file that holds it; `first`: how many rows
            to render; `for_run`: whether the data have to be such as the objective learns from; `statistics`,
            `details`: whether to add what `data/statistics.py` finds.
        check_cancelled: Called after each batch of rows and before each estimate; may raise to end the job.

    Raises:
        UserError: any mistake in the model's name, in its layers or in the data.
    """
    config = RunConfig.model_validate(job["config"])
    variables: dict[str, str] = job["variables"]

    keys = {(variable.split, variable.number): variable.key for variable in config.data.variables()}

    def find(split: Split) -> list[Place]:
        return find_sources(
            config.data,
            split,
            lambda _split, _number: {},
            snapshot=lambda *place: Path(variables[keys[place]]),
        )

    growing = Growing(config.data) if job["statistics"] else None
    told = time.monotonic()

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal told
        check_cancelled()
        if time.monotonic() - told > _PAUSE:
            so_far = growing and growing.so_far()
            answer({"type": "progress", "stage": stage, "done": done, "total": total, "so_far": so_far})
            told = time.monotonic()

    if job["for_run"]:
        check_machine(config)
        earlier = earlier_adapters(config)  # says which is not there
    source = find_base(config.model)
    of_model = load_configuration(source)
    if job["for_run"]:
        check_prequantized(config, of_model)
        check_depths(config, of_model)
        if config.model.backend == "unsloth":
            check_loadable(config.model, of_model, on_top=bool(earlier.beneath))
    tokenizer = tokenizer_of(config.model, source)
    set_template(tokenizer, config.data)
    reading = functools.partial(progress, "reading")
    data = prepare_data(config, tokenizer, find, reading, growing.add if growing else None)
    if job["for_run"]:
        refuse_unfit(config, data)
        if config.model.backend == "unsloth":
            check_length(config.model, of_model, data.longest)
    split, encoded = data.train.split, data.train.split.encoded
    summary = summarise(encoded, tokenizer, split.rows, split.columns, first=job["first"])
    summary["endless"] = about_endless(tokenizer, encoded) if config.data.train_on_eos else ""
    if job["statistics"]:
        comparing = functools.partial(progress, "comparing")
        found = statistics(encoded, tokenizer, config.data, comparing)
        summary["statistics"] = {**found, "sources": _sources(data.train)}
    if job["details"]:
        summary["details"] = details(encoded)
    answer({"type": "summary", "summary": {**summary, **_plan(config, source, data, check_cancelled)}})


def _sources(train: Chosen) -> list[dict[str, Any]]:
    """Of each source `name`, `rows`, how many can be `used`; those of an epoch, `train_rows`, and their tokens."""
    used = np.unique(train.split.encoded.numbers)
    return [
        {
            "name": source.source.source,
            "rows": source.rows,
            "used": int(((used >= source.first) & (used < source.first + source.rows)).sum()),
            "train_rows": share.rows,
            "epoch_tokens": share.tokens,
            "epoch_trained_tokens": share.trained_tokens,
        }
        for source, share in zip(train.split.sources, train.shares, strict=True)
    ]


def _plan(
    config: RunConfig, source: ModelSource, data: PreparedData, check_cancelled: Callable[[], None]
) -> dict[str, Any]:
    """What the run will do and need: `model`; `quantized`, how its weights are already, in words; `dtype`,
    `gradient_checkpointing`, with `auto` decided; `steps`, `train_rows`, `eval_rows`; `epoch_tokens`,
    `epoch_trained_tokens` of the former; `run_tokens`, those of all epochs; `max_positions` of the model, None if it
    says none; `memory`, `memory_available` in bytes; `memory_changes`, where it does not fit, what `told` says of ways
    to."""
    steps = total_steps(config, data)
    tokens = sum(data.train.tokens)
    here = this_machine(config)
    estimator = kept_estimator(config, source, largest_batch(config, data))
    found = estimator.estimate(config, here)
    fits = found.total <= here.free
    ways = [] if fits else solutions(config, estimator, here, check_cancelled)
    return {
        "model": config.model.name_or_path,
        "quantized": said_of_weights(load_configuration(source)),
        "dtype": str(here.dtype).removeprefix("torch."),
        "gradient_checkpointing": found.gradient_checkpointing,
        "steps": steps,
        "train_rows": data.train.rows,
        "eval_rows": data.evaluation.rows if data.evaluation else 0,
        "epoch_tokens": tokens,
        "epoch_trained_tokens": data.train.trained_tokens,
        "run_tokens": run_tokens(config, data),
        "max_positions": most_positions(estimator.model(config, here).config),
        "memory": found.total,
        "memory_available": here.free,
        "memory_changes": told(ways),
    }
