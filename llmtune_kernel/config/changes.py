"""Changes of a configuration that would mend what is wrong; a page offers each as a button."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from llmtune_kernel.locale import _


class Change(BaseModel):
    """A value to write; null takes its key away."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: tuple[str, ...] = Field(description="Keys, from the outermost in; those of lists are numbers.")
    value: JsonValue = None
    replaces: tuple[str, ...] | None = Field(
        default=None,
        description="Path of a key that gets this path and keeps its value; `value` is of no use.",
    )
    label: str = Field(default="", description="What it does; empty where path and value say it.")


def change_to(key: str, value: JsonValue, label: str = "") -> Change:
    """Write a value.

    Args:
        key: Dotted path, such as training.max_steps.
    """
    return Change(path=tuple(key.split(".")), value=value, label=label)


def leave_out(key: str, label: str = "") -> Change:
    """Take a key away, so that its default counts."""
    return change_to(key, None, label)


def exclusion(key: str, other: str) -> ValueError:
    """What to raise where two settings, by their dotted paths, say what only one of them can."""
    return ValueError(
        _("{key} and {other} exclude each other", key=key, other=other),
        _("keep one of the two"),
        [leave_out(key), leave_out(other)],
    )


def rename(old: Sequence[str | int], new: Sequence[str | int]) -> Change:
    """Give a value another key, in the same section or in another one."""
    return Change(path=tuple(map(str, new)), replaces=tuple(map(str, old)))
