"""The statistics of the data of a configuration, which a worker counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmtune_kernel.config import UserError, read_config
from llmtune_kernel.locale import _
from llmtune_kernel.notebook import protocol
from llmtune_kernel.notebook.looking import OnProgress, inspect_data, snapshots
from llmtune_kernel.runs.workers import Cancellation, Cancelled


def count(
    wanted: protocol.Counted,
    namespace: Mapping[str, Any],
    on_progress: OnProgress,
    cancellation: Cancellation,
) -> protocol.Statistics:
    """Let a worker count.

    Args:
        namespace: Where `$name` is looked up.
        on_progress: As of `inspect_data`.

    Raises:
        UserError: any mistake in the configuration, the data or the model's name, or it was cancelled.
    """
    config = read_config(wanted.text).model_copy(update={"resume": None})
    # Who counts wants to know of all rows, whatever a run would do about those that are wrong.
    lenient = {"on_bad_row": "skip"}
    if config.data.truncation == "error":
        lenient["truncation"] = "drop"
    counted = config.model_copy(update={"data": config.data.model_copy(update=lenient)})

    def as_asked(found: dict[str, Any]) -> dict[str, Any]:
        groups = found["groups"]
        if config.data.truncation == "error" and groups["policy"] == "drop":
            groups = {**groups, "policy": "error"}
        return {**found, "groups": groups, "max_length": config.data.max_length}

    def tell(progress: dict[str, Any]) -> None:
        so_far = progress["so_far"]
        on_progress({**progress, "so_far": so_far and as_asked(so_far)})

    try:
        with snapshots(counted, namespace) as files:
            summary = inspect_data(
                counted, files, 0, tell, for_run=False, details=False, cancellation=cancellation
            )
    except Cancelled:
        raise UserError(_("Counting was cancelled.")) from None
    taken = protocol.Statistics.model_fields.keys() & summary.keys()
    return protocol.Statistics(**{name: summary[name] for name in taken}, **as_asked(summary["statistics"]))
