"""The metrics of a run as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from llmtune_kernel.runs.events import EvaluationEvent, Event, Metrics, MetricsEvent

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("step", "epoch", "loss", "eval_loss", "learning_rate", "grad_norm", "tokens", "tokens_per_second")


def metrics_frame(events: Iterable[Event]) -> pd.DataFrame:
    """One row a logged step: `step, epoch, loss, learning_rate, grad_norm, tokens, …, eval_loss`, and the measures."""
    import pandas as pd

    rows: dict[int, dict[str, Any]] = {}
    measures: dict[str, None] = {}
    for event in events:
        if not isinstance(event, MetricsEvent | EvaluationEvent):
            continue
        payload = event.payload
        while rows and next(reversed(rows)) > payload.step:  # lost: a run was continued from before it
            rows.popitem()
        if isinstance(payload, Metrics):
            rows[payload.step] = payload.model_dump(exclude={"max_steps", "measures"})
            prefix = ""
        else:
            row = rows.setdefault(payload.step, {"step": payload.step, "epoch": payload.epoch})
            row["eval_loss"] = payload.loss
            prefix = "eval_"
        named = {f"{prefix}{name}": value for name, value in payload.measures.items()}
        rows[payload.step] |= named
        measures |= dict.fromkeys(named)
    return pd.DataFrame(list(rows.values()), columns=[*_COLUMNS, "memory", "eta", *measures])
