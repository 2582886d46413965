"""What is worth knowing before a run starts, each with the change that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.data.formats import unread_media
from llmtune_kernel.locale import _, _n
from llmtune_kernel.notebook.protocol import Notice
from llmtune_kernel.runs.directory import check_runs_folder
from llmtune_kernel.runs.wording import number, size, ways_to_fit

_FEW_ROWS = 10
_ROWS_TO_EVALUATE = 100
_TRUNCATED_SHARE = 0.05
_LENGTH_STEP = 64
# It goes with a smaller batch, and saves no memory by itself.
_WITH_ANOTHER = ("training.gradient_accumulation_steps",)


def notices(config: RunConfig, summary: Mapping[str, Any]) -> list[Notice]:
    """Notices about a run, the gravest first.

    Args:
        summary: Of the job `inspect`, see `worker/inspect.py`.
    """
    found = (
        _runs_folder(),
        _memory(config, summary),
        _media(summary),
        _endless(summary),
        _skipped(summary),
        _too_long(config, summary),
        _few_rows(config, summary),
        _batch(config, summary),
        _learning_rate(config),
        _no_evaluation(config, summary),
        _quantized(summary),
    )
    return [notice for notice in found if notice is not None]


def _runs_folder() -> Notice | None:
    try:
        check_runs_folder()
    except UserError as error:
        return Notice(message=f"{error.where}: {error.what} {error.fix}")
    return None


def _memory(config: RunConfig, summary: Mapping[str, Any]) -> Notice | None:
    needed, free = summary["memory"], summary["memory_available"]
    if needed <= free:
        return None
    message = _("The run may need {needed} of memory; {free} are free.", needed=size(needed), free=size(free))
    ways = summary["memory_changes"]
    chosen: dict[str, Any] = {}
    for way in ways:
        for key, value in way["settings"].items():
            chosen.setdefault(key, value)  # that of the cheapest way
    changes = [
        change_to(key, value, _label(key, value)) for key, value in chosen.items() if key not in _WITH_ANOTHER
    ]
    return Notice(message=f"{message} {ways_to_fit(ways)}", changes=changes)


def _label(key: str, value: Any) -> str:
    """What a setting does, where that is shorter than the setting."""
    match key:
        case "training.gradient_checkpointing":
            return _("Turn on gradient checkpointing")
        case "training.per_device_train_batch_size":
            return _("Batch size {size}", size=value)
        case "data.max_length":
            return _("Maximum length {length:,}", length=value)
    return ""


def _media(summary: Mapping[str, Any]) -> Notice | None:
    message = unread_media(summary["columns"])
    return Notice(message=message) if message else None


def _quantized(summary: Mapping[str, Any]) -> Notice | None:
    return Notice(message=summary["quantized"]) if summary["quantized"] else None


def _endless(summary: Mapping[str, Any]) -> Notice | None:
    change = change_to("data.template", "chatml")
    return Notice(message=summary["endless"], changes=[change]) if summary["endless"] else None


def _skipped(summary: Mapping[str, Any]) -> Notice | None:
    count = summary["skipped"]
    if not count:
        return None
    message = _n(
        "{count:,} row cannot be trained on and is skipped.",
        "{count:,} rows cannot be trained on and are skipped.",
        count,
    )
    return Notice(
        message=message, changes=[change_to("data.on_bad_row", "error", _("List them with reasons"))]
    )


def _too_long(config: RunConfig, summary: Mapping[str, Any]) -> Notice | None:
    share = (summary["truncated"] + summary["dropped"]) / summary["rows"]
    if share <= _TRUNCATED_SHARE:
        return None
    now = config.data.max_length
    wanted = -(-summary["lengths"]["p99"] // _LENGTH_STEP) * _LENGTH_STEP
    wanted = min(wanted, summary["max_positions"] or wanted)
    changes = []
    if wanted > now:
        changes.append(change_to("data.max_length", wanted, _("Maximum length {length:,}", length=wanted)))
    if config.data.truncation == "drop":
        message = _(
            "{share:.0%} of the rows are longer than {length:,} tokens and are left out.",
            share=share,
            length=now,
        )
    else:
        message = _(
            "{share:.0%} of the rows are longer than {length:,} tokens and are cut.", share=share, length=now
        )
    if not changes:
        message = " ".join((message, _("The model reads no more at once: split these rows.")))
        if config.data.truncation != "drop":
            changes.append(change_to("data.truncation", "drop", _("Leave them out")))
    return Notice(message=message, changes=changes)


def _few_rows(config: RunConfig, summary: Mapping[str, Any]) -> Notice | None:
    rows, data = summary["train_rows"], config.data
    if rows >= _FEW_ROWS:
        return None
    changes = []
    if data.limit is not None and data.limit < _FEW_ROWS:
        changes.append(leave_out("data.limit", _("Read all rows")))
    if data.sets_aside and rows + summary["eval_rows"] >= _FEW_ROWS:
        changes.append(change_to(f"data.{data.sets_aside}", 0, _("Set no rows aside")))
    message = _n(
        "There is only 1 row to train on: the model will learn it by heart.",
        "There are only {count} rows to train on: the model will learn them by heart.",
        rows,
    )
    return Notice(message=message, changes=changes)


def _batch(config: RunConfig, summary: Mapping[str, Any]) -> Notice | None:
    batch, rows = config.training.per_device_train_batch_size, summary["train_rows"]
    if batch <= rows:
        return None
    change = change_to("training.per_device_train_batch_size", rows, _("Batch size {size}", size=rows))
    message = _n(
        "The batch size {batch} is larger than the {count:,} training rows.",
        "The batch size {batch} is larger than the {count:,} training rows.",
        rows,
        batch=batch,
    )
    return Notice(message=message, changes=[change])


def _learning_rate(config: RunConfig) -> Notice | None:
    usual, chosen = config.usual_learning_rate, config.learning_rate_value
    if usual / 10 <= chosen <= usual * 10:
        return None
    values = {"rate": number(chosen), "method": config.method.type, "usual": number(usual)}
    label = _("Set the learning rate to auto ({usual})", usual=number(usual))
    change = change_to("training.learning_rate", "auto", label)
    if chosen > usual:
        message = _("The learning rate {rate} is high for the method {method}; {usual} is usual.", **values)
    else:
        message = _("The learning rate {rate} is low for the method {method}; {usual} is usual.", **values)
    return Notice(message=message, changes=[change])


def _no_evaluation(config: RunConfig, summary: Mapping[str, Any]) -> Notice | None:
    if summary["eval_rows"] or summary["train_rows"] < _ROWS_TO_EVALUATE:
        return None
    change = change_to("data.eval_fraction", 0.1, _("Set 10% of the rows aside"))
    message = _("No rows are set aside for evaluation: overfitting would not show.")
    return Notice(message=message, changes=[change])
