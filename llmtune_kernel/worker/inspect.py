"""The job `inspect`: what the data of a configuration look like to the trainer, without training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmtune_kernel.config import RunConfig
from llmtune_kernel.data.summary import summarise
from llmtune_kernel.models.loading import load_tokenizer
from llmtune_kernel.models.sources import find_model
from llmtune_kernel.worker.prepare import prepare_data, total_steps


def inspect(job: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Answer with progress, then with a summary.

    Args:
        job: `config`; `variables`: for each notebook variable the Arrow file that holds it; `first`: how many rows
            to render.

    Raises:
        UserError: any mistake in the model's name or in the data.
    """
    config = RunConfig.model_validate(job["config"])
    variables: dict[str, str] = job["variables"]

    def locate(_: str, source: str) -> Path:
        return Path(variables[source[1:]] if source.startswith("$") else source)

    def progress(done: int, total: int) -> None:
        answer({"type": "progress", "done": done, "total": total})

    tokenizer = load_tokenizer(find_model(config.model))
    data = prepare_data(config, tokenizer, locate, progress)
    summary = summarise(data.training.rows, data.training.encoded, tokenizer, first=job["first"])
    summary.update(
        model=config.model.name_or_path,
        steps=total_steps(config, len(data.train)),
        train_rows=len(data.train),
        eval_rows=len(data.evaluation),
    )
    answer({"type": "summary", "summary": summary})
