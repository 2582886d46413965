"""Numbers as people read them."""

from __future__ import annotations

import time
from typing import Any


def duration(seconds: float) -> str:
    """`45 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: float) -> str:
    """Bytes as `812 MB` or `1.3 GB`."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def number(value: float | None, digits: int = 4) -> str:
    """A measure with `digits` significant digits; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}g}"


def clock(moment: float) -> str:
    """Unix time as local `14:03:59`."""
    return time.strftime("%H:%M:%S", time.localtime(moment))


def date(moment: float) -> str:
    """Unix time as local `2026-11-23 14:03`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """What the job `inspect` found out about data: names and values."""
    rows, lengths = summary["rows"], summary["lengths"]
    return [
        ("rows", f"{rows:,}: {summary['train_rows']:,} to train on, {summary['eval_rows']:,} to evaluate on"),
        ("columns", ", ".join(summary["columns"])),
        ("format", f"{summary['format']} (read from {', '.join(summary['format_columns'])})"),
        ("tokens", f"{summary['tokens']:,}, of which trained {summary['trained_tokens']:,}"),
        ("tokens a row", f"{lengths['min']:,} to {lengths['max']:,}, median {lengths['median']:g}"),
        ("truncated rows", f"{summary['truncated']:,} ({summary['truncated'] / rows:.1%})"),
        ("model", summary["model"]),
    ]
