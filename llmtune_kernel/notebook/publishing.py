"""Outputs of a cell."""

from __future__ import annotations

from typing import Any

from IPython.display import display


def publish(
    bundle: dict[str, Any],
    *,
    metadata: dict[str, Any] | None = None,
    display_id: str | None = None,
    update: bool = False,
) -> None:
    """Show a MIME bundle below the current cell, or put it in the place of the output with `display_id`."""
    display(bundle, raw=True, metadata=metadata, display_id=display_id, update=update)  # type: ignore[no-untyped-call]
