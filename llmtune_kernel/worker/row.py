"""The jobs `row` and `problem`: one row of a source through the eyes of the trainer, and the next that is left out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from llmtune_kernel.config import DataConfig, ModelConfig, RunConfig
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.formats import Row, RowFormat
from llmtune_kernel.data.named_templates import set_template
from llmtune_kernel.data.recognition import recognise
from llmtune_kernel.data.row_view import first_left_out, view_row
from llmtune_kernel.data.turns import tags_from
from llmtune_kernel.models.vocabulary import tokenizer_of
from llmtune_kernel.worker.earlier import find_base


def row(
    job: dict[str, Any], answer: Callable[[dict[str, Any]], None], check_cancelled: Callable[[], None]
) -> None:
    """Answer with what `view_row` gives, and the `format` of the rows.

    Args:
        job: `config`; `source`, where the rows are from (a `SourceConfig`); `row` and its `number`; `others`: the
            first rows of the source, by which the format is recognised.
        check_cancelled: Called before the row is encoded; may raise to end the job.

    Raises:
        UserError: any mistake in the model's name, in the template or in the columns.
    """
    others = job["others"]
    tokenizer, format, config = _prepared(job, [*others, job["row"]], [*range(len(others)), job["number"]])
    check_cancelled()
    view = view_row(job["row"], job["number"], format, tokenizer, config)
    answer({"type": "row", "row": {**view, "format": format.name}})


def find_problem(
    job: dict[str, Any], answer: Callable[[dict[str, Any]], None], check_cancelled: Callable[[], None]
) -> None:
    """Answer with the `number` of the first row that is left out, None if none is.

    Args:
        job: As of `row`, but with `rows` and their `numbers`, in the order in which they are looked through.
        check_cancelled: Called before the rows are encoded; may raise to end the job.

    Raises:
        UserError: any mistake in the model's name, in the template or in the columns.
    """
    others = job["others"]
    sample, numbers = (others, range(len(others))) if others else (job["rows"], job["numbers"])
    tokenizer, format, config = _prepared(job, sample, numbers)
    check_cancelled()
    rows = dict(zip(job["numbers"], job["rows"], strict=True))
    answer({"type": "problem", "number": first_left_out(rows, format, tokenizer, config)})


def _prepared(
    job: dict[str, Any], rows: list[Row], numbers: Sequence[int]
) -> tuple[Any, RowFormat, DataConfig]:
    """What rows are encoded with: the tokenizer, their format, which `rows` of these `numbers` show, the settings."""
    config, source = RunConfig.model_validate(job["config"]), SourceConfig.model_validate(job["source"])
    tokenizer = _tokenizer(config.model.model_dump_json(), config.data.model_dump_json())
    format = recognise(rows, source.format or "auto", source.columns, tags_from(source.tags or {}), numbers)
    return tokenizer, format, config.data


@functools.lru_cache(maxsize=2)
def _tokenizer(model: str, data: str) -> Any:
    """A tokenizer with its template, kept for the next row."""
    config = ModelConfig.model_validate_json(model)
    tokenizer = tokenizer_of(config, find_base(config))
    set_template(tokenizer, DataConfig.model_validate_json(data))
    return tokenizer
