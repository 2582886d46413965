"""Where things are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Where what can be made again is kept: `LLMTUNE_CACHE`, or a folder in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jupyterlab-llmtune"
    return Path(os.environ.get("LLMTUNE_CACHE") or default)
