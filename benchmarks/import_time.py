"""How long does `import llmtune_kernel` take, and what does it leave alone?"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

from figure import Figure, Measured

TIMES = 15
HEAVY = ("torch", "transformers", "pandas", "plotly")
LOADED = "import json, sys, llmtune_kernel; print(json.dumps(sorted(sys.modules)))"


def measure() -> Measured:
    """Fresh processes, with and without the import, in turns."""
    pairs = [(seconds("pass"), seconds("import llmtune_kernel")) for _ in range(TIMES)]
    bare, whole = (sorted(column) for column in zip(*pairs, strict=True))
    printed = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True)
    heavy = [name for name in HEAVY if name in json.loads(printed.stdout)]
    median = statistics.median(whole) - statistics.median(bare)
    figures = [
        Figure(
            "import llmtune_kernel, best, less a bare interpreter", round(whole[0] - bare[0], 3), "s", "< 0.3"
        ),
        Figure("import llmtune_kernel, median, less a bare interpreter", round(median, 3), "s", "< 0.3"),
        Figure(f"of {', '.join(HEAVY)} imported by it", len(heavy), "modules", "0"),
    ]
    return Measured(figures, {"bare_seconds": bare, "import_seconds": whole, "heavy": heavy})


def seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs `code`."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return round(time.perf_counter() - began, 4)
