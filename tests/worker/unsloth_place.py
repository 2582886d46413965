"""Where Unsloth is for tests: beside the other packages, for what imports it changes them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

PLACE = Path(sys.prefix) / "share" / "unsloth"
needs_unsloth = pytest.mark.skipif(
    not (PLACE.is_dir() or importlib.util.find_spec("unsloth")),
    reason=f"Unsloth is not installed; make setup puts it into {PLACE}",
)


def path_with_unsloth() -> str:
    """What PYTHONPATH is for a process that finds it."""
    return os.pathsep.join(filter(None, [str(PLACE), os.environ.get("PYTHONPATH")]))
