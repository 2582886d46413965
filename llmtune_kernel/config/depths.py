"""What a mixture of depths does not go with: told of a configuration, or of a model that turns out to have routers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmtune_kernel.config.changes import Change, change_to, leave_out
from llmtune_kernel.config.methods import FullMethod, Method
from llmtune_kernel.config.objectives import Objective
from llmtune_kernel.locale import _

# Attention whose masks can be told for some of the tokens.
_ATTENTION = ("auto", "sdpa", "eager")


class Objection(NamedTuple):
    """A setting, by its key, that does not go with it: the reason, and what would mend it."""

    key: str
    reason: str
    changes: list[Change]


def to_model(model: Mapping[str, Any]) -> Objection | None:
    """The first of the settings of a model that does not go with it."""
    attention = model.get("attention", "auto")
    if attention not in _ATTENTION:
        reason = _("it does not go together with attention: {name}", name=attention)
        return Objection("model.attention", reason, [leave_out("model.attention")])
    for key in ("shift_attn", "liger_kernel"):
        if model.get(key):
            reason = _("it does not go together with {key}", key=key)
            return Objection(f"model.{key}", reason, [leave_out(f"model.{key}")])
    if model.get("backend") == "unsloth":
        reason = _("unsloth lets every token pass through all layers")
        return Objection("model.backend", reason, [leave_out("model.backend")])
    return None


def to_method(method: Method) -> Objection | None:
    """Why it is not trained so."""
    if isinstance(method, FullMethod):
        return None
    reason = _("only method: full trains the routers of a mixture of depths")
    return Objection("method.type", reason, [change_to("method.type", "full")])


def to_objective(objective: Objective, *, compares: bool) -> Objection | None:
    """Why it is not trained for that.

    Args:
        compares: Whether the objective compares with what a model does while it is not trained.
    """
    if not compares:
        return None
    loss = getattr(objective, "loss", objective.type) if objective.type == "sft" else objective.type
    reason = _(
        "{name} compares what a model says in training with what it says otherwise, and with a mixture of depths "
        "other tokens pass through its layers then",
        name=loss,
    )
    return Objection("objective.type", reason, [])
