"""Prints the losses of runs by Unsloth, which it imports first; stdin is a JSON list of folders and configurations."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from llmtune_kernel.models.unsloth_import import import_first


def main() -> None:
    jobs: list[tuple[str, dict[str, Any]]] = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        import_first()
        from watching import losses_of

        told = [losses_of(Path(folder), values) for folder, values in jobs]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
