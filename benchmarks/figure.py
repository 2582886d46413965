"""What a benchmark hands over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured number; `goal` says what it should be, if anything was promised."""

    what: str
    value: float
    unit: str
    goal: str = ""


@dataclass(frozen=True)
class Measured:
    """The figures of one benchmark, and the single measurements they were computed from."""

    figures: list[Figure]
    measurements: Any = field(default_factory=list)


class Skipped(Exception):
    """A benchmark that this machine cannot run; says why."""
